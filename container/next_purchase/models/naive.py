"""The naive guesses: a customer's own mean or last gap, or the median of all customers.

A guess has no uncertainty of its own. Its curve is that of the ratio of the days to the guess, the same for all customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from next_purchase.errors import ArtifactError
from next_purchase.models.description import take_number, take_numbers
from next_purchase.survival import StepCurve

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from next_purchase.arrays import Days, Floats

MEAN_GAP, LAST_GAP, MEDIAN_GAP = "mean_gap", "last_gap", "median_gap"
NAIVE_GUESSES = (MEAN_GAP, LAST_GAP, MEDIAN_GAP)
"""Of equally good guesses, the first one is the best."""

# The customer's column that is the guess; the median has none.
_COLUMNS = {MEDIAN_GAP: None, MEAN_GAP: "mean_gap", LAST_GAP: "gap_1"}

LEAST_DAYS = 1.0
"""All purchases of a day are one order, so the next one is at least a day later."""


def guess(name: str, rows: pl.DataFrame, median_days: float) -> Floats:
    """Return the guessed days until the next order, at least 1.

    Args:
        name: one of NAIVE_GUESSES.
        rows: (rows, any columns) with mean_gap and gap_1, null where the customer has no gap.
        median_days: the guess for customers without a gap, and for all customers in median_gap.

    Returns:
        (rows,).
    """
    column = _COLUMNS[name]
    if column is None:
        return np.full(rows.height, max(median_days, LEAST_DAYS))
    days: Floats = np.maximum(rows[column].fill_null(median_days).to_numpy(), LEAST_DAYS)
    return days


@dataclass(frozen=True)
class NaiveModel:
    """A guess with the curve of the ratio of the days to it.

    Attributes:
        name: one of NAIVE_GUESSES.
        median_days: the median of all customers; the guess for one without a gap.
        ratios: the survival curve of the ratio of the days to the guess.
    """

    name: str
    median_days: float
    ratios: StepCurve

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """See Model."""
        return self.ratios.at(days / guess(self.name, rows, self.median_days))

    def describe(self) -> dict[str, Any]:
        """Return what read_naive needs, as a JSON object."""
        return {
            "median_days": self.median_days,
            "ratios": self.ratios.times.tolist(),
            "shares": self.ratios.shares.tolist(),
        }


def read_naive(name: str, description: Mapping[str, Any]) -> NaiveModel:
    """Return the model of a description.

    Raises:
        ArtifactError: a number is missing or not valid.
    """
    ratios = np.array(take_numbers(description, "ratios", 0), dtype=float)
    shares = np.array(take_numbers(description, "shares", 0, 1), dtype=float)
    if len(ratios) != len(shares):
        raise ArtifactError(
            f"The description of the model {name} has {len(ratios)} ratios and {len(shares)} shares."
        )
    if (np.diff(ratios) < 0).any() or (np.diff(shares) > 0).any():
        raise ArtifactError(f"The description of the model {name} has a curve that does not fall.")
    return NaiveModel(name, take_number(description, "median_days", LEAST_DAYS), StepCurve(ratios, shares))
