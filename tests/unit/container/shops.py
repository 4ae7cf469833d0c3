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
    """The day of this number."""
    return DAY + timedelta(days=number)


def orders_on(days: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """As read_orders gives them: each customer's orders on the days of these numbers, 2 items of 1.5 each."""
    return sum_orders([(who, day(number), 2.0, 1.5) for who, numbers in days.items() for number in numbers])


def examples_on(days: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """The same with features, and with the date of the next order."""
    return add_next_order(make_features(orders_on(days), 5))
