"""What an item gets: the candidate that did best, judged by time and fitted to all data; and metrics that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from next_purchase.errors import DataError, SettingError
from next_purchase.features import make_features, make_sample
from next_purchase.learning.learn import learn
from next_purchase.learning.settings import read_training_settings
from next_purchase.models.names import BACKENDS
from next_purchase.serving.prediction import predict_next_purchase
from tests.unit.container.retail_data import make_shop
from tests.unit.container.shops import day, orders_on
from tests.unit.container.simulated import simulate_rhythm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from next_purchase.learning.learn import Result


def _learn(days: Mapping[str, Sequence[int]], **hyperparameters: str) -> Result:
    return learn(make_features(orders_on(days), 5), read_training_settings(hyperparameters, {}))


def _shop(customers: int) -> dict[str, list[int]]:
    """Return the days of a made-up shop's real orders."""
    days: dict[str, list[int]] = {}
    lines = [line for line in make_shop(customers=customers) if line.customer and line.quantity > 0]
    first = min(line.moment for line in lines).date()
    for line in lines:
        days.setdefault(str(line.customer), []).append((line.moment.date() - first).days)
    return days


def test_the_best_of_all_candidates_is_judged_and_used() -> None:
    result = _learn(_shop(200))
    metrics = result.metrics
    assert result.trained.backend == metrics["model_backend"]
    assert set(metrics["candidates"]) == set(BACKENDS) == set(result.seconds)
    best = {
        key: min(scores[key] for scores in metrics["candidates"].values()) for key in ("score", "served_score")
    }
    chosen = metrics["candidates"][metrics["model_backend"]]
    assert all(chosen[key] < 1.1 * least for key, least in best.items())
    assert metrics["customers"] == 200
    assert metrics["error_ratio"] == pytest.approx(
        metrics["mean_absolute_error"] / metrics["baseline_mean_absolute_error"], abs=1e-4
    )
    naive = {name: metrics[f"{name}_mean_absolute_error"] for name in ("median_gap", "mean_gap", "last_gap")}
    assert naive[metrics["best_baseline"]] == metrics["baseline_mean_absolute_error"] == min(naive.values())
    assert metrics["error_ratio_lower"] < metrics["error_ratio"]
    # Their gaps are even, which is as the customer's mean says; but half of them never come back.
    assert metrics["served_error_ratio"] < 1
    assert metrics["brier_score_ratio"] < 1
    assert result.details["last_order_date"] > result.details["first_order_date"]


def test_a_small_item_is_judged_as_well() -> None:
    metrics = _learn(_shop(8)).metrics
    assert 0 < metrics["judged_orders"] < 50
    assert metrics["mean_absolute_error"] is not None
    assert metrics["error_ratio_lower"] < metrics["error_ratio"]


def test_without_orders_to_judge_by_nothing_is_claimed() -> None:
    metrics = _learn({"1": [0, 10, 20, 30], "2": [5, 15]}).metrics
    assert metrics["model_backend"] == "mean_gap"
    unknown = {name for name, value in metrics.items() if value is None}
    assert {"mean_absolute_error", "baseline_mean_absolute_error", "best_baseline", "error_ratio"} <= unknown
    assert {"served_error_ratio", "brier_score", "calibration"} <= unknown
    assert metrics["judged_orders"] == metrics["judged_customers"] == 0


@pytest.mark.parametrize("backend", ["median_gap", "mbg_nbd", "log_logistic_cure", "mbg_nbd+weibull"])
def test_a_model_that_is_named_is_delivered_and_judged(backend: str) -> None:
    result = _learn(_shop(40), model_backend=backend)
    assert result.trained.backend == result.metrics["model_backend"] == backend
    assert list(result.metrics["candidates"]) == [backend]
    assert result.metrics["mean_absolute_error"] > 0
    few = _learn({"1": [0, 10, 20, 30], "2": [5, 15]}, model_backend=backend).metrics
    assert (few["model_backend"], few["mean_absolute_error"]) == (backend, None)


def test_the_delivered_model_knows_all_data() -> None:
    """Since the cutoff everybody has come back much sooner; the model that was judged could not know."""
    days = {f"{who:03}": [*range(who % 40, 200, 40), *range(200, 400, 5)] for who in range(60)}
    result = _learn(days)
    sample = make_sample(make_features(orders_on(days), 5), result.as_of)
    answer = predict_next_purchase(sample, result.trained.predictor)
    assert answer["predicted_days"].max() < 10  # type: ignore[operator]
    assert result.metrics["mean_absolute_error"] > 10
    # A guess that has no other way to know says the same.
    median = _learn(days, model_backend="median_gap").trained.predictor
    assert predict_next_purchase(sample, median)["predicted_days"].max() < 10  # type: ignore[operator]


