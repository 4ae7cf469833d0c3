"""The three naive guesses that every model is held against, and that stand in where there is too little to learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from next_purchase.errors import ArtifactError
from next_purchase.schema import LOWER, PREDICTED, UPPER

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

MEDIAN_GAP, MEAN_GAP, LAST_GAP = "median_gap", "mean_gap", "last_gap"
BASELINES = (MEAN_GAP, LAST_GAP, MEDIAN_GAP)
"""Where some do equally well, the first of them is the best."""

# The customer's own number that a baseline repeats; for the median there is none.
_COLUMNS = {MEDIAN_GAP: None, MEAN_GAP: "mean_gap", LAST_GAP: "gap_1"}

LEAST_DAYS = 1.0
"""A day is one order, so the next one is a day later at the earliest."""


@dataclass(frozen=True)
class BaselineModel:
    """Repeats a number, with an interval as wide as such guesses were wrong.

    Attributes:
        name: Which baseline.
        horizon_days: Stands for it and everything later.
        median_days: The guess for a customer without a gap so far.
        lower_factor: What the guess is multiplied by for the interval's lower end.
        upper_factor: The same for the upper end; None if so many did not come back that it is the horizon.
    """

    name: str
    horizon_days: int
    median_days: float
    lower_factor: float
    upper_factor: float | None

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        """predicted_days, lower_days and upper_days (Float64), one row for each of the rows with features."""
        import polars as pl

        guess = self.guess()
        upper = pl.lit(float(self.horizon_days)) if self.upper_factor is None else guess * self.upper_factor
        days = {PREDICTED: guess, LOWER: guess * self.lower_factor, UPPER: upper}
        # with_columns, since select would give a single row where no column is read.
        return features.with_columns(
            expression.clip(LEAST_DAYS, float(self.horizon_days)).alias(name) for name, expression in days.items()
        ).select(*days)

    def guess(self) -> pl.Expr:
        """The days until the next order, without bounds."""
        import polars as pl

        column = _COLUMNS[self.name]
        median = pl.lit(self.median_days)
        return median if column is None else pl.col(column).fill_null(median)

    def describe(self) -> dict[str, Any]:
        """What read_baseline needs, as JSON has it."""
        return {
            "median_days": self.median_days,
            "lower_factor": self.lower_factor,
            "upper_factor": self.upper_factor,
        }

    def to_text(self) -> None:
        """Nothing: the description is all."""


def read_baseline(name: str, horizon_days: int, description: Mapping[str, Any]) -> BaselineModel:
    """Read back what describe gave.

    Raises:
        ArtifactError: A number is missing.
    """
    upper = description.get("upper_factor")
    median, lower = description.get("median_days"), description.get("lower_factor")
    if not isinstance(median, float) or not isinstance(lower, float) or not isinstance(upper, float | None):
        raise ArtifactError(f"The description of the model {name} is incomplete: {dict(description)}.")
    return BaselineModel(name, horizon_days, median, lower, upper)
