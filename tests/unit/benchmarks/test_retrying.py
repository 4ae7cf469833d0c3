"""The figures of the model: what they are held against, and that they move with the retriers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.account_model import QUOTA_FULL, THROTTLED, Load
from benchmarks.retriers import DOCUMENTED_BY_AWS, Retrier
from benchmarks.retrying import ANY_SEED, ITEMS, QUOTA, capped, measure_retriers, model


def test_documented_retriers_without_a_cap_take_nine_times_as_long() -> None:
    # 2,302 minutes instead of 250, as in a model made apart from this one.
    assert round(model([DOCUMENTED_BY_AWS], Load(ITEMS), seeds=ANY_SEED).makespan, 2) == 9.21


def test_a_cap_and_jitter_lose_nothing_and_hardly_wait(tmp_path: Path) -> None:
    makespan, calls, lost = measure_retriers(tmp_path)
    assert makespan.met
    assert calls.met
    assert lost.met
    assert lost.ours == 0
    assert lost.reference is not None
    assert lost.reference > 0


def test_one_retry_is_not_enough() -> None:
    figures = model([(Retrier((THROTTLED, QUOTA_FULL), attempts=1),)], Load(ITEMS, QUOTA), seeds=ANY_SEED)
    assert figures.lost > 0
    assert figures.calls < 2


def test_nothing_is_lost_or_refused_within_the_limits() -> None:
    figures = model([DOCUMENTED_BY_AWS], Load(100, cap=1), seeds=ANY_SEED)
    assert (figures.calls, figures.lost) == (1, 0)
    assert figures.makespan == QUOTA


def test_a_capped_run_waits_as_its_first_items_are_told() -> None:
    assert list(capped(100, 20).turns) == [round(7.5 * number) for number in range(20)]
    assert not any(capped(100, 5).turns)
