"""Teaches the trees of the hazard model what was known on some day."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.hazard import INTERVAL, HazardModel, interval_ends
from next_purchase.lightgbm_library import Booster, Dataset
from next_purchase.outcomes import RETURNED, WAITED, WATCHED

if TYPE_CHECKING:
    from next_purchase.checkpoint import Checkpoint
    from next_purchase.settings import LearnerSettings

# Below this, threads cost more than they give, and one thread gives the same model on every machine.
_ROWS_WORTH_THREADS = 200_000

_WORTH_GOING_ON = 2

_LABEL, _WEIGHT = "label", "weight"

MINIMUM_RETURNS = 300
"""With fewer returns to learn from, trees often did worse than the best baseline (docs/decisions/0014)."""

logger = logging.getLogger(__name__)


def has_enough_to_grow_trees(known: pl.DataFrame, horizon_days: int) -> bool:
    """Whether there is enough to learn from: returns, and half of the horizon seen.

    Args:
        known: As known_outcomes gives them.
        horizon_days: How long an order is followed.
    """
    seen_for_half = (known[WATCHED] >= horizon_days / 2).any()
    return bool(seen_for_half) and int(known[RETURNED].sum()) >= MINIMUM_RETURNS


def fit_hazard(
    known: pl.DataFrame,
    features: tuple[str, ...],
    horizon_days: int,
    settings: LearnerSettings,
    checkpoint: Checkpoint,
) -> HazardModel:
    """Grow the trees.

    Args:
        known: As known_outcomes gives them.
        features: The columns to learn from, in order.
        horizon_days: How long an order is followed.
        settings: How to learn.
        checkpoint: Where trees of an interrupted job are, and where these go if this one is.
    """
    rows = _person_periods(known, features, horizon_days, settings.recency_half_life_days)
    parameters = {
        "objective": "binary",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.num_leaves,
        "min_data_in_leaf": settings.min_data_in_leaf,
        "lambda_l2": settings.lambda_l2,
        "seed": settings.seed,
        "deterministic": "true",
        "force_col_wise": "true",
        "verbosity": -1,
        "num_threads": (os.cpu_count() or 1) if rows.height >= _ROWS_WORTH_THREADS else 1,
    }
    inputs = rows.select(*features, INTERVAL)
    dataset = Dataset(inputs, inputs.columns, rows[_LABEL], rows[_WEIGHT], parameters)
    earlier = _read_earlier_trees(checkpoint)
    if earlier is not None:
        scores = earlier.predict(inputs, raw_score=True)
        dataset.set_field("init_score", pl.Series(scores, dtype=pl.Float64))
    booster = Booster.start(dataset, parameters, earlier)
    logger.info("Growing trees from %d rows.", rows.height)
    with checkpoint.keeping(booster.to_text):
        growing = True
        while growing and booster.count_trees() < settings.num_iterations:
            growing = booster.grow()
    return HazardModel(booster, features, horizon_days)


def _read_earlier_trees(checkpoint: Checkpoint) -> Booster | None:
    text = checkpoint.read()
    earlier = None if text is None else Booster.from_text(text)
    # To go on from no tree would be another model than to begin, and of a single tree that found no split, LightGBM
    # reads back a little less than it wrote.
    if earlier is None or earlier.count_trees() < _WORTH_GOING_ON:
        return None
    logger.info("Going on from %d trees that an earlier start of this job grew.", earlier.count_trees())
    return earlier


def _person_periods(
    known: pl.DataFrame, features: tuple[str, ...], horizon_days: int, half_life_days: float
) -> pl.DataFrame:
    """A row for each order and interval that the customer was away for and watched to the end of.

    Returns:
        The features and the interval (Float32, since it is the largest table of a training), the label (Float32, 1 if the
        customer came back in the interval) and the weight (Float32, halved for every half_life_days that have passed
        since the interval's end).
    """
    start = 0
    parts = []
    for number, end in enumerate(interval_ends(horizon_days)):
        away = pl.col(WAITED) > start
        parts.append(
            known.lazy()
            .filter(away & (pl.col(WATCHED) >= end))
            .select(
                pl.col(features).cast(pl.Float32),
                pl.lit(number, dtype=pl.Float32).alias(INTERVAL),
                (pl.col(RETURNED) & (pl.col(WAITED) <= end)).cast(pl.Float32).alias(_LABEL),
                (0.5 ** ((pl.col(WATCHED) - end) / half_life_days)).cast(pl.Float32).alias(_WEIGHT),
            )
        )
        start = end
    return pl.concat(parts).collect()
