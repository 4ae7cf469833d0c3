"""What scenarios start on a stack: every test or module fixture that starts something declares how much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import TypeVar

import pytest

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True)
class Plan:
    """How much is started, at most.

    Attributes:
        runs: executions of the state machine.
        items: items of these runs that get an execution of their own.
        training_jobs: training jobs, of runs or alone.
        transform_jobs: batch transform jobs, of runs or alone.
    """

    runs: int = 0
    items: int = 0
    training_jobs: int = 0
    transform_jobs: int = 0

    def __add__(self, other: Plan) -> Plan:
        return Plan(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


# (module, function) → what it starts.
_declared: dict[tuple[str, str], Plan] = {}


def starts(
    *, runs: int = 0, items: int = 0, training_jobs: int = 0, transform_jobs: int = 0
) -> Callable[..., Function]:
    """Declare what the decorated test, or the decorated fixture of its module, starts.

    It stands next to the function, below `pytest.fixture`; a fixture counts once for its module.
    """
    plan = Plan(runs, items, training_jobs, transform_jobs)

    def declare(function: Function) -> Function:
        _declared[function.__module__, function.__name__] = plan
        return function

    return declare


def plan_of(items: Iterable[pytest.Item]) -> Plan:
    """Return what the selected tests start, with the fixtures that they use."""
    total = Plan()
    fixtures: set[tuple[str, str]] = set()
    for item in items:
        if isinstance(item, pytest.Function):
            module = item.module.__name__
            total += _declared.get((module, item.originalname), Plan())
            fixtures.update((module, name) for name in item.fixturenames)
    return sum((_declared[fixture] for fixture in fixtures & _declared.keys()), total)
