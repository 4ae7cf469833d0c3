"""Judges a learner by time: it learns what was known on a day and predicts the orders after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from next_purchase.examples import TARGET, date_range, followed_orders, median_gap
from next_purchase.learner import MeanGapModel
from next_purchase.prediction import LEAST_DAYS, to_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from numpy.typing import NDArray

    from next_purchase.learner import Model

MINIMUM_EXAMPLES = 200
"""With fewer followed orders trees did worse on the Online Retail data than the customer's mean gap."""

MINIMUM_JUDGED = 20
"""The mean over fewer judged orders says nothing."""


@dataclass(frozen=True)
class Judgement:
    """How far predictions were from what happened, in days; None where it could not be judged."""

    cutoff: date
    learned_orders: int
    judged_orders: int
    mean_absolute_error: float | None
    baseline_mean_absolute_error: float | None
    learner_was_judged: bool


def judge_learner(
    orders: pl.DataFrame,
    horizon_days: int,
    features: tuple[str, ...],
    fit: Callable[[pl.DataFrame, MeanGapModel], Model] | None,
) -> Judgement:
    """Learn what was known in the middle of the data's time and judge every followed order after it.

    The error is the mean of |min(predicted, horizon) - min(true days, horizon)| over the orders from the
    cutoff on that were watched for the horizon, those after which the customer did not come back included.

    Args:
        orders: As add_next_order gives them.
        horizon_days: How long an order is watched.
        features: The columns that a model sees, in order.
        fit: Fits a model to followed orders, given the baseline of that day. Not called when there are fewer
            than MINIMUM_EXAMPLES; then, and for None, the baseline itself is what is judged.

    Returns:
        The learner's error, and that of the naive guess to beat: the customer's mean gap so far, or the
        median of all gaps known at the cutoff where there is none.
    """
    first, last = date_range(orders)
    cutoff = first + timedelta(days=(last - first).days // 2)
    learned = followed_orders(orders, known_until=cutoff, horizon_days=horizon_days)
    judged = followed_orders(orders, known_until=last, horizon_days=horizon_days, since=cutoff)
    median = median_gap(orders, known_until=cutoff)
    if median is None or judged.height < MINIMUM_JUDGED:
        return Judgement(cutoff, learned.height, judged.height, None, None, learner_was_judged=False)
    matrix = to_matrix(judged, features)
    truth = judged[TARGET].to_numpy()
    baseline = MeanGapModel(features.index("mean_gap"), median)
    model = baseline if fit is None or learned.height < MINIMUM_EXAMPLES else fit(learned, baseline)
    return Judgement(
        cutoff,
        learned.height,
        judged.height,
        _capped_error(model.predict(matrix), truth, horizon_days),
        _capped_error(baseline.predict(matrix), truth, horizon_days),
        learner_was_judged=model is not baseline,
    )


def _capped_error(predicted: NDArray[np.float64], truth: NDArray[np.float64], horizon_days: int) -> float:
    return round(float(np.mean(np.abs(np.clip(predicted, LEAST_DAYS, horizon_days) - truth))), 4)
