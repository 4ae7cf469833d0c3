"""What an item gets: the learner where it could be judged, else the best baseline; and metrics that say which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from next_purchase.errors import DataError, SettingError
from next_purchase.features import make_features
from next_purchase.fit_hazard import MINIMUM_RETURNS
from next_purchase.judgement import MINIMUM_JUDGED
from next_purchase.learning import learn
from next_purchase.settings import read_training_settings
from tests.unit.container.retail_data import make_shop
from tests.unit.container.shops import day, orders_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from next_purchase.learning import Result


def _learn(days: Mapping[str, Sequence[int]], **hyperparameters: str) -> Result:
    return learn(make_features(orders_on(days), 5), read_training_settings(hyperparameters, {}))


def _shop(customers: int) -> dict[str, list[int]]:
    """The days of a made-up shop's real orders."""
    days: dict[str, list[int]] = {}
    lines = [line for line in make_shop(customers=customers) if line.customer and line.quantity > 0]
    first = min(line.moment for line in lines).date()
    for line in lines:
        days.setdefault(str(line.customer), []).append((line.moment.date() - first).days)
    return days


@pytest.mark.lightgbm
def test_with_enough_data_the_trees_are_judged_and_used() -> None:
    result = _learn(_shop(200))
    metrics = result.metrics
    assert result.trained.backend == metrics["model_backend"] == "lightgbm"
    assert metrics["customers"] == 200
    assert metrics["error_ratio"] == pytest.approx(
        metrics["mean_absolute_error"] / metrics["baseline_mean_absolute_error"], abs=1e-4
    )
    naive = {name: metrics[f"{name}_mean_absolute_error"] for name in ("median_gap", "mean_gap", "last_gap")}
    assert naive[metrics["best_baseline"]] == metrics["baseline_mean_absolute_error"] == min(naive.values())
    assert result.details["last_order_date"] > result.details["first_order_date"]


def test_with_too_few_returns_to_learn_from_the_best_baseline_is_the_model() -> None:
    result = _learn(_shop(40))
    metrics = result.metrics
    assert metrics["judged_orders"] >= MINIMUM_JUDGED
    assert result.trained.backend == metrics["model_backend"] == metrics["best_baseline"]
    assert metrics["mean_absolute_error"] == metrics["baseline_mean_absolute_error"]
    assert metrics["error_ratio"] == 1.0


def test_with_too_few_orders_to_judge_by_nothing_is_claimed() -> None:
    metrics = _learn({"1": [0, 10, 20, 30], "2": [5, 15]}).metrics
    assert metrics["model_backend"] == "mean_gap"
    unknown = {name for name, value in metrics.items() if value is None}
    assert {"mean_absolute_error", "baseline_mean_absolute_error", "best_baseline", "error_ratio"} <= unknown
    assert metrics["judged_orders"] == 0


@pytest.mark.parametrize("backend", ["median_gap", "mean_gap", "last_gap"])
def test_a_baseline_that_is_asked_for_is_delivered_and_judged(backend: str) -> None:
    metrics = _learn(_shop(40), model_backend=backend).metrics
    assert metrics["model_backend"] == backend
    assert metrics["mean_absolute_error"] == metrics[f"{backend}_mean_absolute_error"]
    few = _learn({"1": [0, 10, 20, 30], "2": [5, 15]}, model_backend=backend).metrics
    assert (few["model_backend"], few["mean_absolute_error"]) == (backend, None)


@pytest.mark.lightgbm
def test_the_delivered_model_knows_all_data() -> None:
    """Since the cutoff everybody has come back much sooner; the model that was judged could not know."""
    days = {f"{who:03}": [*range(who % 40, 200, 40), *range(200, 400, 5)] for who in range(100)}
    result = _learn(days)
    assert result.trained.backend == "lightgbm"
    customer = make_features(orders_on({"new": days["000"]}), 5)
    assert result.trained.model.predict(customer)["predicted_days"][-1] < 10
    assert result.metrics["mean_absolute_error"] > 10


@pytest.mark.parametrize(
    ("days", "said"),
    [
        pytest.param({"1": [0], "2": [3]}, "Of 2 customers none came back", id="no repeat customer"),
        pytest.param({"1": [0]}, "Of 1 customers none", id="one customer, once"),
        pytest.param({"1": [0, 200]}, "within 90 days", id="later than the horizon"),
    ],
)
def test_without_a_return_there_is_nothing_to_learn(days: dict[str, list[int]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        _learn(days)


@pytest.mark.lightgbm
def test_what_is_delivered_instead_is_said_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    _learn({"1": [0, 10, 20, 30], "2": [5, 15]})
    assert "mean_gap is the model instead of lightgbm: only 0 orders from" in caplog.text
    caplog.clear()
    _learn(_shop(40))
    assert "is too little to learn from" in caplog.text
    caplog.clear()
    _learn(_shop(200))
    assert not caplog.text


@pytest.mark.parametrize(("days", "cutoff"), [(372, "2011-07-08"), (180, "2011-03-02"), (60, "2011-01-01")])
def test_the_cutoff_leaves_a_third_of_the_followed_time_to_judge_by(days: int, cutoff: str) -> None:
    assert _learn({"1": range(0, days + 1, 4)}).metrics["cutoff"] == cutoff


def test_a_cutoff_right_after_the_start_leaves_too_little_to_learn_from() -> None:
    metrics = _learn({f"{who:03}": range(200) for who in range(100)}, cutoff=day(5).isoformat()).metrics
    assert metrics["model_backend"] == metrics["best_baseline"]


def test_one_customer_who_came_back_is_enough_for_a_baseline() -> None:
    assert _learn({"1": [0, 10]}).trained.backend == "mean_gap"


def test_the_cutoff_can_be_chosen_within_the_data() -> None:
    shop = _shop(40)
    metrics = _learn(shop, cutoff=day(100).isoformat()).metrics
    assert metrics["cutoff"] == "2011-04-11"
    for outside in (day(0), day(5000)):
        with pytest.raises(SettingError, match="cutoff must be a day after 2011-01-01 and until"):
            _learn(shop, cutoff=outside.isoformat())


@pytest.mark.lightgbm
def test_what_was_known_at_the_cutoff_decides_whether_there_is_enough_to_learn() -> None:
    days = {f"{who:03}": [*range(who % 30, 400, 30)] for who in range(60)}
    late, early = (_learn(days, cutoff=day(number).isoformat()).metrics for number in (220, 100))
    assert MINIMUM_RETURNS == 300
    # 60 customers, each with an order every 30 days.
    assert late["learned_orders"] > 360 > early["learned_orders"]
    assert (late["model_backend"], early["model_backend"]) == ("lightgbm", early["best_baseline"])