def test_the_interval_is_put_right_by_what_happened_before_the_cutoff_and_in_the_end_by_all() -> None:
    """Steady customers, and a model that takes them for buyers by chance, who would often come the next day."""
    features = simulate_rhythm(40, mean_days=5, spread=0.3, days=700).drop("next_order_date")
    settings = read_training_settings({"model_backend": "mbg_nbd", "cutoff": day(500).isoformat()}, {})
    result = learn(features, settings)
    # With the model's own ends next to none would lie below.
    for measure in ("share_below_interval", "share_above_interval"):
        assert 0.03 < result.metrics[measure] < 0.17, measure
    predictor = result.trained.predictor
    # Who has just ordered surely waits a little; who has waited is due.
    assert predictor.at_order.lower > 0.4 > 0.3 > predictor.ahead.lower
    # Nothing is different until the cutoff, but from then on all come on every day.
    before = features.filter(pl.col("last_order_date") < day(500))
    days = {
        who: [*((bought - day(0)).days for bought in dates), *range(500, 700)]
        for who, dates in before.group_by("CustomerID").agg("last_order_date").iter_rows()
    }
    daily = learn(make_features(orders_on(days), 5), settings)
    assert daily.metrics["choice"] == result.metrics["choice"]
    assert daily.trained.predictor.at_order.lower < 0.5 * predictor.at_order.lower
    assert daily.trained.predictor.ahead.lower < predictor.ahead.lower


@pytest.mark.parametrize(
    ("days", "said"),
    [
        pytest.param({"1": [0], "2": [3]}, "Of 2 customers none came back", id="no repeat customer"),
        pytest.param({"1": [0]}, "Of 1 customers none", id="one customer, once"),
    ],
)
def test_without_a_return_there_is_nothing_to_learn(days: dict[str, list[int]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        _learn(days)


@pytest.mark.parametrize(("days", "cutoff"), [(372, "2011-07-08"), (180, "2011-03-02"), (60, "2011-01-01")])
def test_the_cutoff_leaves_a_third_of_the_followed_time_to_judge_by(days: int, cutoff: str) -> None:
    assert _learn({"1": range(0, days + 1, 4)}).metrics["cutoff"] == cutoff


def test_one_customer_who_came_back_is_enough() -> None:
    assert _learn({"1": [0, 10]}).trained.backend == "mean_gap"


def test_the_cutoff_can_be_chosen_within_the_data() -> None:
    shop = _shop(40)
    metrics = _learn(shop, cutoff=day(100).isoformat()).metrics
    assert metrics["cutoff"] == "2011-04-11"
    for outside in (day(0), day(5000)):
        with pytest.raises(SettingError, match="cutoff must be a day after 2011-01-01 and until"):
            _learn(shop, cutoff=outside.isoformat())


def test_the_day_of_the_data_is_the_last_orders_or_the_one_that_is_told() -> None:
    days = {str(who): range(who, 200, 12 + who % 9) for who in range(12)}
    told, by_default = _learn(days, as_of=day(230).isoformat()), _learn(days)
    assert (by_default.as_of, told.as_of) == (day(198), day(230))
    assert told.metrics["as_of"] == "2011-08-19"
    # A month of silence has been seen, and more customers have stopped by then.
    sample = make_sample(make_features(orders_on(days), 5), told.as_of)
    silent = predict_next_purchase(sample, told.trained.predictor)
    assert silent["overdue"].sum() > 6
    with pytest.raises(SettingError, match="as_of must not be before the data's last order, 2011-07-18, but is"):
        _learn(days, as_of=day(197).isoformat())


def test_orders_after_the_cutoff_change_neither_the_choice_nor_what_is_judged() -> None:
    shop = _shop(60)
    cutoff = day(200).isoformat()
    before = {who: [number for number in numbers if number < 200] for who, numbers in shop.items()}
    before = {who: numbers for who, numbers in before.items() if numbers}
    turned = {
        who: [*numbers, *(600 - number for number in shop[who] if number >= 200)]
        for who, numbers in before.items()
    }
    results = [
        _learn({who: sorted(numbers) for who, numbers in days.items()}, cutoff=cutoff)
        for days in (shop | {"end": [400, 401]}, turned | {"end": [400, 401]})
    ]
    first, second = (result.metrics for result in results)
    assert first["candidates"] == second["candidates"]
    assert first["choice"] == second["choice"]
    assert first["model_backend"] == second["model_backend"]
    assert first["mean_absolute_error"] != second["mean_absolute_error"]
