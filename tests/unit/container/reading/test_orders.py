"""Orders are real ones, a day is one order, and sums are exact."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from next_purchase.reading.orders import make_orders
from tests.unit.container.retail_data import sum_orders

DAY = date(2011, 1, 1)
LATER = DAY + timedelta(days=4)


def test_a_day_is_one_order() -> None:
    orders = sum_orders([("1", DAY, 2, 1.5), ("1", LATER, 1, 1), ("1", DAY, 1, 0.1), ("0", LATER, 2, 2)])
    assert orders.rows() == [("0", LATER, 4.0, 1), ("1", DAY, 3.1, 2), ("1", LATER, 1.0, 1)]


def test_a_day_that_comes_in_parts_is_one_order() -> None:
    part = {"customer": "1", "date": DAY, "amount": 10_000, "lines": 1}
    orders = make_orders(pl.DataFrame([part, part], schema_overrides={"amount": pl.Int128}))
    assert orders.rows() == [("1", DAY, 2.0, 2)]


@pytest.mark.parametrize(("quantity", "price"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -11062.06)])
def test_returns_and_gifts_are_no_orders(quantity: float, price: float) -> None:
    orders = sum_orders([("1", DAY, quantity, price), ("2", DAY, quantity, price), ("2", DAY, 3, 2)])
    assert orders.rows() == [("2", DAY, 6.0, 1)]


def test_sums_are_exact_in_ten_thousandths_in_any_order_of_the_lines() -> None:
    lines = [("1", DAY, 1.0, price / 7) for price in range(1, 2000)]
    orders = sum_orders(lines)
    assert orders["amount"].item() == sum(round(price * 10_000) for *_, price in lines) / 10_000
    assert_frame_equal(sum_orders(lines[::3] + lines[1::3] + lines[2::3]), orders, check_exact=True)


def test_the_largest_numbers_add_up_without_overflow() -> None:
    (order,) = sum_orders([("1", DAY, 1e9, 1e9)] * 1000).rows(named=True)
    assert order["amount"] == pytest.approx(1e21)
