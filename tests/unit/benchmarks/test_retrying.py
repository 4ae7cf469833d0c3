"""The figures of the model: what they are held against, and that they move with the retriers."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from automlops.quotas.concurrency import Durations
from benchmarks import retrying
from benchmarks.account_model import QUOTA_FULL, THROTTLED, Load, Stage, bound
from benchmarks.retriers import DOCUMENTED_BY_AWS, Retrier
from benchmarks.retrying import (
    ALIKE,
    ANY_SEED,
    HALF,
    ITEMS,
    QUOTA,
    advised,
    capped,
    measure_retriers,
    model,
    scored,
    stages_of,
)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([Stage(300, 20, ()), Stage(300, 20, ())], 1000 * 300 / 20 + 600),
        ([Stage(300, 20, ()), Stage(150, 5, ())], 1000 * 150 / 5 + 450),
        ([Stage(300, 500, (), rate=0.5)], 1000 / 0.5 + 300),
    ],
    ids=["alike", "the second is busier", "the rate"],
)
def test_the_bound_is_the_busiest_use_and_one_items_way(stages: list[Stage], expected: float) -> None:
    assert bound(stages, 1000) == expected


def test_documented_retriers_without_a_cap_take_nine_times_as_long() -> None:
    # 2,302 minutes instead of 250, as in a model made apart from this one.
    figures = model(stages_of([DOCUMENTED_BY_AWS]), Load(ITEMS), seeds=ANY_SEED, ideal=250 * 60)
    assert round(figures.makespan, 2) == 9.21


def test_what_quotas_advises_keeps_both_quotas_busy_and_loses_nothing(tmp_path: Path) -> None:
    # The last one's note has the figures of other accounts, which take a while.
    makespan, calls, lost, half = islice(measure_retriers(tmp_path), 4)
    assert all(measure.met for measure in (makespan, calls, lost, half))
    assert lost.reference is not None
    assert lost.reference > 0
    assert advised(QUOTA, QUOTA, HALF).lost == 0


def test_the_figures_of_other_accounts_are_details_of_the_last_measure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(retrying, "ITEMS", 50)
    monkeypatch.setattr(retrying, "SITUATIONS", [(QUOTA, QUOTA, ALIKE)])
    *_, last = measure_retriers(tmp_path)
    assert f"quotas {QUOTA} + {QUOTA}, 300 + 300 s, {2 * QUOTA} at once: makespan" in "\n".join(last.details)


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1])
@pytest.mark.parametrize(
    ("training", "transform", "longest"),
    [(5, 5, 1.2), (10, 10, 1.15), (50, 50, 1.1), (100, 20, 1.1), (20, 100, 1.1)],
)
def test_other_quotas_are_used_as_well(training: int, transform: int, longest: float, spread: float) -> None:
    figures = advised(training, transform, ALIKE, spread=spread)
    assert figures.makespan <= longest
    assert figures.calls <= 1.45
    assert figures.lost == 0


@pytest.mark.parametrize("durations", [ALIKE, HALF], ids=["alike", "half"])
def test_half_the_advice_leaves_half_of_the_quota_idle(durations: Durations) -> None:
    figures = advised(QUOTA, QUOTA, durations, times=0.5)
    assert figures.makespan > 1.9
    assert figures.lost == 0


def test_half_as_many_again_lose_hardly_any_item() -> None:
    figures = advised(QUOTA, QUOTA, ALIKE, times=1.5)
    assert figures.makespan <= 1.1
    assert figures.lost <= 0.5


def test_score_mode_needs_no_more_than_the_quota_of_transforms() -> None:
    figures = scored(QUOTA)
    assert figures.makespan <= 1.02
    assert figures.calls <= 1.1
    assert figures.lost == 0


def test_one_retry_is_not_enough() -> None:
    retriers = [(Retrier((THROTTLED, QUOTA_FULL), attempts=1),)]
    figures = model(stages_of(retriers), Load(ITEMS, QUOTA), seeds=ANY_SEED)
    assert figures.lost > 0
    assert figures.calls < 2


def test_nothing_is_lost_or_refused_within_the_limits() -> None:
    figures = model(stages_of([DOCUMENTED_BY_AWS]), Load(100, cap=1), seeds=ANY_SEED, ideal=300 * 100 / QUOTA)
    assert (figures.calls, figures.lost) == (1, 0)
    assert figures.makespan == QUOTA


def test_a_capped_run_waits_as_its_first_items_are_told() -> None:
    assert list(capped(100, 20).turns) == [round(7.5 * number) for number in range(20)]
    assert not any(capped(100, 5).turns)
