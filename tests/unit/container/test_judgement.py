"""The judgement learns nothing past its cutoff and counts those who never came back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from next_purchase.examples import TARGET, add_next_order
from next_purchase.features import make_features
from next_purchase.judgement import MINIMUM_EXAMPLES, judge_learner
from next_purchase.schema import feature_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from next_purchase.learner import MeanGapModel

FIRST = date(2011, 1, 1)
DAYS = 300
CUTOFF = FIRST + timedelta(days=DAYS // 2)


class ConstantModel:
    """Answers the same days for every row."""

    def __init__(self, days: float) -> None:
        self.days = days

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same days for every row."""
        return np.full(len(features), self.days)

    def to_text(self) -> None:
        """Nothing was learned."""


def _orders(customers: int, *, step: int, until: int = DAYS) -> pl.DataFrame:
    """Customers who all buy every `step` days until a day; one more marks the end of the data."""
    rows = [
        (f"{who:03}", FIRST + timedelta(days=day)) for who in range(customers) for day in range(0, until + 1, step)
    ]
    rows.append(("last", FIRST + timedelta(days=DAYS)))
    frame = pl.DataFrame(rows, schema={"customer": pl.String, "date": pl.Date}, orient="row")
    orders = frame.with_columns(amount=pl.lit(1.0), items=pl.lit(1.0), lines=pl.lit(1, dtype=pl.Int64))
    return add_next_order(make_features(orders.sort("customer", "date"), 5))


@pytest.mark.parametrize(("days", "error"), [(10, 0.0), (15, 5.0), (1000, 80.0), (-3, 9.0)])
def test_the_error_is_the_mean_distance_within_the_horizon(days: float, error: float) -> None:
    judgement = judge_learner(_orders(60, step=10), 90, feature_names(5), lambda _rows, _base: ConstantModel(days))
    assert judgement.learner_was_judged
    assert (judgement.mean_absolute_error, judgement.baseline_mean_absolute_error) == (error, 0.0)


def test_customers_who_never_came_back_count_with_the_horizon() -> None:
    # Everybody's last order, on day 160, is after the cutoff and watched for 90 days.
    judgement = judge_learner(_orders(60, step=10, until=160), 90, feature_names(5), None)
    assert judgement.judged_orders == 120
    assert judgement.baseline_mean_absolute_error == 40.0


def test_the_learner_sees_only_what_was_known_at_the_cutoff() -> None:
    seen: list[pl.DataFrame] = []

    def fit(rows: pl.DataFrame, base: MeanGapModel) -> ConstantModel:
        assert base.median_gap == 10
        seen.append(rows)
        return ConstantModel(10)

    judgement = judge_learner(_orders(60, step=10), 90, feature_names(5), fit)
    assert judgement.cutoff == CUTOFF
    assert seen[0]["last_order_date"].max() == CUTOFF - timedelta(days=90)
    assert seen[0][TARGET].unique().to_list() == [10.0]


def test_too_few_orders_are_not_learned_from_and_then_not_judged() -> None:
    def fit(_rows: pl.DataFrame, _base: MeanGapModel) -> ConstantModel:
        pytest.fail("there is too little to learn from")

    few = judge_learner(_orders(5, step=10), 90, feature_names(5), fit)
    assert few.learned_orders < MINIMUM_EXAMPLES
    assert not few.learner_was_judged
    assert few.mean_absolute_error == few.baseline_mean_absolute_error == 0.0
    fewer = judge_learner(_orders(1, step=50), 90, feature_names(5), fit)
    assert (fewer.mean_absolute_error, fewer.baseline_mean_absolute_error) == (None, None)
