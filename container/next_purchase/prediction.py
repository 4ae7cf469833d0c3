"""Turns a model's days into the answer: to a tenth of a day, with the date that makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from next_purchase.schema import ANSWER_COLUMNS, CUSTOMER, LAST_ORDER_DATE, PREDICTED, PREDICTED_DATE

if TYPE_CHECKING:
    from next_purchase.models import Model


def predict_next_purchase(rows: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Answer every row.

    Args:
        rows: CustomerID (text), last_order_date (Date) and the features (Float64, null for unknown).
        model: The fitted model.

    Returns:
        The columns of ANSWER_COLUMNS: days with one decimal; predicted_date is the last order's date plus the
        predicted days, rounded to whole ones; in the order of the rows.
    """
    days = model.predict(rows).with_columns(pl.all().round(1))
    whole_days = pl.duration(days=pl.col(PREDICTED).round())
    return (
        rows.select(CUSTOMER, LAST_ORDER_DATE)
        .hstack(days)
        .with_columns((pl.col(LAST_ORDER_DATE) + whole_days).alias(PREDICTED_DATE))
        .select(ANSWER_COLUMNS)
    )
