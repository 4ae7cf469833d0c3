"""Accelerated failure time: curves by hand, and parameters found again in drawn times."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from next_purchase.errors import ArtifactError, CannotFitError
from next_purchase.fitting.regression import fit_regression
from next_purchase.models.names import REGRESSIONS
from next_purchase.models.regression import COVARIATES, FAMILIES, RegressionModel, covariates, read_regression
from next_purchase.outcomes import known_outcomes
from tests.unit.container.shops import day, examples_on

ROWS = 20_000
WATCHED = 60
SHAPE, INTERCEPT, SLOPE = 1.6, 4.0, 0.7


def _model(family: str, cure: tuple[float, float] | None = None) -> RegressionModel:
    coefficients = np.zeros(len(COVARIATES))
    coefficients[COVARIATES.index("mean_gap")] = SLOPE
    return RegressionModel(family, SHAPE, INTERCEPT, coefficients, np.zeros(len(COVARIATES)), cure)


def _features(mean_gaps: np.ndarray, orders: np.ndarray) -> pl.DataFrame:
    count = len(mean_gaps)
    same = {"gap_1": 10.0, "deviation_of_gaps": 3.0, "amount": 50.0, "mean_amount": 50.0}
    return pl.DataFrame(
        {
            "mean_gap": mean_gaps,
            "orders": orders,
            "orders_30_days": np.ones(count),
            "orders_90_days": np.ones(count),
            **{name: np.full(count, value) for name, value in same.items()},
        }
    )


def _drawn(family: str, never: float = 0.0) -> pl.DataFrame:
    """Return times drawn from _model, of which some are only known to be longer than they were watched."""
    chance = np.random.default_rng(5)
    rows = _features(chance.uniform(0, 30, ROWS), np.full(ROWS, 3.0))
    level = chance.uniform(size=ROWS)
    normal = NormalDist()
    error = {
        "weibull": np.log(-np.log(level)),
        "log_logistic": np.log(1 / level - 1),
        "log_normal": np.array([normal.inv_cdf(1 - part) for part in level]),
    }[family]
    total = INTERCEPT + SLOPE * np.log1p(rows["mean_gap"].to_numpy())
    # Whole days would be another distribution; they are what the data have, but not what is tested here.
    times = np.exp((total + error) / SHAPE)
    times[chance.uniform(size=ROWS) < never] = np.inf
    watched = chance.uniform(1, WATCHED, ROWS)
    return rows.with_columns(
        waited_days=pl.Series(np.minimum(times, watched)), returned=pl.Series(times <= watched)
    )


def _typical() -> pl.DataFrame:
    return _features(np.array([15.0]), np.array([3.0]))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_curve_is_the_familys_own(family: str) -> None:
    rows = _features(np.array([9.0]), np.array([2.0]))
    error = SHAPE * math.log(30) - INTERCEPT - SLOPE * math.log(10)
    expected = {
        "weibull": math.exp(-math.exp(error)),
        "log_logistic": 1 / (1 + math.exp(error)),
        "log_normal": 1 - NormalDist().cdf(error),
    }[family]
    curve = _model(family).survival(rows, np.array([[0], [30], [10**6]]))
    assert curve[:, 0] == pytest.approx([1, expected, 0], abs=1e-4)
    never = 1 / (1 + math.exp(1.0 + 0.5 * math.log(2)))
    cured = _model(family, cure=(-1.0, -0.5)).survival(rows, np.array([[0], [30], [10**6]]))
    assert cured[:, 0] == pytest.approx([1, never + (1 - never) * expected, never], abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_parameters_of_drawn_times_are_found(family: str) -> None:
    found = fit_regression(family, _drawn(family))
    assert found.shape == pytest.approx(SHAPE, rel=0.03)
    # The penalty keeps it a little smaller than it is.
    assert found.coefficients[COVARIATES.index("mean_gap")] == pytest.approx(SLOPE, rel=0.1)
    assert np.abs(np.delete(found.coefficients, COVARIATES.index("mean_gap"))).max() < 0.05
    # What the penalty takes from the slope, the intercept has: a typical customer waits as long as was drawn.
    assert found.intercept + found.coefficients @ covariates(_typical())[0] == pytest.approx(
        INTERCEPT + SLOPE * math.log(16), rel=0.03
    )
    assert found.cure is None


@pytest.mark.parametrize("name", REGRESSIONS)
def test_no_other_parameters_make_what_was_seen_likelier(name: str) -> None:
    """The likelihood by the curve alone: its fall on the day of a return, and itself where none was seen."""
    drawn = _drawn(name.removesuffix("_cure"), never=0.2)[:2000]
    found = fit_regression(name, drawn)

    def log_likelihood(model: RegressionModel) -> float:
        # Days as drawn, in thousandths, since curves are told of whole ones.
        days = drawn["waited_days"].to_numpy()
        place = math.log(1000) * model.shape
        finer = replace(model, intercept=model.intercept + place)
        thousandths = np.round(days * 1000).astype(np.int64)
        now, before, after = finer.survival(drawn, np.stack((thousandths, thousandths - 2, thousandths + 2)))
        returned = drawn["returned"].to_numpy()
        # The fall in four thousandths of a day.
        seen = np.where(returned, (before - after) / 0.004, now)
        return float(np.log(seen).mean())

    best = log_likelihood(found)
    others = [
        replace(found, shape=found.shape * 1.1, intercept=found.intercept * 1.1),
        replace(found, shape=found.shape / 1.1, intercept=found.intercept / 1.1),
        replace(found, intercept=found.intercept + 0.1),
        replace(found, intercept=found.intercept - 0.1),
    ]
    if found.cure is not None:
        others += [replace(found, cure=(found.cure[0] + shift, found.cure[1])) for shift in (-0.3, 0.3)]
    assert max(map(log_likelihood, others)) < best


def test_a_few_steps_of_newtons_method_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wrong curvature the maximum is found as well, but only after many."""
    for family in FAMILIES:
        found = fit_regression(family, _drawn(family))
        with monkeypatch.context() as patch:
            patch.setattr("next_purchase.fitting.regression._MOST_STEPS", 7)
            quick = fit_regression(family, _drawn(family))
        assert quick.coefficients == pytest.approx(found.coefficients, rel=1e-4, abs=1e-6), family


