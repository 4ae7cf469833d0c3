"""The naive guesses: what they say, and how sure they are of it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from next_purchase.errors import ArtifactError
from next_purchase.fitting.naive import fit_naive, median_days
from next_purchase.models.naive import LAST_GAP, MEAN_GAP, MEDIAN_GAP, NAIVE_GUESSES, guess, read_naive
from next_purchase.outcomes import known_outcomes
from tests.unit.container.shops import day, examples_on

FEATURES = pl.DataFrame({"gap_1": [30.0, 10.0, None, 400.0], "mean_gap": [20.0, 0.5, None, 200.0]})


@pytest.mark.parametrize(
    ("name", "days"),
    [
        (MEDIAN_GAP, [40.0] * 4),
        (MEAN_GAP, [20.0, 1.0, 40.0, 200.0]),
        (LAST_GAP, [30.0, 10.0, 40.0, 400.0]),
    ],
)
def test_each_repeats_its_number_from_a_day_on(name: str, days: list[float]) -> None:
    assert guess(name, FEATURES, 40.0).tolist() == days


def test_the_median_is_one_of_all_customers_and_not_of_those_who_returned() -> None:
    days = {f"back {who}": [0, 10] for who in range(4)} | {f"gone {who}": [0] for who in range(5)}
    # Of 13 orders only 4 were followed by another, so half of the customers stayed away for as long as was watched.
    assert median_days(known_outcomes(examples_on(days), known_until=day(100))) == 100.0
    returned = {f"back {who}": [0, 10] for who in range(40)} | {"gone": [0]}
    assert median_days(known_outcomes(examples_on(returned), known_until=day(11))) == 10.0


def test_the_curve_falls_as_the_guesses_turned_out() -> None:
    """Ten customers wait 10 days, and then from half to double of it."""
    waits = [5, 6, 7, 8, 9, 10, 12, 14, 17, 20]
    days = {str(who): [0, 10, 10 + wait] for who, wait in enumerate(waits)}
    known = known_outcomes(examples_on(days), known_until=day(30)).filter(pl.col("orders") == 2)
    model = fit_naive(LAST_GAP, known)
    rows = pl.DataFrame({"gap_1": [10.0, 20.0]})
    curve = model.survival(rows, np.array([[4, 9], [5, 10], [10, 20], [20, 40]]))
    assert curve == pytest.approx(np.array([[1, 1], [0.9, 0.9], [0.4, 0.4], [0, 0]]))


@pytest.mark.parametrize("name", NAIVE_GUESSES)
def test_a_description_is_read_back(name: str) -> None:
    known = known_outcomes(examples_on({"1": [0, 10, 30], "2": [5, 15], "3": [7]}), known_until=day(60))
    model = fit_naive(name, known)
    again = read_naive(name, model.describe())
    days = np.arange(60)[:, np.newaxis] + np.zeros(known.height, dtype=int)
    assert again.survival(known, days).tolist() == model.survival(known, days).tolist()


def test_a_damaged_description_is_refused() -> None:
    whole = {"median_days": 40.0, "ratios": [1.0], "shares": [0.5]}
    rising = {"ratios": [1.0, 2.0], "shares": [0.4, 0.5]}
    backwards = {"ratios": [2.0, 1.0], "shares": [0.5, 0.4]}
    for damage in (
        {"median_days": None},
        {"median_days": 0.5},
        {"ratios": 1.0},
        {"ratios": [-1.0]},
        {"shares": [0.5, 0.4]},
        {"shares": [float("nan")]},
        {"shares": [1.5]},
        rising,
        backwards,
    ):
        with pytest.raises(ArtifactError, match=r"description"):
            read_naive(MEAN_GAP, whole | damage)


def test_a_long_curve_is_kept_short() -> None:
    days = {f"{who:04}": [0, 1 + who] for who in range(1000)}
    known = known_outcomes(examples_on(days), known_until=day(2000))
    described = fit_naive(MEDIAN_GAP, known).describe()
    assert len(described["ratios"]) == len(described["shares"]) <= 200
    assert described["shares"][-1] == pytest.approx(0.5, abs=0.01)
