"""The hazard model: right where the truth is known, and what it reads back is what it was."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import polars as pl
import pytest

from next_purchase.checkpoint import NO_CHECKPOINT
from next_purchase.errors import ArtifactError
from next_purchase.fit_hazard import MINIMUM_RETURNS, fit_hazard, has_enough_to_grow_trees
from next_purchase.hazard import HazardModel, interval_ends, read_hazard_model
from next_purchase.lightgbm_library import Booster, Dataset
from next_purchase.outcomes import followed_orders, known_outcomes
from next_purchase.schema import feature_names
from next_purchase.settings import LearnerSettings
from tests.unit.container.shops import day, examples_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEATURES = feature_names(5)
HORIZON = 90


def _memoryless_shop(mean: Mapping[str, float], customers: int, days: int) -> pl.DataFrame:
    """Customers who come back each day with the same chance, as often as the first letter of their id tells."""
    chance = random.Random(11)  # noqa: S311 - test data
    bought: dict[str, Sequence[int]] = {}
    for kind, wait in mean.items():
        for who in range(customers):
            day_number, numbers = chance.randrange(30), []
            while day_number <= days:
                numbers.append(day_number)
                day_number += 1 + int(chance.expovariate(1 / wait))
            bought[f"{kind}{who}"] = numbers
    return examples_on(bought)


@pytest.fixture(scope="module")
def shop() -> pl.DataFrame:
    return _memoryless_shop({"often": 10, "seldom": 60}, customers=120, days=360)


@pytest.fixture(scope="module")
def model(shop: pl.DataFrame) -> HazardModel:
    known = known_outcomes(shop, known_until=day(200), horizon_days=HORIZON)
    return fit_hazard(known, FEATURES, HORIZON, LearnerSettings(), NO_CHECKPOINT)


@pytest.mark.lightgbm
def test_one_in_ten_comes_before_the_interval_and_one_in_two_before_the_prediction(
    shop: pl.DataFrame, model: HazardModel
) -> None:
    judged = followed_orders(shop, since=day(200), known_until=day(360), horizon_days=HORIZON)
    answers = judged.hstack(model.predict(judged))
    assert answers.height > 500
    waited = pl.col("waited_days")
    for name, share in (("lower_days", 0.1), ("predicted_days", 0.5)):
        assert answers.select((waited < pl.col(name)).mean()).item() == pytest.approx(share, abs=0.05)
    ends = answers.filter(pl.col("upper_days") < HORIZON)
    assert ends.select((waited > pl.col("upper_days")).mean()).item() == pytest.approx(0.1, abs=0.05)


@pytest.mark.lightgbm
def test_it_tells_frequent_customers_from_rare_ones(shop: pl.DataFrame, model: HazardModel) -> None:
    regulars = shop.filter(pl.col("orders") == 4)
    predicted = regulars.select("CustomerID").hstack(model.predict(regulars))
    often, seldom = (
        predicted.filter(pl.col("CustomerID").str.starts_with(kind)).select(pl.median("predicted_days")).item()
        for kind in ("often", "seldom")
    )
    # The medians of waits whose means are 10.5 and 60.5 days: 7 and 42.
    assert often == pytest.approx(7, abs=4)
    assert seldom == pytest.approx(42, abs=15)


@pytest.mark.lightgbm
def test_a_return_on_an_intervals_last_day_is_one_in_it() -> None:
    """All come back after 7 days, the first interval's last, so nobody is away at its end."""
    days = {f"{who:03}": [who % 20, who % 20 + 7] for who in range(400)}
    known = known_outcomes(examples_on(days), known_until=day(300), horizon_days=HORIZON)
    first = known.filter(pl.col("orders") == 1)
    model = fit_hazard(first, FEATURES, HORIZON, LearnerSettings(), NO_CHECKPOINT)
    assert max(model.predict(first)["upper_days"]) < 8


@pytest.mark.parametrize(
    ("returns", "known_days", "enough"),
    [
        pytest.param(MINIMUM_RETURNS, 45, True, id="just enough"),
        pytest.param(MINIMUM_RETURNS - 1, 45, False, id="too few returns"),
        pytest.param(MINIMUM_RETURNS, 44, False, id="less than half of the horizon seen"),
    ],
)
def test_what_is_enough_to_grow_trees_from(returns: int, known_days: int, enough: bool) -> None:
    days = {f"{who:03}": [0, 1] for who in range(returns)}
    known = known_outcomes(examples_on(days), known_until=day(known_days), horizon_days=HORIZON)
    assert has_enough_to_grow_trees(known, HORIZON) is enough


