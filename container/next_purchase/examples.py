"""What happened after each order, and on which day it was known: the target, kept apart from the features."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from next_purchase.schema import CUSTOMER, LAST_ORDER_DATE

TARGET = "days_to_next_order"
NEXT_ORDER_DATE = "next_order_date"


def add_next_order(features: pl.DataFrame) -> pl.DataFrame:
    """Add the date of the same customer's next order; null after the last one.

    Args:
        features: As make_features gives them, sorted by customer and date.
    """
    return features.with_columns(pl.col(LAST_ORDER_DATE).shift(-1).over(CUSTOMER).alias(NEXT_ORDER_DATE))


def date_range(orders: pl.DataFrame) -> tuple[date, date]:
    """The days of the first and of the last order; there must be one."""
    first, last = orders[LAST_ORDER_DATE].min(), orders[LAST_ORDER_DATE].max()
    if not isinstance(first, date) or not isinstance(last, date):
        raise TypeError("A date range needs at least one order.")
    return first, last


def followed_orders(
    orders: pl.DataFrame, *, known_until: date, horizon_days: int, since: date | None = None
) -> pl.DataFrame:
    """The orders watched for the whole horizon by a day, with what happened: the days until the next one.

    Customers who did not come back within the horizon are in it, with the horizon as their days. Leaving
    them out, or taking orders watched for a shorter time, would teach and reward guessing too short.

    Args:
        orders: As add_next_order gives them.
        known_until: The last day of which anything is known.
        horizon_days: How long each order is watched.
        since: Leave out orders before this day.

    Returns:
        The rows of such orders with the column days_to_next_order (Float64, at most horizon_days).
    """
    watched = pl.col(LAST_ORDER_DATE) <= known_until - timedelta(days=horizon_days)
    if since is not None:
        watched &= pl.col(LAST_ORDER_DATE) >= since
    days = (pl.col(NEXT_ORDER_DATE) - pl.col(LAST_ORDER_DATE)).dt.total_days()
    return orders.filter(watched).with_columns(
        days.fill_null(horizon_days).clip(upper_bound=horizon_days).cast(pl.Float64).alias(TARGET)
    )


def median_gap(orders: pl.DataFrame, *, known_until: date) -> float | None:
    """The median of all gaps between orders known by a day, in days; None if there is none."""
    known = orders.filter(pl.col(NEXT_ORDER_DATE) <= known_until)
    gaps = (known[NEXT_ORDER_DATE] - known[LAST_ORDER_DATE]).dt.total_days()
    median = gaps.median()
    return float(median) if isinstance(median, (int, float)) else None
