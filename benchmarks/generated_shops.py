"""Generates shops of four kinds as files of transactions: `python -m benchmarks.generated_shops FOLDER [--seed N]`.

Each kind is a process from the literature on repeat buying, with customers that differ from each other. Except for `dying`,
none fulfils all assumptions of one of the container's candidates.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

FIRST_DAY = date(2010, 12, 1)
DAYS = 373
DAYS_A_YEAR, DAYS_A_WEEK = 365, 7
# Days before the first day on which existing customers begin, so that the data does not begin with everybody's first order.
RUN_UP = 120
SEED = 1
LINES_AT_MOST = 3

Generator = np.random.Generator
# Draws one customer's order days in order, from the given start; a day may come twice, and days outside the data are
# left out later.
Orders = Callable[[Generator, float], Iterator[float]]


def steady(random: Generator, start: float) -> Iterator[float]:
    """Yield days with log-normal gaps around the customer's own mean; their spread differs between customers too."""
    rhythm, spread = random.lognormal(np.log(30), 0.6), random.uniform(0.15, 0.45)
    day = start
    while day < DAYS:
        yield day
        day += rhythm * random.lognormal(0, spread)


def seasonal(random: Generator, start: float) -> Iterator[float]:
    """Yield days of a Poisson process by thinning; its rate doubles before Christmas and halves in summer."""
    most = 2.2
    rate = random.gamma(1.0, 1 / 35)
    yield start
    day = start
    while (day := day + random.exponential(1 / (most * max(rate, 1e-4)))) < DAYS:
        if random.random() < season(day) / most:
            yield day


def season(day: float) -> float:
    """Return the season's factor on a day: a peak around 1 December, a trough around 1 August, otherwise 1."""
    of_year = (day + 334) % DAYS_A_YEAR

    def bump(middle: float) -> float:
        away = abs(of_year - middle)
        return float(np.exp(-((min(away, DAYS_A_YEAR - away) / 30) ** 2)))

    return 1 + 1.2 * bump(334) - 0.5 * bump(212)


def dying(random: Generator, start: float) -> Iterator[float]:
    """Yield days with exponential gaps; after each order a customer leaves with a probability of its own."""
    rate, chance = random.gamma(1.2, 1 / 25), random.beta(1, 4)
    day = start
    while day < DAYS:
        yield day
        if random.random() < chance:
            return
        day += random.exponential(1 / max(rate, 1e-4))


def frequent(random: Generator, start: float) -> Iterator[float]:
    """Yield several days a week, on the customer's own weekdays; half of the customers stop after half a year on average."""
    weekly = random.gamma(4.0, 0.6)
    on_weekdays = np.minimum(weekly * random.dirichlet(np.full(DAYS_A_WEEK, 0.8)), 0.95)
    end = start + random.exponential(DAYS_A_YEAR / 2) if random.random() < 0.5 else np.inf
    day = float(int(start))
    yield day
    while (day := day + 1) < min(DAYS, end):
        if random.random() < on_weekdays[int(day) % DAYS_A_WEEK]:
            yield day


# The process of a customer, and the number of customers.
KINDS: dict[str, tuple[Orders, int]] = {
    "steady": (steady, 1500),
    "seasonal": (seasonal, 2500),
    "dying": (dying, 3000),
    "frequent": (frequent, 1500),
}


def make_order_days(kind: str, seed: int) -> pl.DataFrame:
    """Return the days of all orders.

    Args:
        kind: one of KINDS.
        seed: equal seeds give equal orders.

    Returns:
        customer (a number from 1 on) and day (whole, from 0 to DAYS - 1), each pair once, sorted by both.
    """
    orders, count = KINDS[kind]
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    rows = []
    for customer in range(1, count + 1):
        is_new = random.random() < 0.6
        start = random.uniform(0, 0.8 * DAYS) if is_new else random.uniform(-RUN_UP, 0)
        rows += [(customer, int(day)) for day in orders(random, start) if 0 <= day < DAYS]
    return (
        pl.DataFrame(rows, schema={"customer": pl.Int64, "day": pl.Int64}, orient="row")
        .unique()
        .sort("customer", "day")
    )


def make_transactions(kind: str, seed: int) -> pl.DataFrame:
    """Return lines of invoices in the columns of Online Retail, by time; an order has one to three lines."""
    orders = make_order_days(kind, seed)
    random = np.random.default_rng([seed, len(KINDS)])
    # Customers spend different amounts, which vary from order to order.
    usual = random.lognormal(2, 0.6, KINDS[kind][1])[orders["customer"].to_numpy() - 1]
    orders = orders.with_columns(
        minute=pl.Series(random.integers(8 * 60, 18 * 60, orders.height)),
        price=pl.Series(np.round(usual * random.lognormal(0, 0.4, orders.height), 2) + 0.01),
        lines=pl.Series(random.integers(1, LINES_AT_MOST + 1, orders.height)),
    ).sort("day", "minute", "customer")
    lines = (
        orders.with_columns(invoice=pl.int_range(pl.len()) + 536_365, line=pl.int_ranges("lines"))
        .explode("line", empty_as_null=False)
        .with_columns(quantity=pl.Series(random.integers(1, 13, int(orders["lines"].sum()))))
    )
    moment = pl.lit(FIRST_DAY).cast(pl.Datetime) + pl.duration(days="day", minutes="minute")
    return lines.select(
        InvoiceNo=pl.col("invoice"),
        StockCode=pl.lit("S") + pl.col("line").cast(pl.String),
        Description=pl.lit("THING ") + pl.col("line").cast(pl.String),
        Quantity=pl.col("quantity"),
        InvoiceDate=moment.dt.strftime("%Y-%m-%d %H:%M:%S"),
        UnitPrice=pl.col("price"),
        CustomerID=pl.col("customer") + 10_000,
        Country=pl.lit("Made-up"),
    )


def write_shops(folder: Path, seed: int) -> dict[str, Path]:
    """Write a CSV file for each kind to the folder, which is created if it does not exist; return the files by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / f"{kind}.csv" for kind in KINDS}
    for kind, file in files.items():
        make_transactions(kind, seed).write_csv(file)
    return files


def main(arguments: Sequence[str]) -> None:
    """Write the files to the folder in the arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generated_shops", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args(arguments)
    write_shops(chosen.folder, chosen.seed)


if __name__ == "__main__":
    main(sys.argv[1:])
