"""Judges a model that was fitted to what was known on a day by what came from that day on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from next_purchase.learning.measures import absolute_errors, brier_score, lower_ratio
from next_purchase.models.naive import LEAST_DAYS, NAIVE_GUESSES, guess
from next_purchase.schema import CUSTOMER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from next_purchase.arrays import Booleans, Floats
    from next_purchase.learning.questions import Questions
    from next_purchase.models.predictor import Predictor

HORIZON, MEAN_GAP_AHEAD = "horizon", "mean_gap"
"""The naive guesses for customers who have waited: not within the horizon; at their mean gap, if it is still ahead."""

# Groups of equal size, from the lowest probability to the highest.
_CALIBRATION_GROUPS = 5
_DECIMALS = 4

ORDER_MEASURES = (
    "mean_absolute_error",
    "baseline_mean_absolute_error",
    "best_baseline",
    "error_ratio",
    "error_ratio_lower",
    *(f"{name}_mean_absolute_error" for name in NAIVE_GUESSES),
    "share_below_interval",
    "share_above_interval",
)
SERVED_MEASURES = (
    "served_mean_absolute_error",
    "served_baseline_mean_absolute_error",
    "served_best_baseline",
    "served_error_ratio",
    "served_error_ratio_lower",
    "served_share_below_interval",
    "served_share_above_interval",
    "brier_score",
    "baseline_brier_score",
    "brier_score_ratio",
    "mean_probability",
    "observed_share",
    "calibration",
)


def judge_at_orders(predictor: Predictor | None, asked: Questions, median_days: float | None) -> dict[str, Any]:
    """Return the measures at orders, predicted on the order's day, with those of the naive guesses.

    Args:
        predictor: the predictor to judge; None if there was nothing to learn from.
        asked: the orders.
        median_days: the median of all customers, as known when the predictor was fitted.

    Returns:
        ORDER_MEASURES; None each where there is nothing to judge.
    """
    if predictor is None or median_days is None or not len(asked.truth):
        return dict.fromkeys(ORDER_MEASURES)
    horizon = predictor.horizon_days
    days, lower, upper = predictor.predict_at_order(asked.rows)
    guesses = {name: guess(name, asked.rows, median_days) for name in NAIVE_GUESSES}
    losses = {name: absolute_errors(guessed, asked.truth, horizon) for name, guessed in guesses.items()}
    errors = absolute_errors(days, asked.truth, horizon)
    error, baseline, best, ratio, lower_end = _compare(errors, losses, asked)
    means = [_round(losses[name].mean()) for name in NAIVE_GUESSES]
    below, above = _shares_outside(lower, upper, asked)
    values = (error, baseline, best, ratio, lower_end, *means, below, above)
    return dict(zip(ORDER_MEASURES, values, strict=True))


def judge_of_customers(predictor: Predictor | None, asked: Questions) -> dict[str, Any]:
    """Return the measures of what is served: all customers on one day, given how long each has waited.

    Args:
        predictor: the predictor to judge; None if there was nothing to learn from.
        asked: the customers.

    Returns:
        SERVED_MEASURES; None each where there is nothing to judge.
    """
    if predictor is None or not len(asked.truth):
        return dict.fromkeys(SERVED_MEASURES)
    horizon = predictor.horizon_days
    expected = predictor.predict(asked.rows, asked.waited)
    gap = asked.rows["mean_gap"].fill_null(0.0).to_numpy()
    ahead = np.where(gap > asked.waited, np.maximum(gap - asked.waited, LEAST_DAYS), np.inf)
    guesses = {HORIZON: np.full(len(gap), np.inf), MEAN_GAP_AHEAD: ahead}
    losses = {name: absolute_errors(guessed, asked.truth, horizon) for name, guessed in guesses.items()}
    errors = absolute_errors(expected.days, asked.truth, horizon)
    came = asked.returned & (asked.truth <= predictor.probability_days)
    score, of_share = brier_score(expected.probability, came), brier_score(np.full(len(came), came.mean()), came)
    values = (
        *_compare(errors, losses, asked),
        *_shares_outside(expected.lower, expected.upper, asked),
        _round(score),
        _round(of_share),
        _round(score / of_share) if of_share else None,
        _round(expected.probability.mean()),
        _round(came.mean()),
        _calibration(expected.probability, came),
    )
    return dict(zip(SERVED_MEASURES, values, strict=True))


def _compare(
    errors: Floats, losses: Mapping[str, Floats], asked: Questions
) -> tuple[float, float, str, float | None, float | None]:
    """Return the mean error, the best baseline's error and name, the ratio of both errors, and its lower end."""
    best = min(losses, key=lambda name: float(losses[name].mean()))
    error, baseline = float(errors.mean()), float(losses[best].mean())
    if not baseline:
        return _round(error), _round(baseline), best, None, None
    _, customers = np.unique(asked.rows[CUSTOMER].to_numpy(), return_inverse=True)
    lower = lower_ratio(errors, losses[best], customers)
    return _round(error), _round(baseline), best, _round(error / baseline), _round(lower)


def _shares_outside(lower: Floats, upper: Floats, asked: Questions) -> tuple[float, float | None]:
    """Return the share before the interval, and, of those whose interval ends by the horizon, the share after it."""
    above = (asked.truth > upper)[np.isfinite(upper)]
    below = asked.returned & (asked.truth < lower)
    return _round(below.mean()), _round(above.mean()) if len(above) else None


def _calibration(probability: Floats, came: Booleans) -> list[dict[str, float]]:
    groups: Iterable[Any] = np.array_split(np.argsort(probability, kind="stable"), _CALIBRATION_GROUPS)
    return [
        {
            "customers": len(group),
            "mean_probability": _round(probability[group].mean()),
            "observed_share": _round(came[group].mean()),
        }
        for group in groups
        if len(group)
    ]


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
