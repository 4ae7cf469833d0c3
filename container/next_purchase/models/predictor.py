"""A model with the interval, the horizon and the days of the probability for its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from next_purchase.models.curves import day_grid, days_by, expected_day, read_curves
from next_purchase.models.interval import Interval

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.arrays import Booleans, Days, Floats
    from next_purchase.models.model import Model

# The curves of this number of rows fit in a processor's cache.
_BLOCK_ROWS = 4096


class Prediction(NamedTuple):
    """The predictions for all customers; (rows,) each."""

    days: Floats
    """Whole days until the next order, from 1 on; infinite beyond the horizon."""
    lower: Floats
    """The interval's lower end in days, from 1 on; infinite beyond the horizon."""
    upper: Floats
    """The interval's upper end."""
    probability: Floats
    """The probability of an order within the days of the probability."""
    overdue: Booleans
    """Whether more days have passed since the last order than the interval's upper end on that day."""


@dataclass(frozen=True)
class Predictor:
    """Predicts the next orders of customers as of some day.

    Attributes:
        model: the fitted model.
        horizon_days: later days are infinite in predictions.
        probability_days: the days within which the probability expects an order; at most the horizon.
        at_order: the interval of a customer who has just ordered.
        ahead: the interval of a customer who has waited.
    """

    model: Model
    horizon_days: int
    probability_days: int
    at_order: Interval = field(default_factory=Interval)
    ahead: Interval = field(default_factory=Interval)

    def predict(self, rows: pl.DataFrame, waited: Days) -> Prediction:
        """Predict every customer's next order.

        Args:
            rows: (rows, any columns) with the model's features, null for unknown.
            waited: (rows,) days since the last order.
        """
        blocks = range(0, max(rows.height, 1), _BLOCK_ROWS)
        parts = [
            self._predict(rows[start : start + _BLOCK_ROWS], waited[start : start + _BLOCK_ROWS])
            for start in blocks
        ]
        return Prediction(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _predict(self, rows: pl.DataFrame, waited: Days) -> Prediction:
        days = np.union1d(day_grid(self.horizon_days), [self.probability_days])
        now, curve = read_curves(self.model, rows, waited, days)
        return Prediction(
            *_expect(curve, days, self.ahead),
            1 - curve[np.searchsorted(days, self.probability_days)],
            now < 1 - self.at_order.upper,
        )

    def predict_at_order(self, rows: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
        """Predict the order after each row's own, as on its day.

        Returns:
            Days, lower and upper end; (rows,) each, infinite beyond the horizon.
        """
        days = day_grid(self.horizon_days)
        curve = read_curves(self.model, rows, np.zeros(rows.height, dtype=np.int64), days).ahead
        return _expect(curve, days, self.at_order)


def _expect(curve: Floats, days: Days, interval: Interval) -> tuple[Floats, Floats, Floats]:
    """Return the day and the interval around it."""
    middle = expected_day(curve, days)
    lower, upper = (days_by(curve, days, share) for share in (interval.lower, interval.upper))
    return middle, np.minimum(lower, middle), np.maximum(upper, middle)