@pytest.mark.parametrize("family", FAMILIES)
def test_the_share_that_never_comes_back_is_found(family: str) -> None:
    drawn = _drawn(family, never=0.3)
    found = fit_regression(f"{family}_cure", drawn)
    assert found.cure is not None
    share = 1 / (1 + math.exp(-found.cure[0] - found.cure[1] * math.log(3)))
    assert share == pytest.approx(0.3, abs=0.04)
    assert found.shape == pytest.approx(SHAPE, rel=0.06)
    # A model without that share must make all of them wait for longer.
    assert fit_regression(family, drawn).shape < 0.9 * SHAPE


def test_a_gap_that_a_customer_does_not_have_is_told_by_a_column_of_its_own() -> None:
    known = known_outcomes(examples_on({"1": [0, 10, 30]}), known_until=day(60))
    first, second, third = (dict(zip(COVARIATES, row, strict=True)) for row in covariates(known).tolist())
    assert (first["first_order"], second["first_order"], third["first_order"]) == (1, 0, 0)
    assert (first["second_order"], second["second_order"], third["second_order"]) == (0, 1, 0)
    assert all(math.isnan(first[name]) for name in ("recent_gap", "mean_gap", "deviation_of_gaps"))
    assert math.isnan(second["deviation_of_gaps"])
    assert third["recent_gap"] == pytest.approx((math.log(11) + math.log(21)) / 2)
    assert third["mean_gap"] == pytest.approx(math.log(16))


def test_a_few_orders_are_enough_and_none_that_came_back_is_not() -> None:
    few = known_outcomes(examples_on({"1": [0, 10], "2": [5]}), known_until=day(60))
    for name in REGRESSIONS:
        curve = fit_regression(name, few).survival(few, np.array([[1] * few.height, [50] * few.height]))
        assert np.isfinite(curve).all()
        assert (curve[0] >= curve[1]).all()
    nobody = known_outcomes(examples_on({"1": [0], "2": [5]}), known_until=day(60))
    with pytest.raises(CannotFitError, match="weibull needs at least one return"):
        fit_regression("weibull", nobody)


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_description_is_read_back(name: str) -> None:
    known = known_outcomes(
        examples_on({str(who): range(who % 7, 200, 9 + who % 11) for who in range(30)}), known_until=day(200)
    )
    model = fit_regression(name, known)
    days = np.arange(0, 90, 7)[:, np.newaxis] + np.zeros(known.height, dtype=int)
    again = read_regression(name, model.describe())
    assert again.survival(known, days).tolist() == model.survival(known, days).tolist()


@pytest.mark.parametrize(
    "damage",
    [
        {"family": "gamma"},
        {"covariates": ["x"]},
        {"shape": None},
        {"shape": 0.0},
        {"intercept": 1e300},
        {"coefficients": [1.0]},
        {"coefficients": [1e300] * len(COVARIATES)},
        {"cure": [1.0]},
    ],
    ids=str,
)
def test_a_damaged_description_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match="description"):
        read_regression("weibull", _model("weibull").describe() | damage)
