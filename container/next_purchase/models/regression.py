"""Accelerated failure time regression: the logarithm of the days until the next order is a sum over features, plus an error.

With S the error's survival function, a customer with the features x is still away after t days with the probability

    S(shape * log t - intercept - coefficients * x)

where S is that of the smallest-extreme-value (Weibull), the logistic (log-logistic) or the normal distribution (log-normal).
In a model of the kind `_cure` a share of customers, which falls with the number of their orders, never comes back; the days
of the others are as above.

Source: J. D. Kalbfleisch, R. L. Prentice, The Statistical Analysis of Failure Time Data, 2nd edition (2002), chapter 3; the
share that never comes back: J. W. Boag, Journal of the Royal Statistical Society B 11 (1949).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from next_purchase.errors import ArtifactError
from next_purchase.models.description import take_number, take_numbers, take_positive
from next_purchase.models.whole_days import of_days

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from next_purchase.arrays import Days, Floats

WEIBULL, LOG_LOGISTIC, LOG_NORMAL = "weibull", "log_logistic", "log_normal"
FAMILIES = (WEIBULL, LOG_LOGISTIC, LOG_NORMAL)
CURE = "_cure"

_IN_LOGARITHMS = (
    "mean_gap",
    "deviation_of_gaps",
    "orders",
    "orders_30_days",
    "orders_90_days",
    "amount",
    "mean_amount",
)
COVARIATES = ("recent_gap", *_IN_LOGARITHMS, "first_order", "second_order")
"""Recency, frequency and value: the typical one of the last time_series_length gaps, mean and deviation of the gaps, numbers
of all and of recent orders, amounts; and whether there are one or no gaps."""

# exp() of much larger numbers is infinite, and the survival is 0 before that.
_LARGEST_EXPONENT = 50.0
_LEAST_DAYS = 1e-9
_CURE_NUMBERS = 2


@dataclass(frozen=True)
class RegressionModel:
    """A fitted regression.

    Attributes:
        family: one of FAMILIES.
        shape: the factor of the logarithm of the days.
        intercept: the sum's intercept.
        coefficients: (covariates,) in the order of COVARIATES.
        fill: (covariates,) the values that replace unknown ones.
        cure: intercept, and coefficient of the logarithm of the number of orders, of the log-odds never to come back; None
            in a model in which all come back.
    """

    family: str
    shape: float
    intercept: float
    coefficients: Floats
    fill: Floats
    cure: tuple[float, float] | None = None

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """See Model."""
        values = covariates(rows)
        total = self.intercept + np.where(np.isnan(values), self.fill, values) @ self.coefficients
        away = self._survive(total, days)
        if self.cure is None:
            return away
        log_odds = self.cure[0] + self.cure[1] * np.log(np.maximum(rows["orders"].to_numpy(), 1.0))
        odds = np.exp(np.clip(log_odds, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
        never = odds / (1 + odds)
        share: Floats = never + (1 - never) * away
        return share

    def _survive(self, total: Floats, days: Days) -> Floats:
        """Return the error's survival function at shape * log(days) - total."""
        error = of_days(lambda day: self.shape * np.log(np.maximum(day, _LEAST_DAYS)), days)
        error -= total
        if self.family == LOG_NORMAL:
            # Imported here because the import takes a quarter of a second, and other families do not need it.
            from scipy.special import ndtr

            normal: Floats = ndtr(-error)
            return normal
        growth = np.exp(np.minimum(error, _LARGEST_EXPONENT))
        return np.exp(-growth) if self.family == WEIBULL else 1 / (1 + growth)

    def describe(self) -> dict[str, Any]:
        """Return what read_regression needs, as a JSON object."""
        return {
            "family": self.family,
            "shape": self.shape,
            "intercept": self.intercept,
            "covariates": list(COVARIATES),
            "coefficients": self.coefficients.tolist(),
            "fill": self.fill.tolist(),
            "cure": None if self.cure is None else list(self.cure),
        }


def covariates(rows: pl.DataFrame) -> Floats:
    """Return the covariates of the regression.

    Args:
        rows: (rows, any columns) with the features, null for unknown.

    Returns:
        (rows, len(COVARIATES)), NaN for unknown.
    """
    gaps = rows.select("^gap_[0-9]+$").to_numpy()
    known = ~np.isnan(gaps)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore"):
        recent = np.where(known, np.log(1 + np.maximum(gaps, 0.0)), 0.0).sum(axis=1) / count
    # Faster than log1p, which is more exact only for tiny numbers, and there are none here.
    logarithms = np.log(1 + np.maximum(rows.select(_IN_LOGARITHMS).to_numpy(), 0.0))
    orders = rows["orders"].to_numpy()
    return np.column_stack((recent, logarithms, orders == 1, orders == 2))


def read_regression(name: str, description: Mapping[str, Any]) -> RegressionModel:
    """Return the model of a description.

    Raises:
        ArtifactError: a value is missing, or the model has other covariates.
    """
    if description.get("family") not in FAMILIES or description.get("covariates") != list(COVARIATES):
        raise ArtifactError(f"The description of the model {name} has another family or other covariates.")
    numbers = {key: np.array(take_numbers(description, key)) for key in ("coefficients", "fill")}
    cure = None if description.get("cure") is None else take_numbers(description, "cure")
    lengths = [len(values) for values in numbers.values()]
    if lengths != [len(COVARIATES)] * 2 or (cure is not None and len(cure) != _CURE_NUMBERS):
        raise ArtifactError(f"The description of the model {name} has too few or too many numbers.")
    return RegressionModel(
        description["family"],
        take_positive(description, "shape"),
        take_number(description, "intercept"),
        cure=None if cure is None else (cure[0], cure[1]),
        **numbers,
    )
