"""What is answered: from the day of the data on, never before it, and nothing that lies beyond the horizon."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from next_purchase.models.interval import Interval
from next_purchase.models.predictor import Predictor
from next_purchase.serving.prediction import predict_next_purchase
from tests.unit.container.shops import day


class Within:
    """All come back evenly within the days of the row's column `longest`."""

    def survival(self, rows: pl.DataFrame, days: np.ndarray) -> np.ndarray:
        """Falls on a straight line."""
        curve: np.ndarray = np.maximum(1 - days / rows["longest"].to_numpy(), 0.0)
        return curve

    def describe(self) -> dict[str, Any]:
        """Nothing was learned."""
        return {}


def _rows(*customers: tuple[int, float]) -> pl.DataFrame:
    """Rows of customers who last ordered so many days before day 100."""
    return pl.DataFrame(
        {
            "CustomerID": [str(number) for number, _ in enumerate(customers)],
            "last_order_date": [day(100 - waited) for waited, _ in customers],
            "as_of": [day(100)] * len(customers),
            "longest": [longest for _, longest in customers],
        }
    )


def test_the_answer_counts_from_the_day_of_the_data() -> None:
    """Of 60 days 20 have passed; the other 40 are left, evenly."""
    (answer,) = predict_next_purchase(_rows((20, 60.0)), Predictor(Within(), 90, 10)).iter_rows(named=True)
    assert answer["as_of"] == day(100)
    assert answer["predicted_days"] == 20
    assert answer["predicted_date"] == day(120)
    assert (answer["lower_days"], answer["upper_days"]) == (4.0, 36.0)
    assert answer["return_probability"] == 0.25
    assert answer["overdue"] is False


def test_what_lies_beyond_the_horizon_has_no_date_and_no_upper_end() -> None:
    near, far = predict_next_purchase(_rows((0, 100.0), (0, 1000.0)), Predictor(Within(), 90, 30)).iter_rows(
        named=True
    )
    assert (near["predicted_days"], near["predicted_date"], near["upper_days"]) == (50, day(150), 90.0)
    assert (far["predicted_days"], far["predicted_date"], far["upper_days"]) == (90, None, None)
    assert (far["lower_days"], far["return_probability"]) == (90.0, 0.03)


@pytest.mark.parametrize("days", [1, 9, 11, 23, 59, 90])
def test_the_probability_is_that_of_any_number_of_days(days: int) -> None:
    answer = predict_next_purchase(_rows((0, 100.0), (50, 200.0)), Predictor(Within(), 90, days))
    assert answer["return_probability"].to_list() == pytest.approx([days / 100, days / 150], abs=1e-4)


@pytest.mark.parametrize(("waited", "overdue"), [(53, False), (55, True)])
def test_overdue_is_who_waited_longer_than_the_upper_end_told_at_the_order(waited: int, overdue: bool) -> None:
    answer = predict_next_purchase(_rows((waited, 60.0)), Predictor(Within(), 90, 30))
    assert answer["overdue"].to_list() == [overdue]
    calibrated = Predictor(Within(), 90, 30, at_order=Interval(0.1, 0.95))
    assert predict_next_purchase(_rows((waited, 60.0)), calibrated)["overdue"].to_list() == [False]


def test_the_interval_ahead_is_the_one_of_those_who_waited() -> None:
    predictor = Predictor(Within(), 90, 30, ahead=Interval(0.25, 0.75))
    answer = predict_next_purchase(_rows((20, 60.0)), predictor).row(0, named=True)
    assert (answer["lower_days"], answer["predicted_days"], answer["upper_days"]) == (10.0, 20, 30.0)
    middle, lower, upper = predictor.predict_at_order(_rows((20, 60.0)))
    # The curve of a fresh customer ends between two of the days at which it is computed.
    assert (lower[0], middle[0], upper[0]) == pytest.approx((6, 30, 54), abs=0.6)


def test_the_predicted_whole_day_lies_within_its_interval() -> None:
    """Half of them come back by day 10.4 or 10.6; a narrow interval around it leaves the whole day out."""
    narrow = Predictor(Within(), 90, 30, ahead=Interval(0.5, 0.5), at_order=Interval(0.5, 0.5))
    for longest, whole in ((20.8, 10), (21.2, 11)):
        answer = predict_next_purchase(_rows((0, longest)), narrow).row(0, named=True)
        assert answer["predicted_days"] == whole
        assert answer["lower_days"] <= whole <= answer["upper_days"]
        assert answer["lower_days"] < answer["upper_days"]


def test_every_date_is_after_the_day_of_the_data_in_any_number_of_rows() -> None:
    chance = np.random.default_rng(1)
    drawn = chance.integers((0, 1), 400, (10_000, 2)).tolist()
    customers = [(waited, float(longest)) for waited, longest in drawn]
    rows = _rows(*((min(waited, 99), longest) for waited, longest in customers))
    answer = predict_next_purchase(rows, Predictor(Within(), 90, 30))
    assert answer.height == 10_000
    assert answer["CustomerID"].equals(rows["CustomerID"])
    dates = answer["predicted_date"].drop_nulls()
    assert 0 < len(dates) < 10_000
    assert dates.min() == day(101)
    assert dates.max() <= day(100) + timedelta(days=90)  # type: ignore[operator]
    assert (answer["lower_days"] <= answer["predicted_days"]).all()
    assert (answer["upper_days"].drop_nulls() <= 90).all()
    assert answer["return_probability"].is_between(0, 1).all()
