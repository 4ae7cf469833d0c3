"""Features know the past alone."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from next_purchase.features import latest_orders, make_features, make_sample
from next_purchase.outcomes import RETURNED, WAITED, add_next_order, known_outcomes
from next_purchase.schema import feature_names, file_columns
from tests.unit.container.shops import day, orders_on


def test_features_of_a_known_customer() -> None:
    features = make_features(orders_on({"1": [0, 10, 40, 95]}), 3)
    last = features.row(3, named=True)
    assert last["last_order_date"] == day(95)
    assert [last[f"gap_{back}"] for back in (1, 2, 3)] == [55.0, 30.0, 10.0]
    assert last["mean_gap"] == pytest.approx(31.6667)
    assert last["deviation_of_gaps"] == pytest.approx(22.5462)
    assert [last[f"orders_{days}_days"] for days in (30, 90)] == [1.0, 3.0]
    assert (last["orders"], last["days_since_first_order"]) == (4.0, 95.0)
    # Three lines of 5, 6 and 7 items at 4.5 on the last day; 41 items in all.
    assert (last["amount"], last["mean_amount"]) == (81.0, 46.125)
    assert features.columns[2:] == list(feature_names(3))


def test_a_window_ends_with_the_order_and_begins_after_its_first_day() -> None:
    features = make_features(orders_on({"1": [0, 29, 30], "2": [30]}), 1)
    assert features["orders_30_days"].to_list() == [1.0, 2.0, 2.0, 1.0]


def test_a_first_order_has_no_gaps() -> None:
    first = make_features(orders_on({"1": [0]}), 2).row(0, named=True)
    unknown = {name for name in feature_names(2) if first[name] is None}
    assert unknown == {"gap_1", "gap_2", "mean_gap", "deviation_of_gaps"}


# Of different lengths, since groups of customers may come in an order that depends on it.
_shops = st.dictionaries(
    st.sampled_from(["9", "10", "100", "a b", "é"]),
    st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True).map(sorted),
    min_size=1,
)


@given(days=_shops, today=st.integers(0, 400))
def test_later_orders_change_no_earlier_feature(days: dict[str, list[int]], today: int) -> None:
    past = {who: [number for number in numbers if number <= today] for who, numbers in days.items()}
    if not any(past.values()):
        return
    known_then = make_features(orders_on(past), 5)
    known_now = make_features(orders_on(days), 5)
    assert_frame_equal(known_now.filter(pl.col("last_order_date") <= day(today)), known_then)


@given(days=_shops)
def test_features_do_not_depend_on_other_customers(days: dict[str, list[int]]) -> None:
    together = make_features(orders_on(days), 5)
    for who, numbers in days.items():
        alone = make_features(orders_on({who: numbers}), 5)
        assert_frame_equal(together.filter(pl.col("CustomerID") == who), alone)


@given(days=_shops)
def test_windows_count_what_a_loop_counts(days: dict[str, list[int]]) -> None:
    for row in make_features(orders_on(days), 1).iter_rows(named=True):
        today = (row["last_order_date"] - day(0)).days
        for window in (30, 90):
            counted = sum(today - window < number <= today for number in days[row["CustomerID"]])
            assert row[f"orders_{window}_days"] == counted


def test_no_feature_tells_what_comes_next() -> None:
    """Orders at random moments cannot be foreseen, so a feature that goes along with the next gap has seen it."""
    chance = random.Random(3)  # noqa: S311 - test data
    days = {str(who): sorted(chance.sample(range(3000), 40)) for who in range(60)}
    orders = add_next_order(make_features(orders_on(days), 5))
    known = known_outcomes(orders, known_until=day(3000)).filter(RETURNED)
    for name in feature_names(5):
        together = known.select(pl.corr(pl.col(name).fill_null(strategy="mean"), WAITED)).item()
        # A feature that is the same for all goes along with nothing.
        assert known[name].n_unique() == 1 or abs(together) < 0.15, name


def test_every_customer_has_one_latest_order() -> None:
    latest = latest_orders(make_features(orders_on({"1": [0, 10], "2": [3], "3": [1, 2, 3]}), 2))
    assert latest.select("CustomerID", "orders").rows() == [("1", 2.0), ("2", 1.0), ("3", 3.0)]


def test_the_sample_has_every_customers_last_order_and_the_day_of_the_data() -> None:
    sample = make_sample(make_features(orders_on({"1": [0, 10], "2": [3]}), 2), day(20))
    assert sample.columns == list(file_columns(feature_names(2)))
    assert sample.select("CustomerID", "last_order_date", "as_of").rows() == [
        ("1", day(10), day(20)),
        ("2", day(3), day(20)),
    ]
