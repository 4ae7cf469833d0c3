"""The judgement, on customers whose days can be counted: at each order, and of all on the day as it is served."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from next_purchase.learning.judgement import ORDER_MEASURES, SERVED_MEASURES, judge_at_orders, judge_of_customers
from next_purchase.learning.questions import ask_at_orders, ask_of_customers, measure, take_outcomes
from next_purchase.models.predictor import Predictor
from tests.unit.container.shops import day, examples_on


class After:
    """Expects everyone back evenly within some days around the middle one."""

    def __init__(self, middle: int, width: int = 0) -> None:
        self._start, self._end = middle - width - 0.5, middle + width + 0.5

    def survival(self, _rows: pl.DataFrame, days: np.ndarray) -> np.ndarray:
        """Falls on a straight line between two days."""
        curve: np.ndarray = np.clip((self._end - days) / (self._end - self._start), 0, 1)
        return curve

    def describe(self) -> dict[str, Any]:
        """Nothing was learned."""
        return {}


def _every(step: int, customers: int = 20, until: int = 300) -> dict[str, range | list[int]]:
    """Return customers who all buy every `step` days until a day; one more marks the end of the data."""
    return {f"{who:03}": range(0, until + 1, step) for who in range(customers)} | {"last": [300]}


@pytest.mark.parametrize(("middle", "error"), [(10, 0.0), (15, 5.0), (200, 80.0), (1, 9.0)])
def test_the_error_is_the_mean_distance_within_the_horizon(middle: int, error: float) -> None:
    asked = ask_at_orders(examples_on(_every(10)), day(150), day(300), 90)
    measures = judge_at_orders(Predictor(After(middle), 90, 30), asked, 10.0)
    assert measures["mean_absolute_error"] == error
    assert measures["mean_gap_mean_absolute_error"] == measures["last_gap_mean_absolute_error"] == 0.0
    # Against a guess that is never wrong there is no ratio.
    assert (measures["best_baseline"], measures["error_ratio"], measures["error_ratio_lower"]) == (
        "mean_gap",
        None,
        None,
    )


def test_customers_who_never_came_back_count_with_the_horizon() -> None:
    # Everybody's last order, on day 160, is after the cutoff and followed for 90 days.
    asked = ask_at_orders(examples_on(_every(10, until=160)), day(150), day(300), 90)
    assert len(asked.truth) == 40
    measures = judge_at_orders(Predictor(After(10), 90, 30), asked, 50.0)
    assert measures["mean_absolute_error"] == measures["baseline_mean_absolute_error"] == 40.0
    assert measures["median_gap_mean_absolute_error"] == 40.0
    assert measures["error_ratio"] == 1.0


def test_the_shares_outside_the_interval() -> None:
    # Waits of 5, 10, 15, 20 days, and one who never came back; the last orders were followed for too short a time.
    days = {str(wait): [0, wait] for wait in (5, 10, 15, 20)} | {"gone": [0]}
    asked = ask_at_orders(examples_on(days), day(0), day(90), 90)
    assert len(asked.truth) == 5
    measures = judge_at_orders(Predictor(After(12, width=5), 90, 30), asked, 12.0)
    # From 7.5 to 16.5 days: one came before, one after, and one not at all.
    assert (measures["share_below_interval"], measures["share_above_interval"]) == (0.2, 0.4)
    beyond = judge_at_orders(Predictor(After(85, width=50), 90, 30), asked, 12.0)
    assert (beyond["share_below_interval"], beyond["share_above_interval"]) == (0.8, None)


def test_the_ratio_has_a_lower_end_that_more_customers_bring_nearer() -> None:
    ends = []
    for customers in (5, 200):
        days = {f"{who:03}": [0, 20 + who % 7, 40 + who * 7 % 50, 100] for who in range(customers)} | {
            "last": [300]
        }
        asked = ask_at_orders(examples_on(days), day(10), day(300), 90)
        measures = judge_at_orders(Predictor(After(25), 90, 30), asked, 40.0)
        assert measures["error_ratio_lower"] < measures["error_ratio"]
        ends.append(measures["error_ratio"] - measures["error_ratio_lower"])
    assert ends[1] < ends[0]


def test_what_is_served_is_asked_of_every_customer_once() -> None:
    """As of day 99: three who return after 1, 11 and 61 days, and one who does not."""
    days = {"a": [0, 60, 100], "b": [30, 110], "c": [50, 160], "d": [90]}
    asked = ask_of_customers(examples_on(days), day(100), day(200), 90)
    assert asked.waited.tolist() == [39, 69, 49, 9]
    assert asked.truth.tolist() == [1, 11, 61, 90]
    # Expected back 100 days after the order, in 61, 31, 51 and 91 days, of which the last lies beyond the horizon; where a
    # curve falls in one day, that day is told as well as the days at which it is computed allow.
    measures = judge_of_customers(Predictor(After(100), 90, 30), asked)
    assert measures["served_mean_absolute_error"] == pytest.approx((60 + 20 + 10 + 0) / 4, abs=1)
    # The only mean gap, 60 days, lies 21 days ahead; whoever has none is guessed at the horizon.
    assert measures["served_best_baseline"] == "mean_gap"
    assert measures["served_baseline_mean_absolute_error"] == (20 + 79 + 29 + 0) / 4
    assert measures["served_error_ratio"] == pytest.approx(measures["served_mean_absolute_error"] / 32, abs=1e-4)


def test_the_probability_is_judged_beside_the_share_that_came() -> None:
    days = {"a": [0, 60, 100], "b": [30, 110], "c": [50, 160], "d": [90]}
    asked = ask_of_customers(examples_on(days), day(100), day(200), 90)
    # b is certain, all others impossible within 40 days; a and b came, c and d did not.
    measures = judge_of_customers(Predictor(After(100), 90, 40), asked)
    assert measures["observed_share"] == 0.5
    assert measures["mean_probability"] == 0.25
    assert (measures["brier_score"], measures["baseline_brier_score"], measures["brier_score_ratio"]) == (
        0.25,
        0.25,
        1,
    )
    assert sum(group["customers"] for group in measures["calibration"]) == 4
    assert [group["observed_share"] for group in measures["calibration"]][-1] == 1.0


def test_who_did_not_come_within_the_horizon_came_neither_before_the_interval_nor_within_the_probabilitys_days() -> (
    None
):
    """Four customers who are expected long after the horizon; two come, after 60 and 70 days."""
    days = {"a": [0, 60], "b": [0, 70], "c": [0], "d": [0]}
    orders = examples_on(days)
    predictor = Predictor(After(5000), 90, 90)
    at_order = judge_at_orders(predictor, ask_at_orders(orders, day(0), day(90), 90), 65.0)
    ahead = judge_of_customers(predictor, ask_of_customers(orders, day(1), day(90), 90))
    assert (at_order["share_below_interval"], ahead["served_share_below_interval"]) == (0.5, 0.5)
    assert (ahead["observed_share"], ahead["brier_score"]) == (0.5, 0.5)


def test_where_nothing_was_followed_nothing_is_claimed() -> None:
    orders = examples_on({"1": [0, 20, 40]})
    predictor = Predictor(After(10), 90, 30)
    at_order = judge_at_orders(predictor, ask_at_orders(orders, day(20), day(40), 90), 10.0)
    ahead = judge_of_customers(predictor, ask_of_customers(orders, day(20), day(40), 90))
    assert at_order == dict.fromkeys(ORDER_MEASURES)
    assert ahead == dict.fromkeys(SERVED_MEASURES)
    asked = ask_at_orders(examples_on(_every(10)), day(150), day(300), 90)
    assert judge_at_orders(None, asked, None) == dict.fromkeys(ORDER_MEASURES)


def test_losses_and_outcomes_are_those_of_the_customers_who_were_asked() -> None:
    days = {"a": [0, 60, 100], "b": [30, 110], "c": [50, 160], "d": [90]}
    asked = ask_of_customers(examples_on(days), day(100), day(200), 90)
    losses = measure(After(100, width=30), asked, 90)
    assert len(losses.errors) == len(losses.scores) == 4
    assert (losses.scores <= 90).all()
    outcomes = take_outcomes(After(100, width=30), asked)
    assert outcomes.returned.tolist() == [True, True, True, False]
    # Of those who have waited the rest of the curve counts: c, after 49 days of 19.5 to 150.5, came on the 110th.
    longer = take_outcomes(After(85, width=65), asked)
    assert longer.expected[2] == pytest.approx(1 - (150.5 - 110) / (150.5 - 49), abs=0.01)
    # Who has just ordered is away, even where the curve has fallen by then: of days -4.5 to 6.5 it is at 1.5 after 5.
    fresh = take_outcomes(After(1, width=5), ask_at_orders(examples_on({"a": [0, 5]}), day(0), day(90), 90))
    assert fresh.expected == pytest.approx([1 - 1.5 / 11])
    # a has waited 39 days and came on the 40th, when none was expected; b on the 80th, of days 69.5 to 130.5.
    assert outcomes.expected[:2] == pytest.approx([0, 10.5 / 61], abs=0.01)
