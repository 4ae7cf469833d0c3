"""Makes real orders of invoice lines: what a customer bought on one day is one order."""

from __future__ import annotations

import polars as pl

from next_purchase.errors import DataError

# Amounts are summed as whole ten-thousandths, so that a sum does not depend on the order of its parts.
_PARTS_PER_UNIT = 10_000


def make_orders(transactions: pl.DataFrame) -> pl.DataFrame:
    """One row per customer and day with at least one real purchase.

    A real purchase has a customer, is no cancellation, and has a quantity and a price above 0: a line at
    price 0 is a gift, a correction or a sample.

    Args:
        transactions: As read_transactions gives them.

    Returns:
        customer (text), date (Date), amount (Float64, the data's currency), items (Float64),
        lines (Int64); sorted by customer and date.

    Raises:
        DataError: No line is a real purchase.
    """
    real = transactions.filter((pl.col("quantity") > 0) & (pl.col("price") > 0))
    if real.is_empty():
        raise DataError(
            "No line is a real purchase: none has a customer, is no cancellation (invoice number not "
            "beginning with C), and has a quantity and a price above 0."
        )
    return (
        real.group_by("customer", "date")
        .agg(
            amount=(pl.col("quantity") * pl.col("price") * _PARTS_PER_UNIT).round().cast(pl.Int128).sum(),
            items=(pl.col("quantity") * _PARTS_PER_UNIT).round().cast(pl.Int128).sum(),
            lines=pl.len().cast(pl.Int64),
        )
        .with_columns(pl.col("amount", "items") / _PARTS_PER_UNIT)
        .sort("customer", "date")
    )
