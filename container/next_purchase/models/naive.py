"""The naive guesses: a number of days that is the customer's own or all customers', and how such guesses turned out.

A guess alone says nothing of how sure it is. So its curve is that of the days over the guess, the same for all customers.
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
"""Where some do equally well, the first of them is the best."""

# The customer's own number that is guessed; for the median there is none.
_COLUMNS = {MEDIAN_GAP: None, MEAN_GAP: "mean_gap", LAST_GAP: "gap_1"}

LEAST_DAYS = 1.0
"""A day is one order, so the next one is a day later at the earliest."""


def guess(name: str, rows: pl.DataFrame, median_days: float) -> Floats:
    """The days until the next order, at least 1.

    Args:
        name: One of NAIVE_GUESSES.
        rows: (rows, any columns) with mean_gap and gap_1, null where the customer has no gap.
        median_days: The guess for those, and all that median_gap says.

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
    """A guess with the curve of the days over it.

    Attributes:
        name: One of NAIVE_GUESSES.
        median_days: Of all customers; the guess for one without a gap.
        ratios: The days over the guess.
    """

    name: str
    median_days: float
    ratios: StepCurve

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """See Model."""
        return self.ratios.at(days / guess(self.name, rows, self.median_days))

    def describe(self) -> dict[str, Any]:
        """What read_naive needs, as JSON has it."""
        return {
            "median_days": self.median_days,
            "ratios": self.ratios.times.tolist(),
            "shares": self.ratios.shares.tolist(),
        }


def read_naive(name: str, description: Mapping[str, Any]) -> NaiveModel:
    """Read back what describe gave.

    Raises:
        ArtifactError: A number is missing or cannot be.
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
