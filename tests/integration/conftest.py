"""One stack for all tests of a session that do not stop or break it: on an emulator, or with --live a deployed one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from automlops.aws.connection import connect_emulator
from automlops.local.emulator_process import COMMAND, local_emulator
from automlops.tables.items import make_sample
from tests.live.plans import plan_of
from tests.live.plugin import LIVE
from tests.live.removal import Remover, new_prefix
from tests.live.stack import Run, Stack, open_stack

__all__ = ["STACK", "Run", "Stack"]

STACK = "automlops"
# Which model wins is not what these tests are about, and a naive guess trains in half the time.
NAIVE = ("--parameter", "ModelBackend=mean_gap")


@pytest.fixture(scope="session")
def deployed(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Return the project's own stack.

    With --live it is the deployed stack that was named. Otherwise it is on an emulator in a process of its own, as
    `automlops run --local` has it, where it is also made sure that tests start no more jobs than they declare.
    """
    live = request.config.stash.get(LIVE, None)
    if live is not None:
        yield live.stack
        return
    with local_emulator([*COMMAND, *NAIVE]) as url:
        stack = open_stack(connect_emulator(url), STACK, new_prefix())
        yield stack
        found, plan = Remover(stack).find(), plan_of(request.session.items)
        assert len(found.training_jobs) <= plan.training_jobs, "declare with @starts what tests start"
        assert len(found.transform_jobs) <= plan.transform_jobs, "declare with @starts what tests start"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three generated data sets: the country's name to CSV."""
    split = make_sample(tmp_path_factory.mktemp("sample"), 3, seed=1)
    return {part.item: part.path.read_bytes() for part in split.parts}


@pytest.fixture(scope="session")
def small_csv(sample: dict[str, bytes]) -> bytes:
    """Return the smallest of them."""
    return min(sample.values(), key=len)


@pytest.fixture(scope="session")
def unique(deployed: Stack) -> Callable[[str], str]:
    """Names that no other test uses."""
    numbers = itertools.count(1)
    return lambda stem: deployed.own(f"{stem}-{next(numbers)}")
