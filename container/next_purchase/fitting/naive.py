"""Fits the naive guesses: the median, and the curve of the ratio of the days to the guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from next_purchase.models.description import shorten
from next_purchase.models.naive import LEAST_DAYS, NaiveModel, guess
from next_purchase.outcomes import RETURNED, WAITED
from next_purchase.survival import StepCurve, survival_curve

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.arrays import Floats

_MOST_STEPS = 200


def fit_naive(name: str, known: pl.DataFrame) -> NaiveModel:
    """Fit one of the guesses.

    Customers who have not come back yet are censored, so the median is that of all customers and not of those who
    returned.

    Args:
        name: one of NAIVE_GUESSES.
        known: (1 or more rows,) as known_outcomes gives them.
    """
    median = median_days(known)
    ratios = known[WAITED].to_numpy() / guess(name, known, median)
    return NaiveModel(name, median, _thin_out(survival_curve(ratios, known[RETURNED].to_numpy())))


def median_days(known: pl.DataFrame) -> float:
    """Return the days by which half of all customers came back; the longest observation if fewer did.

    Args:
        known: (1 or more rows,) as known_outcomes gives them.
    """
    waited = known[WAITED].to_numpy().astype(float)
    median = survival_curve(waited, known[RETURNED].to_numpy()).quantile(0.5)
    return max(float(waited.max()) if median is None else median, LEAST_DAYS)


def _thin_out(curve: StepCurve) -> StepCurve:
    """Return the curve with at most _MOST_STEPS of its steps, evenly spaced."""
    kept: Floats = (
        np.unique(np.linspace(0, len(curve.times) - 1, _MOST_STEPS).astype(int))
        if len(curve.times)
        else curve.times
    )
    places = kept.astype(int)
    return StepCurve(
        *(np.array([shorten(value) for value in values[places]]) for values in (curve.times, curve.shares))
    )
