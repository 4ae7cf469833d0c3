"""Made-up shops: equal seeds give equal files, the container reads them as they were meant, and the kinds differ."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks.generated_shops import DAYS, FIRST_DAY, KINDS, make_order_days, make_transactions, write_shops
from next_purchase.reading.transactions import read_orders

SEED = 11


@pytest.fixture(scope="module")
def shops() -> dict[str, pl.DataFrame]:
    """Return the days of all orders, with the days since the customer's order before, by kind."""
    gap = (pl.col("day") - pl.col("day").shift(1)).over("customer")
    return {kind: make_order_days(kind, SEED).with_columns(gap=gap) for kind in KINDS}


def spread(orders: pl.DataFrame) -> float:
    """How uneven a customer's gaps are: deviation over mean, the median of customers with five gaps or more."""
    gaps = (
        orders.drop_nulls("gap")
        .group_by("customer")
        .agg(pl.len(), uneven=pl.col("gap").std() / pl.col("gap").mean())
    )
    return float(gaps.filter(pl.col("len") >= 5)["uneven"].median())  # type: ignore[arg-type]


def share_gone(orders: pl.DataFrame) -> float:
    """Of the customers who ordered three times in the first half, those who do not in the last third."""
    first_half = orders.filter(pl.col("day") < DAYS // 2).group_by("customer").len().filter(pl.col("len") >= 3)
    later = orders.filter(pl.col("day") >= DAYS * 2 // 3)
    return first_half.join(later, on="customer", how="anti").height / first_half.height


def orders_of_old(orders: pl.DataFrame, first: date, last: date) -> int:
    """Orders between two days of customers who ordered in the first 90, so that growth of the shop is left out."""
    old = orders.filter(pl.col("day") < 90).select("customer").unique()
    begin, end = (first - FIRST_DAY).days, (last - FIRST_DAY).days
    return orders.join(old, on="customer", how="semi").filter(pl.col("day").is_between(begin, end)).height


def share_of_two_weekdays(orders: pl.DataFrame) -> float:
    """Of a customer's orders, those on the two weekdays with most; the mean of customers with ten orders or more."""
    counts = orders.group_by("customer", weekday=pl.col("day") % 7).len()
    top = counts.group_by("customer").agg(all=pl.col("len").sum(), top=pl.col("len").top_k(2).sum())
    return float(top.filter(pl.col("all") >= 10).select((pl.col("top") / pl.col("all")).mean()).item())


def test_in_a_steady_shop_gaps_are_even(shops: dict[str, pl.DataFrame]) -> None:
    assert spread(shops["steady"]) < 0.4
    assert min(spread(shops[kind]) for kind in KINDS if kind != "steady") > 0.6


def test_a_seasonal_shop_has_a_peak_and_a_trough(shops: dict[str, pl.DataFrame]) -> None:
    peak, trough = (date(2011, 11, 16), date(2011, 12, 8)), (date(2011, 7, 20), date(2011, 8, 11))
    ratios = {kind: orders_of_old(shops[kind], *peak) / orders_of_old(shops[kind], *trough) for kind in KINDS}
    assert ratios["seasonal"] > 3
    assert max(ratio for kind, ratio in ratios.items() if kind != "seasonal") < 1.2


def test_in_a_dying_shop_customers_leave(shops: dict[str, pl.DataFrame]) -> None:
    assert share_gone(shops["dying"]) > 0.5
    assert share_gone(shops["steady"]) < 0.05


def test_frequent_buyers_order_several_times_a_week_on_days_of_their_own(shops: dict[str, pl.DataFrame]) -> None:
    assert shops["frequent"]["gap"].mean() < 4  # type: ignore[operator]
    assert min(shops[kind]["gap"].mean() for kind in KINDS if kind != "frequent") > 10  # type: ignore[type-var, operator]
    assert share_of_two_weekdays(shops["frequent"]) > 0.6
    assert max(share_of_two_weekdays(shops[kind]) for kind in KINDS if kind != "frequent") < 0.6
    assert 0.2 < share_gone(shops["frequent"]) < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_customers_differ(shops: dict[str, pl.DataFrame], kind: str) -> None:
    means = shops[kind].drop_nulls("gap").group_by("customer").agg(pl.col("gap").mean(), pl.len())
    often = means.filter(pl.col("len") >= 4)["gap"]
    assert often.quantile(0.9) > 2 * often.quantile(0.1)  # type: ignore[operator]


def test_the_seed_decides(tmp_path: Path) -> None:
    files = [write_shops(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    for kind in KINDS:
        first, same, other = (file[kind].read_bytes() for file in files)
        assert first == same
        assert first != other


@pytest.mark.parametrize("kind", KINDS)
def test_the_container_reads_every_order(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "shop.csv"
    make_transactions(kind, SEED).write_csv(path)
    read = read_orders([path], tmp_path, date(2026, 1, 1)).orders
    assert read["date"].min() == FIRST_DAY
    assert read["date"].max() == FIRST_DAY + timedelta(days=DAYS - 1)
    meant = make_order_days(kind, SEED).select(
        (pl.col("customer") + 10_000).cast(pl.String), (pl.lit(FIRST_DAY) + pl.duration(days="day")).cast(pl.Date)
    )
    assert sorted(read.select("customer", "date").rows()) == sorted(meant.rows())
