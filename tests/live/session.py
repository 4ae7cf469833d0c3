"""One live session: says what it will cost, makes sure that it disturbs nobody, and removes what it made."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest
from rich.console import Console

from automlops.aws.connection import connect
from automlops.aws.stored_runs import parse_manifest
from automlops.errors import CommandError
from automlops.runs.report import print_table
from tests.live.estimate import counted, estimate_lines, price_of
from tests.live.plans import Plan, plan_of
from tests.live.removal import Found, NotRemovedError, Remover, Tell, new_prefix
from tests.live.stack import Stack, open_stack

# A run whose items wait for instances. What a pipeline may do ends after two hours, and removing takes time as well.
PATIENCE_IN_SECONDS = 4500.0
TABLE_WIDTH = 140


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        stack: name of the deployed stack.
        price_per_hour: of an instance, in USD; None asks AWS.
        minutes_per_job: how long a job takes, at most.
    """

    stack: str
    price_per_hour: Decimal | None
    minutes_per_job: int


class LiveSession:
    """A session on a deployed stack.

    Attributes:
        stack: reached with the caller's own credentials, Region and endpoint.
        plan: what the selected tests start.
    """

    def __init__(self, options: Options, environment: Mapping[str, str], items: Iterable[pytest.Item]) -> None:
        """Look the stack up.

        Raises:
            CommandError: there is no such stack, or AWS cannot be asked.
        """
        self._options = options
        self.stack: Stack = open_stack(connect(environment), options.stack, new_prefix(), PATIENCE_IN_SECONDS)
        self.plan: Plan = plan_of(items)

    def announce(self, tell: Tell) -> None:
        """Tells where this goes and what it costs."""
        tell(f"live session {self.stack.prefix} on the stack {self.stack.name} in {self.stack.connection.place}")
        look_up = price_of(self.stack.connection, self._options.price_per_hour)
        for line in estimate_lines(
            self.plan, self.stack.description.parameters, look_up, self._options.minutes_per_job
        ):
            tell(line)

    def check(self) -> None:
        """Make sure that runs can start, and that there is nothing under the session's names.

        Raises:
            CommandError: the stack has no image, AWS may not be asked, or there is something.
        """
        if not self.stack.description.parameters.get("ImageUri"):
            raise CommandError(
                f"The stack {self.stack.name!r} has no image, so no run can start.",
                "Push one and deploy with the parameter ImageUri.",
            )
        found = Remover(self.stack).find()
        if found.left or found.training_jobs or found.transform_jobs:
            raise CommandError(f"There is something named {self.stack.prefix}… already; run it again.")

    def remove(self, tell: Tell) -> bool:
        """Remove what the session made; whether all of it is gone and no more was started than declared."""
        remover = Remover(self.stack)
        with _signals_ignored(signal.SIGTERM, signal.SIGHUP):
            try:
                kept = remover.remove(tell)
            except (NotRemovedError, CommandError, KeyboardInterrupt) as error:
                reason = "Ctrl-C" if isinstance(error, KeyboardInterrupt) else str(error)
                tell(f"NOT everything was removed: {reason}")
                tell(f"to remove the rest: python -m tests.live {self.stack.name} {self.stack.prefix}")
                return False
        tell(removal_line(remover))
        tell(kept_line(kept))
        if (
            len(kept.training_jobs) > self.plan.training_jobs
            or len(kept.transform_jobs) > self.plan.transform_jobs
        ):
            tell(f"more jobs were started than the tests declare with @starts: {self.plan}")
            return False
        return True

    def report(self, tell: Tell) -> None:
        """Tells what became of each run, and what was asked of AWS."""
        for run in self.stack.runs:
            name = run.description["name"]
            if run.content is None:
                tell(f"{name}: {run.description['status']} {run.description.get('error', '')}")
                continue
            text = io.StringIO()
            print_table(Console(file=text, width=TABLE_WIDTH, highlight=False), parse_manifest(run.content))
            tell(f"{name}:\n{text.getvalue().rstrip()}")
        tell(f"asked of AWS: {' '.join(sorted(self.stack.actions))}")


def removal_line(remover: Remover) -> str:
    """Return what was removed."""
    return (
        f"removed {counted(remover.objects, 'object version')} and {counted(remover.models, 'model')}, "
        f"stopped {counted(len(remover.stopped), 'execution or job', 'executions and jobs')}"
    )


def kept_line(kept: Found) -> str:
    """Return what AWS keeps of the session."""
    return (
        f"left, since AWS keeps them: {counted(len(kept.training_jobs), 'ended training job')}, "
        f"{counted(len(kept.transform_jobs), 'ended transform job')}, the executions' histories, and the logs of all these"
    )


@contextmanager
def _signals_ignored(*numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_on_signals() -> Callable[[], None]:
    """Make SIGTERM and SIGHUP end the session as Ctrl-C does, tidying included; undone by what is returned."""
    # nohup ignores SIGHUP and means it.
    heeded = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded}

    def undo() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return undo
