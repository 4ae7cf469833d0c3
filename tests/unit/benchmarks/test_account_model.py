"""The model gives what a hand computes for loads small enough, and never breaks the account's limits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.account_model import QUOTA_FULL, THROTTLED, Bucket, Load, Outcome, Stage, simulate
from benchmarks.retriers import Retrier

SOON = Retrier((THROTTLED,), interval=1, backoff=1, attempts=100)
LATER = Retrier((QUOTA_FULL,), interval=4, backoff=1, attempts=100)
JITTERED = Retrier((THROTTLED, QUOTA_FULL), interval=8, backoff=2, attempts=60, longest=60, jitter="FULL")


def outcome(stage: Stage, *loads: Load, seed: int = 0) -> Outcome:
    return simulate([stage], loads, seed)


def figures(found: Outcome) -> list[float]:
    """Makespan, calls, jobs, items lost, and the instances in use at most."""
    return [found.makespan, found.calls, found.jobs, found.lost, *found.in_use]


def test_an_item_alone_takes_its_jobs_times_and_one_call_each() -> None:
    stages = [Stage(10, quota=1, retriers=()), Stage(7, quota=1, retriers=())]
    assert figures(simulate(stages, [Load(1)], seed=0)) == pytest.approx([17, 2, 2, 0, 1, 1])


def test_children_start_a_hundredth_of_a_second_apart() -> None:
    assert outcome(Stage(10, quota=9, retriers=(), rate=1000), Load(4)).makespan == pytest.approx(10.03)


def test_a_throttled_call_is_repeated_after_the_retriers_wait() -> None:
    # At 0 the first takes the token; at 0.01 the second is refused, and passes at 1.01.
    found = outcome(Stage(10, quota=2, retriers=[SOON]), Load(2))
    assert figures(found) == pytest.approx([11.01, 3, 2, 0, 2])


def test_a_full_quota_is_asked_again_until_an_instance_is_free() -> None:
    # Refused at 0.01, 4.01 and 8.01; the instance is free from 10 on.
    found = outcome(Stage(10, quota=1, retriers=[LATER], burst=2), Load(2))
    assert figures(found) == pytest.approx([22.01, 5, 2, 0, 1])


def test_a_call_that_finds_no_instance_has_used_its_token() -> None:
    # The second's call at 0.01 takes the burst's other token; the third's is therefore throttled, not told of the quota.
    found = outcome(Stage(10, quota=1, retriers=[LATER], burst=2), Load(3))
    assert (found.jobs, found.lost) == (2, 1)


@pytest.mark.parametrize(
    ("retriers", "calls"),
    [
        ([], 2),
        ([Retrier((QUOTA_FULL,), interval=1, backoff=1, attempts=3)], 5),
        ([Retrier((QUOTA_FULL,), attempts=0), LATER], 2),
        ([SOON], 2),
    ],
    ids=["none", "three retries", "an earlier one without retries", "for another error"],
)
def test_an_item_is_lost_once_its_retrier_has_no_more_retries(retriers: Sequence[Retrier], calls: int) -> None:
    found = outcome(Stage(100, quota=1, retriers=retriers, rate=1000, burst=2), Load(2))
    assert figures(found) == pytest.approx([100, calls, 1, 1, 1])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(9, [18.01, 5, 2, 0, 1]), (10, [10, 5, 1, 1, 1])],
    ids=["just enough", "one too few"],
)
def test_each_retrier_counts_its_own_retries(seconds: float, expected: list[float]) -> None:
    # The second is throttled at 0.01, and finds no instance at 1.01 and 5.01: one retry of one kind, two of the other.
    retriers = [Retrier((THROTTLED,), 1, 1, attempts=1), Retrier((QUOTA_FULL,), 4, 1, attempts=2)]
    assert figures(outcome(Stage(seconds, 1, retriers), Load(2))) == pytest.approx(expected)


def test_a_capped_map_starts_the_next_item_when_one_ends() -> None:
    stage = Stage(10, quota=9, retriers=(), rate=1000, burst=9)
    found = outcome(stage, Load(6, cap=2))
    assert figures(found) == pytest.approx([30.01, 6, 6, 0, 2])


def test_the_first_items_wait_their_turn_within_the_cap() -> None:
    # The first three start at 0, 0.01 and 0.02 and wait; the fourth has no turn, and starts when the first has ended.
    stage = Stage(10, quota=9, retriers=())
    found = outcome(stage, Load(4, cap=3, turns=[0, 2, 4]))
    assert figures(found) == pytest.approx([20, 4, 4, 0, 3])


def test_a_lost_item_makes_room_for_the_next() -> None:
    # Without retriers the second of each pair is lost at once, so one instance does the rest.
    found = outcome(Stage(10, quota=1, retriers=(), rate=1000, burst=9), Load(3, cap=2))
    assert figures(found) == pytest.approx([10, 3, 1, 2, 1])


def test_maps_share_the_quota() -> None:
    stage = Stage(10, quota=2, retriers=[LATER], rate=1000, burst=9)
    found = outcome(stage, Load(2, cap=2), Load(2, cap=2))
    assert (found.jobs, found.in_use, found.lost) == (4, (2,), 0)
    assert found.makespan > 20


@pytest.mark.parametrize("seed", range(5))
def test_limits_hold_and_every_item_ends_once(seed: int) -> None:
    stages = [Stage(30, 3, [JITTERED], spread=0.5), Stage(20, 2, [JITTERED], spread=0.5)]
    found = simulate(stages, [Load(40, cap=6), Load(10)], seed)
    assert found.in_use == (3, 2)
    assert 2 * (50 - found.lost) <= found.jobs <= 2 * 50 - found.lost
    assert found.calls >= found.jobs
    # No more calls pass than tokens came, and each job of the slower stage held one of its instances.
    assert found.makespan >= (50 - found.lost) * 15 / 2


def test_jobs_vary_within_their_spread() -> None:
    makespans = [outcome(Stage(100, 1, (), spread=0.2), Load(1), seed=seed).makespan for seed in range(50)]
    assert 80 <= min(makespans) < 85
    assert 115 < max(makespans) <= 120


def test_the_seed_decides() -> None:
    stage = Stage(30, 3, [JITTERED], spread=0.5)
    assert outcome(stage, Load(20)) == outcome(stage, Load(20))
    assert outcome(stage, Load(20)) != outcome(stage, Load(20), seed=1)


def test_a_bucket_fills_steadily_up_to_its_burst() -> None:
    bucket = Bucket(rate=0.5, burst=2)
    assert [bucket.take(at) for at in (0, 0, 0, 1, 2, 2, 100, 100, 100)] == [
        True, True, False, False, True, False, True, True, False,
    ]  # fmt: skip