@pytest.mark.lightgbm
def test_answers_are_ordered_and_within_the_horizon(shop: pl.DataFrame, model: HazardModel) -> None:
    answers = model.predict(shop)
    assert answers.columns == ["predicted_days", "lower_days", "upper_days"]
    assert answers.height == shop.height
    assert all(1 <= lower <= predicted <= upper <= HORIZON for predicted, lower, upper in answers.rows())
    assert model.predict(shop.clear()).height == 0


@pytest.mark.lightgbm
def test_customers_who_stay_away_make_the_answer_longer(shop: pl.DataFrame) -> None:
    known = known_outcomes(shop, known_until=day(200), horizon_days=HORIZON)
    only_returned = known.filter(pl.col("returned"))
    honest, flattered = (
        fit_hazard(rows, FEATURES, HORIZON, LearnerSettings(), NO_CHECKPOINT)
        .predict(shop)
        .select(pl.mean("predicted_days"))
        .item()
        for rows in (known, only_returned)
    )
    assert honest > flattered * 1.2


@pytest.mark.lightgbm
def test_recent_behaviour_counts_more() -> None:
    """Half of the time customers came back every 40 days, since then every 10."""
    days = {f"{who:03}": [*range(who % 40, 200, 40), *range(200 + who % 10, 300, 10)] for who in range(100)}
    known = known_outcomes(examples_on(days), known_until=day(300), horizon_days=HORIZON)
    new = examples_on({"new": [300]})
    short, long = (
        fit_hazard(
            known, FEATURES, HORIZON, LearnerSettings(recency_half_life_days=half_life), NO_CHECKPOINT
        ).predict(new)["upper_days"][0]
        for half_life in (10.0, 100_000.0)
    )
    assert short < long


@pytest.mark.parametrize(
    ("horizon", "ends"),
    [(90, (7, 15, 30, 45, 60, 75, 90)), (7, (1, 2, 3, 4, 5, 7)), (365, (30, 60, 121, 182, 243, 304, 365))],
)
def test_intervals_end_with_the_horizon(horizon: int, ends: tuple[int, ...]) -> None:
    assert interval_ends(horizon) == ends


@pytest.mark.lightgbm
def test_days_are_read_from_the_curve_in_proportion() -> None:
    """Trees that have learned one probability for everybody: 1 in 5 in each of the intervals of a week."""
    frame = pl.DataFrame({"always": [1.0] * 10, "interval": [0.0] * 10})
    booster = _constant_booster(frame, returning=2)
    answer = HazardModel(booster, ("always",), 7).predict(frame.head(1).drop("interval"))
    # 0.8, 0.64, 0.512, 0.4096 are still away after days 1, 2, 3, 4; halfway into a day is that day.
    assert answer["lower_days"][0] == 1.0
    assert answer["predicted_days"][0] == pytest.approx(3.5 + (0.512 - 0.5) / (0.512 - 0.4096))
    assert answer["upper_days"][0] == 7.0


def _constant_booster(frame: pl.DataFrame, returning: int) -> Booster:
    parameters = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 100, "num_threads": 1}
    label = pl.Series([1.0] * returning + [0.0] * (frame.height - returning), dtype=pl.Float32)
    weight = pl.Series([1.0] * frame.height, dtype=pl.Float32)
    booster = Booster.start(Dataset(frame, frame.columns, label, weight, parameters), parameters)
    booster.grow()
    return booster


@pytest.mark.lightgbm
def test_what_is_read_back_answers_the_same(shop: pl.DataFrame, model: HazardModel) -> None:
    description = json.loads(json.dumps(model.describe()))
    again = read_hazard_model(model.to_text(), FEATURES, HORIZON, description)
    assert again.predict(shop).equals(model.predict(shop))
    assert again.to_text() == model.to_text()


@pytest.mark.lightgbm
@pytest.mark.parametrize(
    ("features", "horizon", "said"),
    [(FEATURES[1:], 90, "features, its description"), (FEATURES, 60, "intervals end on the days")],
)
def test_a_text_of_another_model_is_refused(
    model: HazardModel, features: tuple[str, ...], horizon: int, said: str
) -> None:
    with pytest.raises(ArtifactError, match=said):
        read_hazard_model(model.to_text(), features, horizon, model.describe())
