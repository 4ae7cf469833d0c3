"""Fits the modified beta-geometric/negative binomial model by maximum likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.special import gammaln

from next_purchase.models.description import shorten
from next_purchase.models.mbg_nbd import MbgNbdModel
from next_purchase.outcomes import RETURNED, WAITED
from next_purchase.schema import AGE

if TYPE_CHECKING:
    from next_purchase.arrays import Floats

# The start values of r, alpha, a and b: a purchase a month, and one in five customers stops after an order.
_START = np.log([1.0, 30.0, 0.5, 2.0])
# The bounds of the logarithms: beyond them only the parameters' ratios matter.
_BOUNDS = [(-7.0, 9.0)] * len(_START)
# Keeps parameters that the data does not determine near 1.
_PENALTY = 0.001


def fit_mbg_nbd(known: pl.DataFrame) -> MbgNbdModel:
    """Fit the four parameters to all customers.

    Args:
        known: (1 or more rows,) as known_outcomes gives them.
    """
    # Each customer's last order: the one without a next order.
    last = known.filter(~pl.col(RETURNED))
    repeats = last["orders"].to_numpy() - 1.0
    first_to_last = last[AGE].to_numpy().astype(float)
    watched = first_to_last + last[WAITED].to_numpy()
    found = minimize(
        _negative_log_likelihood,
        _START,
        args=(repeats, first_to_last, watched),
        method="L-BFGS-B",
        bounds=_BOUNDS,
    )
    return MbgNbdModel(*(shorten(float(value)) for value in np.exp(found.x)))


def _negative_log_likelihood(logarithms: Floats, repeats: Floats, first_to_last: Floats, watched: Floats) -> float:
    """Return the mean negative logarithm of equation 7 of Batislam, Denizel and Filiztekin, plus a penalty.

    Args:
        logarithms: the logarithms of r, alpha, a and b.
        repeats: (customers,) orders after the first.
        first_to_last: (customers,) days from the first to the last order.
        watched: (customers,) days from the first order to the last day that is known.
    """
    r, alpha, a, b = np.exp(logarithms)
    shape = r + repeats
    rates = gammaln(shape) - gammaln(r) + r * np.log(alpha)
    stops = gammaln(a + b) + gammaln(b + repeats + 1) - gammaln(b) - gammaln(a + b + repeats + 1)
    still_buying = -shape * np.log(alpha + watched)
    stopped = np.log(a) - np.log(b + repeats) - shape * np.log(alpha + first_to_last)
    likelihood = rates + stops + np.logaddexp(still_buying, stopped)
    penalty = _PENALTY * (logarithms**2).sum() / 2
    return float(penalty - likelihood.mean())
