"""Columns of the features file and of the answer; training and serving both go by it."""

from __future__ import annotations

SCHEMA_VERSION = 1
"""Counted up when the meaning, the order or the names of columns change, so that old files are refused."""

CUSTOMER = "CustomerID"
LAST_ORDER_DATE = "last_order_date"
ANSWER_COLUMNS = (CUSTOMER, LAST_ORDER_DATE, "predicted_days", "predicted_date")

_ALWAYS_KNOWN = (
    "orders",
    "days_since_first_order",
    "amount",
    "mean_amount",
    "items",
    "mean_items",
    "lines",
    "mean_lines",
    "weekday",
)
_KNOWN_LATER = ("mean_gap", "deviation_of_gaps", "shortest_gap", "longest_gap")


def feature_names(time_series_length: int) -> tuple[str, ...]:
    """Names of the features in the order in which the model and the file have them.

    A column that is never empty comes last, which makes a line that was cut off recognisable.
    """
    gaps = (f"gap_{back}" for back in range(1, time_series_length + 1))
    return (*gaps, *_KNOWN_LATER, *_ALWAYS_KNOWN)


def may_be_empty(feature: str) -> bool:
    """Whether a feature does not exist for customers with few orders."""
    return feature not in _ALWAYS_KNOWN


def file_columns(features: tuple[str, ...]) -> tuple[str, ...]:
    """All columns of the features file, in order."""
    return (CUSTOMER, LAST_ORDER_DATE, *features)
