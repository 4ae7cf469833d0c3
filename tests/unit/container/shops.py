"""Orders and features made by hand: who bought on which days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from next_purchase.features import make_features
from next_purchase.outcomes import add_next_order
from tests.unit.container.retail_data import sum_orders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

DAY = date(2011, 1, 1)
"""Day 0."""


def day(number: int) -> date:
    """Return the day of this number."""
    return DAY + timedelta(days=number)


def orders_on(days: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """As read_orders gives them: each customer's orders on the days of these numbers.

    An order's lines, items and prices depend on customer and day, so that no feature can be mistaken for another
    order's or customer's.
    """
    return sum_orders(
        [
            (who, day(number), 1.0 + (number + line) % 7, 0.5 + sum(who.encode()) % 5)
            for who, numbers in days.items()
            for number in numbers
            for line in range(1 + number % 3)
        ]
    )


def examples_on(days: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """Return the same with features, and with the date of the next order."""
    return add_next_order(make_features(orders_on(days), 5))
