"""Turns a model's days into the answer: at least one day, to a tenth, and the date that makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from next_purchase.schema import ANSWER_COLUMNS, CUSTOMER, LAST_ORDER_DATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from next_purchase.learner import Model

LEAST_DAYS = 1.0
"""A day is one order, so the next one is a day later at the earliest."""


def to_matrix(rows: pl.DataFrame, features: tuple[str, ...]) -> NDArray[np.float64]:
    """The features as (rows, features), NaN for what is not known."""
    return rows.select(features).fill_null(float("nan")).to_numpy()


def predict_next_purchase(rows: pl.DataFrame, model: Model, features: tuple[str, ...]) -> pl.DataFrame:
    """Answer every row.

    Args:
        rows: CustomerID (text), last_order_date (Date) and the features (Float64, null for unknown).
        model: The fitted model.
        features: The features' names in the model's order.

    Returns:
        CustomerID, last_order_date, predicted_days (days, one decimal) and predicted_date (the last order's
        date plus the predicted days, rounded to whole ones), in the order of the rows.
    """
    days = (
        pl.Series("predicted_days", model.predict(to_matrix(rows, features))).clip(lower_bound=LEAST_DAYS).round(1)
    )
    return (
        rows.select(CUSTOMER, LAST_ORDER_DATE)
        .with_columns(days.clip(lower_bound=LEAST_DAYS).round(1))
        .with_columns(predicted_date=pl.col(LAST_ORDER_DATE) + pl.duration(days=pl.col("predicted_days").round()))
        .select(ANSWER_COLUMNS)
    )
