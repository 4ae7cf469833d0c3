"""The columns of the features file and of the answer, for training and for serving."""

from __future__ import annotations

SCHEMA_VERSION = 3
"""Increased when the meaning, the order or the names of columns change, so that old files are refused."""

CUSTOMER = "CustomerID"
LAST_ORDER_DATE = "last_order_date"
AS_OF = "as_of"
"""The day of the data: the last one of which it is known who ordered."""
DATE_COLUMNS = (LAST_ORDER_DATE, AS_OF)

PREDICTED, LOWER, UPPER = "predicted_days", "lower_days", "upper_days"
PREDICTED_DATE = "predicted_date"
PROBABILITY = "return_probability"
OVERDUE = "overdue"
ANSWER_COLUMNS = (
    CUSTOMER,
    LAST_ORDER_DATE,
    AS_OF,
    PREDICTED,
    PREDICTED_DATE,
    LOWER,
    UPPER,
    PROBABILITY,
    OVERDUE,
)

LOWER_SHARE, MIDDLE_SHARE, UPPER_SHARE = 0.1, 0.5, 0.9
"""The shares of customers that are expected back by the interval's lower end, the predicted day and the upper end."""

TIME_SERIES_LENGTHS = range(1, 51)
HORIZONS = range(7, 731)
"""Days."""
PROBABILITY_DAYS = range(1, 366)

AGE = "days_since_first_order"
"""The days since the customer's first order, on the day of the order."""

RECENT_DAYS = (30, 90)
"""Windows, in days, in which a customer's orders are counted."""

_ALWAYS_KNOWN = (
    *(f"orders_{days}_days" for days in RECENT_DAYS),
    "amount",
    "mean_amount",
    "orders",
    AGE,
)
_KNOWN_LATER = ("mean_gap", "deviation_of_gaps")


def feature_names(time_series_length: int) -> tuple[str, ...]:
    """Return the names of the features in the order of the model and of the file.

    The last column is never empty, so that a line that was cut off can be recognised.
    """
    gaps = (f"gap_{back}" for back in range(1, time_series_length + 1))
    return (*gaps, *_KNOWN_LATER, *_ALWAYS_KNOWN)


def may_be_empty(column: str) -> bool:
    """Return whether a column of the features file has no value for customers with few orders."""
    return column not in (CUSTOMER, LAST_ORDER_DATE, AS_OF, *_ALWAYS_KNOWN)


def file_columns(features: tuple[str, ...]) -> tuple[str, ...]:
    """Return all columns of the features file, in order."""
    return (CUSTOMER, LAST_ORDER_DATE, AS_OF, *features)
