"""The features of a customer on the day of an order, from that order and earlier ones alone.

Nothing here uses later orders: outcomes.py adds them, and no feature is computed from its columns. The calendar date is no
feature, since the days to predict are always days that the model has not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from next_purchase.schema import AGE, AS_OF, CUSTOMER, LAST_ORDER_DATE, RECENT_DAYS, feature_names

if TYPE_CHECKING:
    from datetime import date

_DECIMALS = 4


def make_features(orders: pl.DataFrame, time_series_length: int) -> pl.DataFrame:
    """Return the features of every order, as known on its day.

    Args:
        orders: as read_orders gives them, sorted by customer and date.
        time_series_length: how many of the customer's last gaps become features.

    Returns:
        CustomerID, last_order_date (the order's own day) and the columns of feature_names, in that order;
        one row per order, in the order of `orders`. Gaps are in days; a gap that did not exist yet is null.
    """
    customer = "customer"
    gap = (pl.col("date") - pl.col("date").shift(1).over(customer)).dt.total_days()
    rows = _count_recent(orders).with_columns(gap=gap, orders=pl.int_range(1, pl.len() + 1).over(customer))
    gaps_so_far = pl.col("orders") - 1
    # Sums of whole numbers are exact, so mean and deviation do not depend on the number of threads.
    gap_sum = pl.col("gap").fill_null(0).cum_sum().over(customer)
    gap_squares = (pl.col("gap").fill_null(0) ** 2).cum_sum().over(customer)
    mean_gap = pl.when(gaps_so_far > 0).then(gap_sum / gaps_so_far)
    variance = (gap_squares - gap_sum**2 / gaps_so_far) / (gaps_so_far - 1)
    computed = {
        **{
            f"gap_{back}": pl.col("gap").shift(back - 1).over(customer)
            for back in range(1, time_series_length + 1)
        },
        "mean_gap": mean_gap,
        "deviation_of_gaps": pl.when(gaps_so_far > 1).then(variance.clip(lower_bound=0).sqrt()),
        "amount": pl.col("amount"),
        "mean_amount": pl.col("amount").cum_sum().over(customer) / pl.col("orders"),
        AGE: (pl.col("date") - pl.col("date").min().over(customer)).dt.total_days(),
    }
    return rows.select(
        pl.col(customer).alias(CUSTOMER),
        pl.col("date").alias(LAST_ORDER_DATE),
        *(
            computed.get(name, pl.col(name)).cast(pl.Float64).round(_DECIMALS).alias(name)
            for name in feature_names(time_series_length)
        ),
    )


def latest_orders(features: pl.DataFrame) -> pl.DataFrame:
    """Return the row of every customer's last order."""
    return features.filter(pl.int_range(pl.len()).over(CUSTOMER) == pl.len().over(CUSTOMER) - 1)


def make_sample(features: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Return the input of the batch transform: every customer's last order, and the day of the data.

    Args:
        features: as make_features gives them.
        as_of: the last day of which it is known who ordered.

    Returns:
        The columns of file_columns, one row per customer.
    """
    names = features.columns
    return latest_orders(features).select(*names[:2], pl.lit(as_of, dtype=pl.Date).alias(AS_OF), *names[2:])


def _count_recent(orders: pl.DataFrame) -> pl.DataFrame:
    """Add the numbers of the customer's orders in the windows that end with the order's day, including the order."""
    for days in RECENT_DAYS:
        counts = orders.rolling(index_column="date", period=f"{days}d", group_by="customer").agg(
            pl.len().alias(f"orders_{days}_days")
        )
        # Joined, because the groups have another order.
        orders = orders.join(counts, on=["customer", "date"], how="left", maintain_order="left")
    return orders
