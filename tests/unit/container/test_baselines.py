"""The naive guesses: what they say, and how wide their interval is."""

from __future__ import annotations

import polars as pl
import pytest

from next_purchase.baselines import LAST_GAP, MEAN_GAP, MEDIAN_GAP, BaselineModel, read_baseline
from next_purchase.errors import ArtifactError
from next_purchase.fit_baselines import fit_baseline
from next_purchase.outcomes import known_outcomes
from tests.unit.container.shops import day, examples_on

FEATURES = pl.DataFrame({"gap_1": [30.0, 10.0, None, 400.0], "mean_gap": [20.0, 0.5, None, 200.0]})


@pytest.mark.parametrize(
    ("name", "expected"),
    [(MEDIAN_GAP, [40.0] * 4), (MEAN_GAP, [20.0, 1.0, 40.0, 90.0]), (LAST_GAP, [30.0, 10.0, 40.0, 90.0])],
)
def test_each_repeats_its_number_from_a_day_to_the_horizon(name: str, expected: list[float]) -> None:
    model = BaselineModel(name, 90, median_days=40.0, lower_factor=0.5, upper_factor=2.0)
    answer = model.predict(FEATURES)
    assert answer["predicted_days"].to_list() == expected
    assert answer["lower_days"].to_list() == [min(max(days * 0.5, 1), 90) for days in _uncapped(name)]
    assert answer["upper_days"].to_list() == [min(max(days * 2, 1), 90) for days in _uncapped(name)]


def _uncapped(name: str) -> list[float]:
    column = {MEAN_GAP: "mean_gap", LAST_GAP: "gap_1"}.get(name)
    return [40.0] * 4 if column is None else FEATURES[column].fill_null(40.0).to_list()


def test_an_upper_end_that_is_not_known_is_the_horizon() -> None:
    model = BaselineModel(MEAN_GAP, 90, median_days=40.0, lower_factor=0.5, upper_factor=None)
    assert model.predict(FEATURES)["upper_days"].to_list() == [90.0] * 4


def test_the_median_is_one_of_all_customers_and_not_of_those_who_returned() -> None:
    days = {f"back {who}": [0, 10] for who in range(4)} | {f"gone {who}": [0] for who in range(5)}
    known = known_outcomes(examples_on(days), known_until=day(100), horizon_days=90)
    # Of 13 orders only 4 were followed by another, so half of the customers stayed away for all of the horizon.
    assert fit_baseline(MEDIAN_GAP, known, 90).median_days == 90.0


def test_the_interval_is_as_wide_as_the_guesses_were_wrong() -> None:
    """Ten customers wait 10 days, and then from half to double of it."""
    waits = [5, 6, 7, 8, 9, 10, 12, 14, 17, 20]
    days = {str(who): [0, 10, 10 + wait, 10 + wait + 1000] for who, wait in enumerate(waits)}
    known = known_outcomes(examples_on(days), known_until=day(30), horizon_days=90)
    second = known.filter(pl.col("orders") == 2)
    model = fit_baseline(LAST_GAP, second, 90)
    assert (model.lower_factor, model.upper_factor) == (0.5, 1.7)


def test_a_description_is_read_back_and_a_damaged_one_refused() -> None:
    model = BaselineModel(MEAN_GAP, 90, median_days=40.0, lower_factor=0.5, upper_factor=None)
    assert read_baseline(MEAN_GAP, 90, model.describe()) == model
    with pytest.raises(ArtifactError, match="mean_gap is incomplete"):
        read_baseline(MEAN_GAP, 90, {"median_days": 40.0, "upper_factor": 2.0})
