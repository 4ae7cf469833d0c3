"""Fits accelerated failure time regressions by penalised maximum likelihood.

In shape and coefficients, as models/regression.py has them, the likelihood of all three families is concave, so Newton's
method finds its maximum from anywhere.

Source: R. J. Olsen, Note on the Uniqueness of the Maximum Likelihood Estimator for the Tobit Model, Econometrica 46 (1978);
J. Burridge, A Note on Maximum Likelihood Estimation for Regression Models Using Grouped Data, JRSS B 43 (1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.special import expit, log_ndtr

from next_purchase.errors import CannotFitError
from next_purchase.models.description import shorten
from next_purchase.models.regression import (
    CURE,
    LOG_LOGISTIC,
    WEIBULL,
    RegressionModel,
    covariates,
)
from next_purchase.outcomes import RETURNED, WAITED

if TYPE_CHECKING:
    from next_purchase.arrays import Booleans, Floats

# The penalty for half the square of each coefficient, for every order; the covariates have unit variance.
_PENALTY = 0.01
# The same for shape and intercept, so that the likelihood has a maximum for any data.
_LEAST_PENALTY = 1e-6
_MOST_STEPS = 50
_PRECISION = 1e-10
_SMALLEST_STEP = 1e-6
_LARGEST_EXPONENT = 50.0
_LOG_OF_ROOT_2_PI = 0.5 * np.log(2 * np.pi)
# The start of the search for the log-odds never to come back, and its bound.
_CURE_START = -3.0
_CURE_BOUND = 20.0
_SHAPE_BOUND = 4.0


@dataclass(frozen=True)
class _Data:
    """The data of the likelihood.

    Attributes:
        design: (orders, 2 + covariates) logarithm of the days, -1, and the standardised covariates with their signs turned;
            times shape, intercept and coefficients it is the error.
        returned: (orders,) whether the customer came back on that day.
        penalties: (2 + covariates,).
    """

    design: Floats
    returned: Booleans
    penalties: Floats


class _Derivatives(NamedTuple):
    """The log-likelihood of each error, without the shape's own part, and how it changes with the error."""

    value: Floats
    slope: Floats
    curvature: Floats
    """Minus the second derivative."""


