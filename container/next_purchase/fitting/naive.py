"""Fits the naive guesses: the median, and how guesses turned out."""

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

    Those who have not come back yet count as long as they stayed away, so the median is one of all customers and not
    of those who returned.

    Args:
        name: One of NAIVE_GUESSES.
        known: (1 or more rows,) as known_outcomes gives them.
    """
    median = median_days(known)
    ratios = known[WAITED].to_numpy() / guess(name, known, median)
    return NaiveModel(name, median, _thin_out(survival_curve(ratios, known[RETURNED].to_numpy())))


def median_days(known: pl.DataFrame) -> float:
    """The days by which half of all customers came back; the longest that anyone was watched if it were fewer.

    Args:
        known: (1 or more rows,) as known_outcomes gives them.
    """
    waited = known[WAITED].to_numpy().astype(float)
    median = survival_curve(waited, known[RETURNED].to_numpy()).quantile(0.5)
    return max(float(waited.max()) if median is None else median, LEAST_DAYS)


def _thin_out(curve: StepCurve) -> StepCurve:
    """As many steps as a description can hold, evenly over the share that falls."""
    kept: Floats = (
        np.unique(np.linspace(0, len(curve.times) - 1, _MOST_STEPS).astype(int))
        if len(curve.times)
        else curve.times
    )
    places = kept.astype(int)
    return StepCurve(
        *(np.array([shorten(value) for value in values[places]]) for values in (curve.times, curve.shares))
    )
