"""The medians of the models that let customers die, against customers who were made by those models."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reference.waiting import chance_dead, median_days

CUSTOMERS = 100_000
RATE_SHAPE, RATE_SCALE, A, B = 2.0, 20.0, 1.0, 4.0


@pytest.mark.parametrize("after_first", [True, False], ids=["MBG/NBD", "BG/NBD"])
def test_half_of_simulated_customers_are_back_by_the_median(after_first: bool) -> None:
    random = np.random.default_rng(5)
    rate, chance = random.gamma(RATE_SHAPE, 1 / RATE_SCALE, CUSTOMERS), random.beta(A, B, CUSTOMERS)
    age = np.zeros(CUSTOMERS)
    for repeats in range(5):
        count = np.full(len(age), float(repeats))
        dead = chance_dead(A, B, count, after_first=after_first)
        told = median_days(RATE_SHAPE + count, RATE_SCALE + age, dead)
        dies = (random.random(len(age)) < chance) & (after_first or repeats > 0)
        wait = np.where(dies, np.inf, random.exponential(1 / rate))
        # The age at the order stands for all that is known of the rate: so of the young and of the old likewise.
        for part in np.array_split(np.argsort(age, kind="stable"), 3):
            assert np.mean(wait[part] <= told[part]) == pytest.approx(0.5, abs=0.02)
        rate, chance, age = (values[~dies] for values in (rate, chance, age + np.where(dies, 0, wait)))
    assert len(age) > 10_000


def test_a_median_is_infinite_where_half_never_come_back() -> None:
    dead = np.array([0.49, 0.5, 0.51])
    days = median_days(np.full(3, 1.0), np.full(3, 10.0), dead)
    assert list(np.isfinite(days)) == [True, False, False]
