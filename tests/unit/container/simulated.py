"""Customers drawn from models whose parameters are known, with what was seen of them until some day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from next_purchase.features import make_features
from next_purchase.outcomes import add_next_order, known_outcomes
from tests.unit.container.shops import DAY

WATCHED_DAYS = 400


def simulate_mbg_nbd(
    customers: int, *, r: float, alpha: float, a: float, b: float, seed: int = 1, days: int = WATCHED_DAYS
) -> pl.DataFrame:
    """Orders, with features and the date of the next one, of customers as the model has them."""
    chance = np.random.default_rng(seed)
    rows: list[tuple[str, date]] = []
    for customer in range(customers):
        rate, stops = chance.gamma(r, 1 / alpha), chance.beta(a, b)
        moment = chance.uniform(0, days / 4)
        while moment < days:
            rows.append((f"{customer:05}", DAY + timedelta(days=int(moment))))
            if chance.random() < stops:
                break
            moment += chance.exponential(1 / rate)
    return _with_features(rows)


def simulate_rhythm(
    customers: int, *, mean_days: float, spread: float, seed: int = 1, days: int = WATCHED_DAYS, leave: float = 0.0
) -> pl.DataFrame:
    """Orders of customers whose gaps are log-normal around days of their own; after an order, a share never comes back."""
    chance = np.random.default_rng(seed)
    rows: list[tuple[str, date]] = []
    for customer in range(customers):
        own = mean_days * chance.lognormal(0, 0.5)
        moment = chance.uniform(0, days / 4)
        while moment < days:
            rows.append((f"{customer:05}", DAY + timedelta(days=int(moment))))
            if chance.random() < leave:
                break
            moment += max(1.0, own * chance.lognormal(0, spread))
    return _with_features(rows)


def known_at_the_end(orders: pl.DataFrame, days: int = WATCHED_DAYS) -> pl.DataFrame:
    """Return what was known of the orders when the simulation ended."""
    return known_outcomes(orders, known_until=DAY + timedelta(days=days))


def _with_features(rows: list[tuple[str, date]]) -> pl.DataFrame:
    orders = pl.DataFrame(rows, schema={"customer": pl.String, "date": pl.Date}, orient="row").unique()
    amounts = orders.sort("customer", "date").with_columns(amount=pl.lit(20.0), lines=pl.lit(1))
    return add_next_order(make_features(amounts, 5))
