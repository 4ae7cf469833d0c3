"""Sums invoice lines to orders: what a customer bought on one day."""

from __future__ import annotations

import polars as pl

# Amounts are summed as whole ten-thousandths, so that a sum does not depend on the order of its parts.
_PARTS_PER_UNIT = 10_000


def purchase_sums() -> dict[str, pl.Expr]:
    """Return aggregations over invoice lines that count only real purchases.

    A real purchase has a quantity and a price above 0: a line at price 0 is a gift, a correction or a sample.
    Equal lines are each counted: the same product may well stand twice on an invoice.

    Returns:
        amount (Int128, in ten-thousandths) and lines (Int64), of the columns quantity and price
        (Float64, below 1e9 in size, null for unknown).
    """
    bought = (pl.col("quantity") > 0) & (pl.col("price") > 0)
    quantity = pl.when(bought).then("quantity")
    return {
        "amount": _whole_parts(quantity * pl.col("price")).sum(),
        "lines": bought.sum().cast(pl.Int64),
    }


def make_orders(sums: pl.DataFrame) -> pl.DataFrame:
    """Add up the partial sums of each customer and day.

    Args:
        sums: customer (text), date (Date) and purchase_sums, any number of rows for a customer and day.

    Returns:
        customer (text), date (Date), amount (Float64, the data's currency), lines (Int64);
        one row per customer and day with at least one real purchase, sorted by customer and date.
    """
    return (
        sums.group_by("customer", "date")
        .agg(pl.col("amount", "lines").sum())
        .filter(pl.col("lines") > 0)
        .with_columns(pl.col("amount") / _PARTS_PER_UNIT)
        .sort("customer", "date")
    )


def _whole_parts(value: pl.Expr) -> pl.Expr:
    return (value * _PARTS_PER_UNIT).round().cast(pl.Int128)
