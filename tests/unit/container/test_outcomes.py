"""Outcomes are what was known on a day: those who have not come back are watched, not left out."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from next_purchase.outcomes import RETURNED, WAITED, WATCHED, followed_orders, known_outcomes
from next_purchase.survival import survival_quantile
from tests.unit.container.shops import day, examples_on


@pytest.mark.parametrize(
    ("known_until", "expected"),
    [
        pytest.param(9, [(9, 9, False)], id="before she came back"),
        pytest.param(10, [(10, 10, True), (0, 0, False)], id="on the day itself"),
        pytest.param(150, [(150, 10, True), (140, 90, False)], id="later than the horizon"),
        pytest.param(99, [(99, 10, True), (89, 89, False)], id="a day short of the horizon"),
        pytest.param(200, [(200, 10, True), (190, 90, False), (0, 0, False)], id="back after the horizon"),
    ],
)
def test_what_was_known_of_a_customer(known_until: int, expected: list[tuple[int, int, bool]]) -> None:
    known = known_outcomes(examples_on({"1": [0, 10, 200]}), known_until=day(known_until), horizon_days=90)
    assert known.select(WATCHED, WAITED, RETURNED).rows() == expected
    assert "next_order_date" not in known.columns


@pytest.mark.parametrize(("gap", "returned"), [(89, True), (90, True), (91, False)])
def test_a_return_on_the_horizons_last_day_is_one(gap: int, returned: bool) -> None:
    known = known_outcomes(examples_on({"1": [0, gap]}), known_until=day(200), horizon_days=90)
    assert known.select(WAITED, RETURNED).row(0) == (min(gap, 90), returned)


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
    now, then = (
        known_outcomes(examples_on(bought), known_until=day(today), horizon_days=90) for bought in (days, past)
    )
    assert_frame_equal(now, then)


def test_followed_orders_hold_those_who_never_came_back_and_none_watched_too_short() -> None:
    orders = examples_on({"1": [0, 20, 95], "2": [3], "3": [0, 200], "4": [6]})
    followed = followed_orders(orders, since=day(0), known_until=day(95), horizon_days=90)
    assert followed.select("CustomerID", WAITED).rows() == [("1", 20), ("2", 90), ("3", 90)]
    later = followed_orders(orders, since=day(1), known_until=day(95), horizon_days=90)
    assert later["CustomerID"].to_list() == ["2"]


def test_kaplan_and_meiers_estimate() -> None:
    """Worked by hand: at 6, 3 of 7 return and 1 is lost; at 7 of 3 one returns, at 10 of 2 one."""
    times = pl.Series([6, 6, 6, 6, 7, 10, 11])
    happened = pl.Series([True, True, True, False, True, True, False])
    # 1 - 3/7 = 0.571; times 2/3 = 0.381; times 1/2 = 0.190
    assert survival_quantile(times, happened, 0.4) == 6
    assert survival_quantile(times, happened, 0.5) == 7
    assert survival_quantile(times, happened, 0.7) == 10
    assert survival_quantile(times, happened, 0.9) is None


def test_a_half_is_reached_by_a_half() -> None:
    assert survival_quantile(pl.Series([1, 2, 3, 4]), pl.Series([True] * 4), 0.5) == 2
    assert survival_quantile(pl.Series([1, 2]), pl.Series([False, False]), 0.1) is None
