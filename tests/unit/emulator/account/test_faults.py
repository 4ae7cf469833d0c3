"""Which fault happens at which call."""

from __future__ import annotations

import random
import threading

import pytest

from emulator.account.faults import FaultMatcher
from emulator.account.plan import Account, ApiError, Fault

SLOW = ApiError(code="ThrottlingException")
DENIED = ApiError(code="AccessDeniedException")


def matcher(*faults: Fault, seed: int = 0) -> FaultMatcher:
    return FaultMatcher(Account(seed=seed, faults=faults), lambda _: True)


def happened(found: Fault | None) -> str:
    return found.error.code if found is not None and found.error is not None else ""


@pytest.mark.parametrize(
    ("fault", "happens"),
    [
        pytest.param(Fault(action="CreateModel", error=SLOW), True, id="action"),
        pytest.param(Fault(action="Create*", error=SLOW), True, id="pattern of actions"),
        pytest.param(Fault(action="CreateTrainingJob", error=SLOW), False, id="another action"),
        pytest.param(Fault(action="CreateModel", name="item[12]-*", error=SLOW), True, id="pattern of names"),
        pytest.param(Fault(action="CreateModel", name="ITEM1*", error=SLOW), False, id="names have their case"),
        pytest.param(Fault(action="CreateModel", name="item", error=SLOW), False, id="a name is whole"),
        pytest.param(Fault(action="CreateModel", payload='"Mode": "x"', error=SLOW), True, id="payload"),
        pytest.param(Fault(action="CreateModel", payload="y", error=SLOW), False, id="another payload"),
        pytest.param(Fault(action="CreateModel", probability=0.0, error=SLOW), False, id="never"),
        pytest.param(Fault(action="CreateModel", probability=1.0, error=SLOW), True, id="always"),
    ],
)
def test_a_fault_happens_to_whom_it_names(fault: Fault, *, happens: bool) -> None:
    found = matcher(fault).happening("CreateModel", "item1-a", '{"Mode": "x"}')
    assert (found is not None) == happens


def test_attempts_are_counted_for_each_name() -> None:
    faults = matcher(Fault(action="CreateModel", attempts=[1, 3], error=SLOW))
    calls = ["a", "b", "a", "a", "b", "a", "b"]
    assert [(name, bool(faults.happening("CreateModel", name))) for name in calls] == [
        ("a", True),
        ("b", True),
        ("a", False),
        ("a", True),
        ("b", False),
        ("a", False),
        ("b", True),
    ]


def test_attempts_of_one_name_can_be_told_apart_by_the_caller() -> None:
    faults = matcher(Fault(action="Invoke", attempts=[1], error=SLOW))
    found = [bool(faults.happening("Invoke", "f", counted_by=event)) for event in ("e1", "e2", "e1")]
    assert found == [True, True, False]


def test_the_first_fault_decides_and_the_others_count_on() -> None:
    faults = matcher(
        Fault(action="CreateModel", attempts=[1], error=SLOW),
        Fault(action="CreateModel", attempts=[1, 2], error=DENIED),
    )
    found = [happened(faults.happening("CreateModel", "a")) for _ in range(3)]
    assert found == ["ThrottlingException", "AccessDeniedException", ""]


def test_chance_depends_on_the_seed_and_not_on_the_order_of_calls() -> None:
    plan = Fault(action="CreateModel", probability=0.3, error=SLOW)
    names = [f"item{number}" for number in range(400)]

    def struck(order: list[str], seed: int) -> set[str]:
        faults = matcher(plan, seed=seed)
        return {name for name in order if faults.happening("CreateModel", name)}

    shuffled = random.Random(5).sample(names, len(names))  # noqa: S311 - an order, no secret
    first = struck(names, seed=1)
    assert struck(shuffled, seed=1) == first
    assert struck(names, seed=2) != first
    assert 80 <= len(first) <= 160


def test_chance_does_not_depend_on_the_moment_of_a_run() -> None:
    plan = Fault(action="CreateModel", probability=0.5, error=SLOW)
    moments = ["20261122T204912123Z", "20270101T000000000Z"]
    drawn = [
        [bool(matcher(plan).happening("CreateModel", f"{moment}-item{number}")) for number in range(50)]
        for moment in moments
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("bucket-a1b2c3d4e5f6/key", "bucket-zzzzzzzzzzzz/key"),
        ("automlops-Function-AbCdEfGhIjKl", "automlops-Function-123456789012"),
        ('{"at": "2026-11-22T20:49:12.123Z"}', '{"at": "2027-01-01T00:00:00Z"}'),
        ("run-9b2d6c1e-0000-4000-8000-123456789abc", "run-00000000-1111-4222-8333-cba987654321"),
        (f"sha256:{'0a' * 32}", f"sha256:{'f1' * 32}"),
    ],
    ids=["bucket", "function", "moment", "uuid", "hash"],
)
def test_chance_does_not_depend_on_what_passes(first: str, second: str) -> None:
    plan = Fault(action="CreateModel", probability=0.5, error=SLOW)

    def draws(name: str) -> list[bool]:
        faults = matcher(plan)
        return [bool(faults.happening("CreateModel", name)) for _ in range(40)]

    assert draws(first) == draws(second)


def test_the_next_run_of_an_item_draws_anew_and_counts_anew() -> None:
    names = [f"train-item-202611222049{number:05}Z" for number in range(40)]
    chance = matcher(Fault(action="CreateModel", probability=0.5, error=SLOW))
    assert {bool(chance.happening("CreateModel", name)) for name in names} == {True, False}
    counted = matcher(Fault(action="CreateModel", attempts=[1], error=SLOW))
    assert all(counted.happening("CreateModel", name) for name in names)


def test_a_fault_happens_no_more_often_than_it_may() -> None:
    faults = matcher(Fault(action="CreateModel", times=2, error=SLOW), Fault(action="CreateModel", error=DENIED))
    found = [happened(faults.happening("CreateModel", name)) for name in "abab"]
    assert found == [
        "ThrottlingException",
        "ThrottlingException",
        "AccessDeniedException",
        "AccessDeniedException",
    ]


def test_each_attempt_draws_anew() -> None:
    faults = matcher(Fault(action="CreateModel", probability=0.5, error=SLOW))
    assert {bool(faults.happening("CreateModel", "a")) for _ in range(50)} == {True, False}


def test_no_attempt_is_lost_between_threads() -> None:
    faults = matcher(Fault(action="CreateModel", attempts=[400], error=SLOW))
    found: list[Fault] = []

    def call() -> None:
        found.extend(one for _ in range(100) if (one := faults.happening("CreateModel", "a")) is not None)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 1


def test_only_wanted_faults_are_looked_at() -> None:
    faults = FaultMatcher(Account(faults=[Fault(action="CreateModel", error=SLOW)]), lambda one: one.lost_answer)
    assert not faults
    assert faults.happening("CreateModel", "a") is None
