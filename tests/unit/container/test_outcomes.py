"""Outcomes are what was known on a day: those who have not come back are watched, not left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from next_purchase.outcomes import (
    REMAINING,
    RETURNED,
    WAITED,
    WATCHED,
    followed_orders,
    known_orders,
    known_outcomes,
    waiting_customers,
)
from tests.unit.container.shops import day, examples_on


@pytest.mark.parametrize(
    ("known_until", "expected"),
    [
        pytest.param(9, [(9, 9, False)], id="before she came back"),
        pytest.param(10, [(10, 10, True), (0, 0, False)], id="on the day itself"),
        pytest.param(150, [(150, 10, True), (140, 140, False)], id="away since"),
        pytest.param(200, [(200, 10, True), (190, 190, True), (0, 0, False)], id="back again"),
    ],
)
def test_what_was_known_of_a_customer(known_until: int, expected: list[tuple[int, int, bool]]) -> None:
    known = known_outcomes(examples_on({"1": [0, 10, 200]}), known_until=day(known_until))
    assert known.select(WATCHED, WAITED, RETURNED).rows() == expected
    assert "next_order_date" not in known.columns


@pytest.mark.parametrize(("gap", "returned"), [(89, True), (90, True), (91, False)])
def test_a_return_on_the_horizons_last_day_is_one(gap: int, returned: bool) -> None:
    orders = examples_on({"1": [0, gap]})
    followed = followed_orders(orders, since=day(0), known_until=day(100), horizon_days=90)
    assert followed.select(WAITED, RETURNED).rows() == [(min(gap, 90), returned)]


def test_customers_are_asked_about_from_a_day_on_with_what_they_waited_until_then() -> None:
    days = {"back": [0, 20, 30], "late": [10, 150], "gone": [5], "new": [26], "since": [24, 25, 28]}
    asked = waiting_customers(examples_on(days), as_of=day(25), known_until=day(115), horizon_days=90)
    assert asked.select("CustomerID", WAITED, REMAINING, RETURNED).rows() == [
        ("back", 5, 5, True),
        ("gone", 20, 90, False),
        ("late", 15, 90, False),
        ("since", 0, 3, True),
    ]
    assert waiting_customers(examples_on(days), as_of=day(25), known_until=day(114), horizon_days=90).is_empty()


def test_no_later_order_is_anyones_next() -> None:
    known = known_orders(examples_on({"1": [0, 10, 40], "2": [5, 30]}), day(30))
    assert known.select("CustomerID", "next_order_date").rows() == [
        ("1", day(10)),
        ("1", None),
        ("2", day(30)),
        ("2", None),
    ]


_shops = st.dictionaries(
    st.sampled_from(["9", "10", "a b"]),
    st.lists(st.integers(0, 300), min_size=1, max_size=8, unique=True).map(sorted),
    min_size=1,
)


@given(days=_shops, today=st.integers(0, 300))
def test_what_comes_later_changes_nothing_that_was_known(days: dict[str, list[int]], today: int) -> None:
    past = {who: [number for number in numbers if number <= today] for who, numbers in days.items()}
    if not any(past.values()):
        return
    now, then = (known_outcomes(examples_on(bought), known_until=day(today)) for bought in (days, past))
    assert_frame_equal(now, then)


def test_followed_orders_hold_those_who_never_came_back_and_none_watched_too_short() -> None:
    orders = examples_on({"1": [0, 20, 95], "2": [3], "3": [0, 200], "4": [6]})
    followed = followed_orders(orders, since=day(0), known_until=day(95), horizon_days=90)
    assert followed.select("CustomerID", WAITED).rows() == [("1", 20), ("2", 90), ("3", 90)]
    later = followed_orders(orders, since=day(1), known_until=day(95), horizon_days=90)
    assert later["CustomerID"].to_list() == ["2"]
