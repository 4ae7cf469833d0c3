"""Days and probabilities read from curves, of customers who have just ordered and of those who have waited."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from next_purchase.models.average import AverageModel
from next_purchase.models.curves import day_grid, days_by, expected_day, read_curves

TWO = pl.DataFrame({"row": [0, 1]})


class Straight:
    """All come back evenly within so many days."""

    def __init__(self, longest: float) -> None:
        self._longest = longest

    def survival(self, _rows: pl.DataFrame, days: np.ndarray) -> np.ndarray:
        """Falls on a straight line."""
        curve: np.ndarray = np.maximum(1 - days / self._longest, 0.0)
        return curve

    def describe(self) -> dict[str, Any]:
        """Nothing was learned."""
        return {}


@pytest.mark.parametrize("horizon", [1, 7, 8, 30, 90, 730])
def test_the_grid_goes_from_today_to_the_horizon(horizon: int) -> None:
    days = day_grid(horizon).tolist()
    assert (days[0], days[-1]) == (0, horizon)
    assert days == sorted(set(days))
    assert days[: min(horizon, 7) + 1] == list(range(min(horizon, 7) + 1))
    assert all(later <= max(earlier + 1, earlier * 1.25) for earlier, later in pairwise(days[1:]))


def test_of_those_who_have_waited_only_the_rest_of_the_curve_counts() -> None:
    """After 40 of 100 days 60 % are left; half of them come back in the next 30."""
    curves = read_curves(Straight(100), TWO, np.array([0, 40]), np.array([0, 30, 60]))
    assert curves.now == pytest.approx([1, 0.6])
    assert curves.ahead == pytest.approx(np.array([[1, 1], [0.7, 0.5], [0.4, 0]]))


def test_who_is_away_longer_than_the_model_holds_possible_is_not_expected() -> None:
    ahead = read_curves(Straight(100), TWO, np.array([100, 500]), np.array([0, 30, 60])).ahead
    assert (ahead == 1).all()


def test_who_has_just_ordered_is_away_even_where_the_curve_falls_on_the_day_of_the_order() -> None:
    """A curve of days over a guess begins lower where some came back in next to no time."""

    class Lower(Straight):
        def survival(self, rows: pl.DataFrame, days: np.ndarray) -> np.ndarray:
            return super().survival(rows, days) * 0.8

    curves = read_curves(Lower(100), TWO, np.array([0, 50]), np.array([0, 10]))
    assert curves.now == pytest.approx([1, 0.4])
    assert curves.ahead == pytest.approx(np.array([[1, 1], [0.72, 0.8]]))


def test_an_average_leans_on_the_member_that_thought_the_wait_likely() -> None:
    """After 50 days one member has half left and the other a quarter: Bayes counts them two to one."""
    average = AverageModel({"slow": Straight(100), "quick": Straight(200 / 3)})
    ahead = read_curves(average, TWO, np.array([0, 50]), np.array([0, 10])).ahead
    assert ahead[1, 0] == pytest.approx((0.9 + 0.85) / 2)
    assert ahead[1, 1] == pytest.approx((2 * 0.8 + 0.4) / 3)


def test_days_lie_between_those_of_the_curve_in_proportion() -> None:
    days = np.array([0, 10, 20])
    curve = np.array([[1, 1.0], [0.8, 0.95], [0.3, 0.9]])
    assert days_by(curve, days, 0.1).tolist() == pytest.approx([5, 20])
    assert days_by(curve, days, 0.5).tolist() == [16, np.inf]
    assert days_by(curve, days, 0.05).tolist() == pytest.approx([2.5, 10])


def test_the_expected_day_is_a_whole_one_and_never_today() -> None:
    days = np.array([0, 1, 2, 3])
    curve = np.array([[1, 1.0], [0.1, 0.9], [0, 0.6], [0, 0.4]])
    assert expected_day(curve, days).tolist() == [1, 2]
