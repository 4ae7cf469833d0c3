"""Columns of the features file and of the answer; training and serving both go by it."""

from __future__ import annotations

SCHEMA_VERSION = 2
"""Counted up when the meaning, the order or the names of columns change, so that old files are refused."""

CUSTOMER = "CustomerID"
LAST_ORDER_DATE = "last_order_date"

PREDICTED, LOWER, UPPER = "predicted_days", "lower_days", "upper_days"
PREDICTED_DATE = "predicted_date"
ANSWER_COLUMNS = (CUSTOMER, LAST_ORDER_DATE, PREDICTED, LOWER, UPPER, PREDICTED_DATE)

LOWER_SHARE, UPPER_SHARE = 0.1, 0.9
SHARES = {PREDICTED: 0.5, LOWER: LOWER_SHARE, UPPER: UPPER_SHARE}
"""Of the customers, so many are expected back by then."""

TIME_SERIES_LENGTHS = range(1, 51)
HORIZONS = range(7, 731)
"""Days."""

RECENT_DAYS = (30, 60, 90)
"""Windows, in days, in which a customer's orders are counted."""

_ALWAYS_KNOWN = (
    *(f"orders_{days}_days" for days in RECENT_DAYS),
    "amount",
    "mean_amount",
    "items",
    "mean_items",
    "lines",
    "mean_lines",
    "orders",
    "weekday",
)
_KNOWN_LATER = ("mean_gap", "deviation_of_gaps", "shortest_gap", "longest_gap")


def feature_names(time_series_length: int) -> tuple[str, ...]:
    """Names of the features in the order in which the model and the file have them.

    A column that is never empty comes last, which makes a line that was cut off recognisable.
    """
    gaps = (f"gap_{back}" for back in range(1, time_series_length + 1))
    return (*gaps, *_KNOWN_LATER, *_ALWAYS_KNOWN)


def may_be_empty(column: str) -> bool:
    """Whether a column of the features file has no value for customers with few orders."""
    return column not in (CUSTOMER, LAST_ORDER_DATE, *_ALWAYS_KNOWN)


def file_columns(features: tuple[str, ...]) -> tuple[str, ...]:
    """All columns of the features file, in order."""
    return (CUSTOMER, LAST_ORDER_DATE, *features)
