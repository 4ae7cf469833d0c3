"""The judgement learns nothing past its cutoff and counts those who never came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from next_purchase.baselines import LAST_GAP, MEAN_GAP, MEDIAN_GAP
from next_purchase.judgement import MINIMUM_JUDGED, Scores, best_baseline_so_far, judge, score
from next_purchase.outcomes import followed_orders
from tests.unit.container.shops import day, examples_on

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS = 300
CUTOFF = day(150)


class ConstantModel:
    """Answers the same days for every row."""

    def __init__(self, predicted: float, lower: float = 1.0, upper: float = 90.0) -> None:
        self._answer = {"predicted_days": predicted, "lower_days": lower, "upper_days": upper}

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        """The same days for every row."""
        return pl.DataFrame({name: [days] * features.height for name, days in self._answer.items()})

    def describe(self) -> dict[str, Any]:
        """Nothing was learned."""
        return {}

    def to_text(self) -> None:
        """Nothing was learned."""


def _every(step: int, customers: int = 60, until: int = DAYS) -> dict[str, Sequence[int]]:
    """Customers who all buy every `step` days until a day; one more marks the end of the data."""
    return {f"{who:03}": range(0, until + 1, step) for who in range(customers)} | {"last": [DAYS]}


@pytest.mark.parametrize(("predicted", "error"), [(10.0, 0.0), (15.0, 5.0), (90.0, 80.0), (1.0, 9.0)])
def test_the_error_is_the_mean_distance_within_the_horizon(predicted: float, error: float) -> None:
    judgement = judge(examples_on(_every(10)), CUTOFF, 90, lambda _known: ConstantModel(predicted))
    assert judgement.model is not None
    assert judgement.model.error == error
    assert judgement.baselines[MEAN_GAP].error == judgement.baselines[LAST_GAP].error == 0.0


def test_customers_who_never_came_back_count_with_the_horizon() -> None:
    # Everybody's last order, on day 160, is after the cutoff and followed for 90 days.
    judgement = judge(examples_on(_every(10, until=160)), CUTOFF, 90, lambda _known: ConstantModel(10.0))
    assert judgement.judged_orders == 120
    assert judgement.model is not None
    assert judgement.model.error == 40.0


def test_only_orders_followed_for_the_horizon_are_judged() -> None:
    judgement = judge(examples_on(_every(10, customers=1)), CUTOFF, 90, lambda _known: None)
    # Days 150 to 210; from day 220 on the data ends before the 90 days do.
    assert judgement.judged_orders == 7


def test_what_happens_from_the_cutoff_on_is_not_known_to_the_model() -> None:
    seen: list[pl.DataFrame] = []

    def fit(known: pl.DataFrame) -> ConstantModel:
        seen.append(known)
        return ConstantModel(10.0)

    past = {str(who): [who % 30, 100 + who % 20] for who in range(60)}
    futures: list[dict[str, Sequence[int]]] = [
        {str(who): [*past[str(who)], 150 + who % 40] for who in range(60)},
        {str(who): [*past[str(who)], 200] for who in range(60)},
    ]
    judgements = [judge(examples_on(future | {"last": [DAYS]}), CUTOFF, 90, fit) for future in futures]
    assert seen[0].equals(seen[1])
    assert seen[0]["last_order_date"].max() == day(119)
    assert judgements[0].baselines != judgements[1].baselines


def test_the_shares_outside_the_interval() -> None:
    # Waits of 5, 10, 15, 20 days, and one who never came back.
    followed = followed_orders(
        examples_on({str(wait): [0, wait] for wait in (5, 10, 15, 20)} | {"gone": [0]}),
        since=day(0),
        known_until=day(90),
        horizon_days=90,
    )
    assert followed.height == 5
    assert score(ConstantModel(12.0, 10.0, 15.0), followed, 90) == Scores(error=19.6, below=0.2, above=0.4)
    # An interval that ends at the horizon has nothing above it.
    assert score(ConstantModel(12.0, 10.0, 90.0), followed, 90).above is None


def test_without_orders_to_judge_by_there_are_no_scores() -> None:
    def fit(_known: pl.DataFrame) -> ConstantModel:
        pytest.fail("there is nothing to judge by")

    judgement = judge(examples_on({"1": [0, 20, 40]}), day(20), 90, fit)
    assert (judgement.judged_orders, judgement.model, judgement.baselines) == (0, None, {})


@pytest.mark.parametrize(
    ("rhythms", "best"),
    [
        pytest.param([range(0, 100, 10), range(0, 100, 30)], MEAN_GAP, id="rhythms of their own"),
        pytest.param([[*range(0, 60, 20), *range(60, 100, 5)]], LAST_GAP, id="faster of late"),
        pytest.param([[0, 10, 20, 45, 55, 80, 90, 100]], MEDIAN_GAP, id="turn and turn about"),
        pytest.param([range(0, 100, 10)], MEAN_GAP, id="all do equally well"),
    ],
)
def test_the_best_baseline_so_far(rhythms: Sequence[Sequence[int]], best: str) -> None:
    days = {f"{number}-{who}": rhythm for number, rhythm in enumerate(rhythms) for who in range(30)}
    assert best_baseline_so_far(examples_on(days | {"last": [DAYS]}), 90) == best


def test_where_few_orders_tell_them_apart_the_mean_gap_stands_in() -> None:
    first_orders = {str(who): [0] for who in range(100)}
    assert best_baseline_so_far(examples_on(first_orders | {"1": [0, 20], "last": [DAYS]}), 90) == MEAN_GAP


def test_too_few_orders_are_not_judged_by() -> None:
    judgement = judge(examples_on(_every(10, customers=7)), CUTOFF, 90, lambda _known: ConstantModel(10.0))
    assert judgement.judged_orders == MINIMUM_JUDGED - 1
    assert (judgement.model, judgement.baselines) == (None, {})
