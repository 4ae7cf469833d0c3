"""The seam where another model is put in: what each kind can do.

Another kind is a class that answers as Model says, a fit for it, and a line for each in models/reading.py and in
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
        """The share of customers alike that has not come back so many days after the order.

        Args:
            rows: (rows, any columns) with the features that the model needs, null for unknown; as the order's day
                knows them.
            days: (times, rows) whole days after the order, from 0 on.

        Returns:
            (times, rows), from 1 down to 0.
        """

    def describe(self) -> dict[str, Any]:
        """All that was learned, as JSON has it; no customer's row."""
