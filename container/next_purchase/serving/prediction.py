"""Turns a model's predictions into the columns of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from next_purchase.schema import (
    ANSWER_COLUMNS,
    AS_OF,
    CUSTOMER,
    LAST_ORDER_DATE,
    LOWER,
    OVERDUE,
    PREDICTED,
    PREDICTED_DATE,
    PROBABILITY,
    UPPER,
)

if TYPE_CHECKING:
    from next_purchase.models.predictor import Predictor

_DECIMALS_OF_DAYS = 1
_DECIMALS_OF_PROBABILITY = 4


def predict_next_purchase(rows: pl.DataFrame, predictor: Predictor) -> pl.DataFrame:
    """Return the answer for every row.

    Args:
        rows: CustomerID (text), last_order_date and as_of (Date, not before it), and the features (Float64, null for
            unknown).
        predictor: the predictor.

    Returns:
        The columns of ANSWER_COLUMNS, in the order of the rows. Where the next order is expected beyond the horizon,
        predicted_days is the horizon and predicted_date null; where the interval's upper end is, upper_days is null.
    """
    waited = (rows[AS_OF] - rows[LAST_ORDER_DATE]).dt.total_days().to_numpy()
    expected = predictor.predict(rows, waited)
    horizon = predictor.horizon_days
    days, lower = (np.minimum(values, horizon) for values in (expected.days, expected.lower))
    answers = pl.DataFrame(
        {
            PREDICTED: days.astype(int),
            LOWER: lower.round(_DECIMALS_OF_DAYS),
            UPPER: expected.upper.round(_DECIMALS_OF_DAYS),
            PROBABILITY: expected.probability.round(_DECIMALS_OF_PROBABILITY),
            OVERDUE: expected.overdue,
            "is_beyond": np.isinf(expected.days),
        }
    )
    return (
        rows.select(CUSTOMER, LAST_ORDER_DATE, AS_OF)
        .hstack(answers)
        .with_columns(
            pl.when(pl.col(UPPER).is_finite()).then(UPPER),
            pl.when(~pl.col("is_beyond")).then(pl.col(AS_OF) + pl.duration(days=PREDICTED)).alias(PREDICTED_DATE),
        )
        .select(ANSWER_COLUMNS)
    )
