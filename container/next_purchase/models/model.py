"""The interface of all models.

Another kind of model is a class with this interface, a function that fits it, and a line for each in models/reading.py and
fitting/candidates.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.arrays import Days, Floats


class Model(Protocol):
    """A fitted model."""

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """Return the share of customers with the same features that has not come back so many days after the order.

        Args:
            rows: (rows, any columns) with the features that the model needs, null for unknown, as known on the order's
                day.
            days: (times, rows) whole days after the order, from 0 on.

        Returns:
            (times, rows), from 1 down to 0.
        """

    def describe(self) -> dict[str, Any]:
        """Return all that was learned, as a JSON object without any customer's data."""
