"""Judges a model by time: it learns what was known on a day and is asked about the orders from that day on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.baselines import BASELINES, MEAN_GAP
from next_purchase.fit_baselines import fit_baseline
from next_purchase.outcomes import WAITED, date_range, day_before, followed_orders, known_outcomes
from next_purchase.schema import LOWER, PREDICTED, UPPER

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from next_purchase.models import Model

MINIMUM_JUDGED = 50
"""The mean over fewer judged orders says nothing."""

_DECIMALS = 4


@dataclass(frozen=True)
class Scores:
    """How a model did.

    Attributes:
        error: Mean of |min(predicted, horizon) - min(true, horizon)| in days.
        below: Share of orders whose next one came before the interval's lower end.
        above: Of the orders whose interval ends before the horizon, the share whose next one came after that end;
            None if there is no such order.
    """

    error: float
    below: float
    above: float | None


@dataclass(frozen=True)
class Judgement:
    """What a model and the three baselines, all taught what was known at the cutoff, did from then on.

    Attributes:
        cutoff: The first day that was not known.
        learned_orders: Orders known at the cutoff.
        judged_orders: Orders from the cutoff on that were followed for the horizon.
        model: The model's scores; None if there was too little to learn from, or too few orders to judge by.
        baselines: Each baseline's scores by name; empty if there were too few orders to judge by.
    """

    cutoff: date
    learned_orders: int
    judged_orders: int
    model: Scores | None
    baselines: dict[str, Scores]

    @property
    def best_baseline(self) -> str:
        """The name of the baseline with the least error, if there were enough orders to judge by."""
        return _best(self.baselines)


def judge(
    orders: pl.DataFrame, cutoff: date, horizon_days: int, fit: Callable[[pl.DataFrame], Model | None]
) -> Judgement:
    """Teach what was known at a cutoff and judge every order from then on that was followed for the horizon.

    Customers who did not come back within the horizon are judged too, with the horizon as their days.

    Args:
        orders: As add_next_order gives them.
        cutoff: What happened on this day or later is not known to what is judged.
        horizon_days: How long an order is followed.
        fit: Fits the model to what known_outcomes gives; None if that is too little to learn from.
    """
    _, last = date_range(orders)
    known = known_outcomes(orders, known_until=day_before(cutoff), horizon_days=horizon_days)
    judged = followed_orders(orders, since=cutoff, known_until=last, horizon_days=horizon_days)
    can_judge = judged.height >= MINIMUM_JUDGED and not known.is_empty()
    model = fit(known) if can_judge else None
    return Judgement(
        cutoff=cutoff,
        learned_orders=known.height,
        judged_orders=judged.height,
        model=None if model is None else score(model, judged, horizon_days),
        baselines=_score_baselines(known, judged, horizon_days) if can_judge else {},
    )


def best_baseline_so_far(orders: pl.DataFrame, horizon_days: int) -> str:
    """The baseline that does best on all data, where there are too few orders to judge by after any cutoff.

    They have next to nothing to learn by heart, so the same orders can teach and judge them. Only orders with a gap
    before them tell the three apart.

    Args:
        orders: As add_next_order gives them.
        horizon_days: How long an order is followed.
    """
    first, last = date_range(orders)
    known = known_outcomes(orders, known_until=last, horizon_days=horizon_days)
    followed = followed_orders(orders, since=first, known_until=last, horizon_days=horizon_days)
    told_apart = followed.filter(pl.col("gap_1").is_not_null())
    if told_apart.height < MINIMUM_JUDGED:
        return MEAN_GAP
    return _best(_score_baselines(known, told_apart, horizon_days))


def _score_baselines(known: pl.DataFrame, judged: pl.DataFrame, horizon_days: int) -> dict[str, Scores]:
    return {name: score(fit_baseline(name, known, horizon_days), judged, horizon_days) for name in BASELINES}


def _best(baselines: dict[str, Scores]) -> str:
    return min(baselines, key=lambda name: baselines[name].error)


def score(model: Model, judged: pl.DataFrame, horizon_days: int) -> Scores:
    """Ask a model about orders whose outcome is known.

    Args:
        model: Answers at most the horizon.
        judged: (1 or more,) as followed_orders gives them.
        horizon_days: How long the orders were followed.
    """
    truth = pl.col(WAITED)
    ends_before_horizon = pl.col(UPPER) < horizon_days
    error, below, above = (
        judged.select(WAITED)
        .hstack(model.predict(judged))
        .select(
            error=(pl.col(PREDICTED) - truth).abs().mean(),
            below=(truth < pl.col(LOWER)).mean(),
            above=(truth > pl.col(UPPER)).filter(ends_before_horizon).mean(),
        )
        .row(0)
    )
    return Scores(
        round(error, _DECIMALS), round(below, _DECIMALS), None if above is None else round(above, _DECIMALS)
    )