def fit_regression(name: str, known: pl.DataFrame) -> RegressionModel:
    """Fit a regression.

    Args:
        name: one of REGRESSIONS.
        known: as known_outcomes gives them.

    Raises:
        CannotFitError: nobody came back, or the likelihood has no usable maximum.
    """
    family = name.removesuffix(CURE)
    # An order on the last known day has no observation.
    rows = known.filter(pl.col(WAITED) > 0)
    returned = rows[RETURNED].to_numpy()
    if not returned.any():
        raise CannotFitError(f"{name} needs at least one return.")
    values = covariates(rows)
    known_values = ~np.isnan(values)
    count = known_values.sum(axis=0)
    fill = np.where(known_values, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    filled = np.where(known_values, values, fill)
    deviation = filled.std(axis=0)
    varies = deviation > _SMALLEST_STEP
    scale = np.where(varies, deviation, 1.0)
    standardised = np.where(varies, (filled - fill) / scale, 0.0)
    logarithms = np.log(rows[WAITED].to_numpy())
    data = _Data(
        np.column_stack((logarithms, -np.ones(len(rows)), -standardised)),
        returned,
        np.array([_LEAST_PENALTY] * 2 + [_PENALTY] * values.shape[1]),
    )
    found = _maximise(family, data, np.array([1.0, logarithms.mean()] + [0.0] * values.shape[1]))
    cure = None
    if name.endswith(CURE):
        found, cure = _add_cure(family, data, found, np.log(rows["orders"].to_numpy()))
    if not np.isfinite(found).all():
        raise CannotFitError(f"{name} has no usable maximum of its likelihood.")
    coefficients = np.where(varies, found[2:] / scale, 0.0)
    return RegressionModel(
        family,
        shorten(float(found[0])),
        shorten(float(found[1] - coefficients @ fill)),
        np.array([shorten(value) for value in coefficients]),
        np.array([shorten(value) for value in fill]),
        cure,
    )


def _maximise(family: str, data: _Data, start: Floats) -> Floats:
    """Maximise by Newton's method, with steps halved until they help.

    Raises:
        CannotFitError: the steps have no solution.
    """
    orders, returns = len(data.returned), float(data.returned.sum())
    penalties = data.penalties * orders

    def objective(parameters: Floats) -> float:
        if parameters[0] <= 0:
            return -np.inf
        value = _derivatives(family, data.design @ parameters, data.returned).value.sum()
        return float(value + returns * np.log(parameters[0]) - (penalties * parameters**2).sum() / 2)

    parameters, reached = start, objective(start)
    for _ in range(_MOST_STEPS):
        _, slope, curvature = _derivatives(family, data.design @ parameters, data.returned)
        gradient = data.design.T @ slope - penalties * parameters
        gradient[0] += returns / parameters[0]
        hessian = (data.design * curvature[:, np.newaxis]).T @ data.design + np.diag(penalties)
        hessian[0, 0] += returns / parameters[0] ** 2
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError as error:
            raise CannotFitError(f"{family} has no maximum of its likelihood: {error}.") from error
        length = 1.0
        while (now := objective(parameters + length * step)) < reached and length > _SMALLEST_STEP:
            length /= 2
        parameters, reached = parameters + length * step, now
        if gradient @ step < _PRECISION * orders:
            break
    return parameters


def _derivatives(family: str, error: Floats, returned: Booleans) -> _Derivatives:
    """Return derivatives of the log density where the customer came back, of the log survival function elsewhere."""
    if family == WEIBULL:
        growth = np.exp(np.minimum(error, _LARGEST_EXPONENT))
        return _Derivatives(returned * error - growth, returned - growth, growth)
    if family == LOG_LOGISTIC:
        share, times = expit(error), 1 + returned
        return _Derivatives(
            returned * error - times * np.logaddexp(0, error),
            returned - times * share,
            times * share * (1 - share),
        )
    upper = log_ndtr(-error)
    hazard = np.exp(-(error**2) / 2 - _LOG_OF_ROOT_2_PI - upper)
    return _Derivatives(
        np.where(returned, -(error**2) / 2 - _LOG_OF_ROOT_2_PI, upper),
        np.where(returned, -error, -hazard),
        np.where(returned, 1.0, hazard * (hazard - error)),
    )


def _add_cure(family: str, data: _Data, start: Floats, log_orders: Floats) -> tuple[Floats, tuple[float, float]]:
    """Fit the share that never comes back together with the other parameters.

    Returns:
        The parameters, and the share's two.
    """
    returned, orders = data.returned, len(data.returned)
    cure_columns = np.column_stack((np.ones(orders), log_orders))
    sizes = np.concatenate((data.penalties, [_LEAST_PENALTY, _PENALTY]))

    def objective(variables: Floats) -> tuple[float, Floats]:
        """Return the negative penalised log-likelihood and its gradient; the first variable is the shape's logarithm."""
        shape = np.exp(variables[0])
        parameters = np.concatenate(([shape], variables[1:-2]))
        value, slope, _ = _derivatives(family, data.design @ parameters, returned)
        odds = cure_columns @ variables[-2:]
        never = expit(odds)
        away = np.where(returned, 1.0, np.exp(np.minimum(value, 0.0)))
        unseen = never + (1 - never) * away
        likelihood = np.where(returned, value + variables[0] - np.logaddexp(0, odds), np.log(unseen))
        susceptible = np.where(returned, 1.0, (1 - never) * away / unseen)
        gradient = data.design.T @ (susceptible * slope)
        gradient[0] = gradient[0] * shape + returned.sum()
        of_cure = cure_columns.T @ np.where(returned, -never, never * (1 - never) * (1 - away) / unseen)
        weights = np.concatenate((parameters, variables[-2:]))
        slopes = np.concatenate((gradient, of_cure)) / orders - sizes * weights * np.concatenate(
            ([shape], np.ones(len(weights) - 1))
        )
        return float((sizes * weights**2).sum() / 2 - likelihood.mean()), -slopes

    found = minimize(
        objective,
        np.concatenate(([np.log(start[0])], start[1:], [_CURE_START, 0.0])),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_SHAPE_BOUND, _SHAPE_BOUND)]
        + [(None, None)] * (len(start) - 1)
        + [(-_CURE_BOUND, _CURE_BOUND)] * 2,
    ).x
    parameters = np.concatenate(([np.exp(found[0])], found[1:-2]))
    return parameters, (shorten(float(found[-2])), shorten(float(found[-1])))
