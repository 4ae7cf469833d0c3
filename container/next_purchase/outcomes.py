"""What happened after each order, as far as it was known on some day; separate from the features.

Customers who have not come back yet are censored, not left out: they stayed away for at least as long as they were observed.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from next_purchase.features import latest_orders
from next_purchase.schema import CUSTOMER, LAST_ORDER_DATE

NEXT_ORDER_DATE = "next_order_date"
WATCHED = "watched_days"
WAITED = "waited_days"
RETURNED = "returned"
REMAINING = "remaining_days"


def add_next_order(features: pl.DataFrame) -> pl.DataFrame:
    """Add the date of the same customer's next order; null after the last one.

    Args:
        features: as make_features gives them, sorted by customer and date.
    """
    return features.with_columns(pl.col(LAST_ORDER_DATE).shift(-1).over(CUSTOMER).alias(NEXT_ORDER_DATE))


def known_outcomes(orders: pl.DataFrame, *, known_until: date) -> pl.DataFrame:
    """Return the orders made by a day, with what was known of each at the day's end.

    Args:
        orders: as add_next_order gives them.
        known_until: the last day of which anything is known.

    Returns:
        The orders until that day without the next order's date, but with watched_days (days from the order to
        known_until), waited_days (days to the next order, or watched_days if there was none) and returned (whether there
        was one).
    """
    gap = (pl.col(NEXT_ORDER_DATE) - pl.col(LAST_ORDER_DATE)).dt.total_days()
    return (
        orders.filter(pl.col(LAST_ORDER_DATE) <= known_until)
        .with_columns((pl.lit(known_until) - pl.col(LAST_ORDER_DATE)).dt.total_days().alias(WATCHED))
        .with_columns((gap <= pl.col(WATCHED)).fill_null(value=False).alias(RETURNED))
        .with_columns(pl.when(RETURNED).then(gap).otherwise(WATCHED).alias(WAITED))
        .drop(NEXT_ORDER_DATE)
    )


def followed_orders(orders: pl.DataFrame, *, since: date, known_until: date, horizon_days: int) -> pl.DataFrame:
    """Return the orders from a day on that were observed for the whole horizon, as known_outcomes gives them.

    Orders without a next one within the horizon have the horizon as waited_days and no return. Orders that were observed for
    a shorter time are left out: they would favour models that predict short times.
    """
    known = known_outcomes(orders, known_until=known_until)
    return known.filter((pl.col(LAST_ORDER_DATE) >= since) & (pl.col(WATCHED) >= horizon_days)).with_columns(
        pl.col(RETURNED) & (pl.col(WAITED) <= horizon_days), pl.col(WAITED).clip(upper_bound=horizon_days)
    )


def waiting_customers(orders: pl.DataFrame, *, as_of: date, known_until: date, horizon_days: int) -> pl.DataFrame:
    """Return every customer's last order by a day, and how long after that day the next one came.

    Args:
        orders: as add_next_order gives them.
        as_of: the last day that the models know.
        known_until: the last day of which anything is known.
        horizon_days: how long a customer is followed from as_of on.

    Returns:
        A row for each customer who ordered by as_of, with waited_days (from the order to as_of), remaining_days (from
        as_of to the next order; at most the horizon) and returned (whether that is within the horizon); no row if the
        horizon does not end by known_until.
    """
    is_followed = (known_until - as_of).days >= horizon_days
    remaining = (pl.col(NEXT_ORDER_DATE) - pl.lit(as_of)).dt.total_days()
    return latest_orders(orders.filter(pl.lit(is_followed) & (pl.col(LAST_ORDER_DATE) <= as_of))).select(
        pl.exclude(NEXT_ORDER_DATE),
        (pl.lit(as_of) - pl.col(LAST_ORDER_DATE)).dt.total_days().alias(WAITED),
        remaining.fill_null(horizon_days).clip(upper_bound=horizon_days).cast(pl.Int64).alias(REMAINING),
        (remaining <= horizon_days).fill_null(value=False).alias(RETURNED),
    )


def known_orders(orders: pl.DataFrame, known_until: date) -> pl.DataFrame:
    """Return the orders made by a day as they were known at its end, without later next orders."""
    return orders.filter(pl.col(LAST_ORDER_DATE) <= known_until).with_columns(
        pl.when(pl.col(NEXT_ORDER_DATE) <= known_until).then(NEXT_ORDER_DATE)
    )


def date_range(orders: pl.DataFrame) -> tuple[date, date]:
    """Return the days of the first and of the last order; there must be at least one."""
    first, last = orders[LAST_ORDER_DATE].min(), orders[LAST_ORDER_DATE].max()
    if not isinstance(first, date) or not isinstance(last, date):
        raise TypeError("A date range needs at least one order.")
    return first, last


def day_before(day: date) -> date:
    """Return the day before `day`, the last one that is known when `day` begins."""
    return day - timedelta(days=1)
