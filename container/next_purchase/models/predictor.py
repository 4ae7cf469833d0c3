"""A model with what makes answers of it: the interval, the horizon and the days of the probability."""

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

# As many rows' curves stay in a processor's cache.
_BLOCK_ROWS = 4096


class Prediction(NamedTuple):
    """What is expected of each customer; (rows,) each."""

    days: Floats
    """Until the next order, whole ones, from 1 on; infinite beyond the horizon."""
    lower: Floats
    """Of the interval, from 1 on; infinite beyond the horizon."""
    upper: Floats
    """The same of its other end."""
    probability: Floats
    """Of an order within the days of the probability."""
    overdue: Booleans
    """Whether more than the upper end expected at the last order has passed since it."""


@dataclass(frozen=True)
class Predictor:
    """Answers for customers as of some day.

    Attributes:
        model: Fitted.
        horizon_days: What lies beyond is not told apart.
        probability_days: The probability's; at most the horizon.
        at_order: The interval of a customer who has just ordered.
        ahead: The interval of a customer who has waited.
    """

    model: Model
    horizon_days: int
    probability_days: int
    at_order: Interval = field(default_factory=Interval)
    ahead: Interval = field(default_factory=Interval)

    def predict(self, rows: pl.DataFrame, waited: Days) -> Prediction:
        """Expect every customer's next order.

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
        """Expect the order after each row's own, on its day.

        Returns:
            Days, lower and upper end; (rows,) each, infinite beyond the horizon.
        """
        days = day_grid(self.horizon_days)
        curve = read_curves(self.model, rows, np.zeros(rows.height, dtype=np.int64), days).ahead
        return _expect(curve, days, self.at_order)


def _expect(curve: Floats, days: Days, interval: Interval) -> tuple[Floats, Floats, Floats]:
    """The day, and the interval around it."""
    middle = expected_day(curve, days)
    lower, upper = (days_by(curve, days, share) for share in (interval.lower, interval.upper))
    return middle, np.minimum(lower, middle), np.maximum(upper, middle)
