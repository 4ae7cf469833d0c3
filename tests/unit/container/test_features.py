"""Orders are real ones, a day is one order, and features know the past alone."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from next_purchase.errors import DataError
from next_purchase.examples import TARGET, add_next_order, followed_orders, median_gap
from next_purchase.features import latest_orders, make_features
from next_purchase.orders import make_orders
from next_purchase.schema import feature_names

DAY = date(2011, 1, 1)


def _transactions(rows: list[tuple[str, int, float, float]]) -> pl.DataFrame:
    """Rows of customer, day number, quantity, price."""
    return pl.DataFrame(
        [(customer, DAY + timedelta(days=day), quantity, price) for customer, day, quantity, price in rows],
        schema={"customer": pl.String, "date": pl.Date, "quantity": pl.Float64, "price": pl.Float64},
        orient="row",
    )


def _orders(days: dict[str, list[int]]) -> pl.DataFrame:
    return make_orders(_transactions([(who, day, 2.0, 1.5) for who, all_days in days.items() for day in all_days]))


def test_a_day_is_one_order() -> None:
    orders = make_orders(_transactions([("1", 0, 2, 1.5), ("1", 0, 1, 0.1), ("1", 4, 1, 1)]))
    assert orders.rows() == [
        ("1", DAY, 3.1, 3.0, 2),
        ("1", DAY + timedelta(days=4), 1.0, 1.0, 1),
    ]


@pytest.mark.parametrize(("quantity", "price"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -11062.06)])
def test_returns_and_gifts_are_no_orders(quantity: float, price: float) -> None:
    with pytest.raises(DataError, match="No line is a real purchase"):
        make_orders(_transactions([("1", 0, quantity, price)]))
    orders = make_orders(_transactions([("1", 0, quantity, price), ("1", 1, 1, 1)]))
    assert orders["date"].to_list() == [DAY + timedelta(days=1)]


def test_sums_do_not_depend_on_the_order_of_lines() -> None:
    rows = [("1", 0, 1.0, price / 100) for price in range(1, 2000)]
    assert_frame_equal(make_orders(_transactions(rows)), make_orders(_transactions(rows[::-1])))


def test_features_of_a_known_customer() -> None:
    features = make_features(_orders({"1": [0, 10, 40]}), 3)
    last = features.row(2, named=True)
    assert last["last_order_date"] == DAY + timedelta(days=40)
    assert [last[f"gap_{back}"] for back in (1, 2, 3)] == [30.0, 10.0, None]
    assert last["mean_gap"] == 20.0
    assert last["deviation_of_gaps"] == pytest.approx(14.1421)
    assert (last["shortest_gap"], last["longest_gap"]) == (10.0, 30.0)
    assert (last["orders"], last["days_since_first_order"]) == (3.0, 40.0)
    assert features.columns[2:] == list(feature_names(3))


_shops = st.dictionaries(
    st.sampled_from(["1", "2", "3", "4"]),
    st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True).map(sorted),
    min_size=1,
)


@given(days=_shops, today=st.integers(0, 400))
def test_later_orders_change_no_earlier_feature(days: dict[str, list[int]], today: int) -> None:
    past = {who: [day for day in all_days if day <= today] for who, all_days in days.items()}
    if not any(past.values()):
        return
    known_then = make_features(_orders(past), 5)
    known_now = make_features(_orders(days), 5)
    cut = DAY + timedelta(days=today)
    assert_frame_equal(known_now.filter(pl.col("last_order_date") <= cut), known_then)


def test_no_feature_tells_the_target() -> None:
    """Orders at random moments cannot be foreseen, so a feature that goes along with the target has seen it."""
    chance = np.random.default_rng(3)
    days = {str(who): sorted(set(chance.integers(0, 3000, 40).tolist())) for who in range(60)}
    orders = followed_orders(
        add_next_order(make_features(_orders(days), 5)),
        known_until=DAY + timedelta(days=3000),
        horizon_days=365,
    )
    assert TARGET not in feature_names(5)
    target = orders[TARGET].to_numpy()
    for name in feature_names(5):
        values = orders[name].fill_null(strategy="mean").to_numpy()
        if values.std() > 0:
            assert abs(np.corrcoef(values, target)[0, 1]) < 0.15, name


def test_followed_orders_hold_those_who_never_came_back_and_none_watched_too_short() -> None:
    orders = add_next_order(make_features(_orders({"1": [0, 20, 95], "2": [3], "3": [0, 200]}), 1))
    followed = followed_orders(orders, known_until=DAY + timedelta(days=95), horizon_days=90)
    assert followed.select("CustomerID", TARGET).rows() == [("1", 20.0), ("2", 90.0), ("3", 90.0)]


def test_median_gap_knows_nothing_after_its_day() -> None:
    orders = add_next_order(make_features(_orders({"1": [0, 10, 40], "2": [5, 300]}), 1))
    assert median_gap(orders, known_until=DAY + timedelta(days=50)) == 20.0
    assert median_gap(orders, known_until=DAY + timedelta(days=5)) is None


def test_every_customer_has_one_latest_order() -> None:
    latest = latest_orders(make_features(_orders({"1": [0, 10], "2": [3], "3": [1, 2, 3]}), 2))
    assert latest.select("CustomerID", "orders").rows() == [("1", 2.0), ("2", 1.0), ("3", 3.0)]
