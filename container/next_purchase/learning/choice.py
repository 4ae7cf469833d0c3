"""Chooses an item's model: all candidates are fitted to what was known on several earlier days, and predict what came next.

The best one has the curves that were closest to what happened, by the mean of two scores: at each order, and for all
customers on one day, as when serving. Each is a ranked probability score divided by that of the best naive guess.

Source: L. J. Tashman, Out-of-Sample Tests of Forecasting Accuracy, International Journal of Forecasting 16 (2000): rolling
origins.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from next_purchase.fitting.candidates import fit_models
from next_purchase.learning.questions import ask_at_orders, ask_of_customers, measure, take_outcomes
from next_purchase.models.naive import NAIVE_GUESSES
from next_purchase.outcomes import RETURNED, date_range, day_before, known_orders, known_outcomes
from next_purchase.schema import CUSTOMER

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from next_purchase.learning.questions import Losses, Questions
    from next_purchase.models.interval import Outcomes
    from next_purchase.models.model import Model

# The earlier days, as parts of the known time less the horizon.
_PARTS = (1 / 2, 2 / 3, 5 / 6, 1)
# More customers do not rank the candidates better, and take longer.
_MOST_CUSTOMERS = 10_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CandidateResult:
    """A candidate's errors on the earlier days, in days; None where there was nothing to predict.

    Attributes:
        error: mean absolute error at each order.
        score: mean ranked probability score at each order.
        served_error: mean absolute error for all customers on the day.
        served_score: mean ranked probability score for all customers on the day.
        seconds: the time of its fits and predictions.
    """

    error: float | None
    score: float | None
    served_error: float | None
    served_score: float | None
    seconds: float


@dataclass(frozen=True)
class Choice:
    """The result of the comparison.

    Attributes:
        name: the best candidate.
        results: the errors of each candidate that could be fitted on all days.
        cutoffs: the days; what happened on them or later was not known.
        horizon_days: how long orders were followed.
        at_order: outcomes of the orders that the best candidate predicted, one part for each day.
        ahead: outcomes of all customers on the day, one part for each day.
    """

    name: str
    results: dict[str, CandidateResult]
    cutoffs: tuple[date, ...]
    horizon_days: int
    at_order: tuple[Outcomes, ...] = ()
    ahead: tuple[Outcomes, ...] = ()


@dataclass(frozen=True)
class _Origin:
    """An earlier day: the models fitted to what was known before it, and the questions to them."""

    models: dict[str, Model]
    seconds: dict[str, float]
    at_order: Questions
    ahead: Questions


def choose_model(orders: pl.DataFrame, cutoff: date, horizon_days: int, names: Sequence[str]) -> Choice:
    """Compare candidates on what was known before a day.

    Args:
        orders: as add_next_order gives them.
        cutoff: what happened on this day or later is not known.
        horizon_days: how long an order is followed at most; half of the time that is known, if that is less.
        names: the candidates, the simplest first; it is the choice if nothing can be compared.
    """
    known_until = day_before(cutoff)
    known = _take_customers(known_orders(orders, known_until))
    if known.is_empty():
        return Choice(names[0], {}, (), horizon_days)
    first, _ = date_range(known)
    days = (cutoff - first).days
    horizon = max(1, min(horizon_days, days // 2))
    cutoffs = sorted({first + timedelta(days=round((days - horizon) * part)) for part in _PARTS})
    origins = {day: _look_from(known, day, known_until, horizon, names) for day in cutoffs}
    usable = {day: origin for day, origin in origins.items() if origin is not None}
    results = {
        name: _ask(name, list(usable.values()), horizon)
        for name in names
        if usable and all(name in origin.models for origin in usable.values())
    }
    totals = {name: _compare(result, results) for name, result in results.items()}
    best = min(totals, key=lambda name: totals[name]) if totals else names[0]
    with_best = [origin for origin in usable.values() if best in origin.models]
    return Choice(
        best,
        results,
        tuple(usable),
        horizon,
        tuple(take_outcomes(origin.models[best], origin.at_order) for origin in with_best),
        tuple(take_outcomes(origin.models[best], origin.ahead) for origin in with_best),
    )


def _take_customers(orders: pl.DataFrame) -> pl.DataFrame:
    """Return all orders of at most _MOST_CUSTOMERS, evenly spaced among the customers."""
    customers = orders[CUSTOMER].unique(maintain_order=True)
    if len(customers) <= _MOST_CUSTOMERS:
        return orders
    places = np.linspace(0, len(customers) - 1, _MOST_CUSTOMERS).astype(int)
    return orders.join(customers.gather(places).to_frame(), on=CUSTOMER, how="semi", maintain_order="left")


def _look_from(
    known: pl.DataFrame, cutoff: date, known_until: date, horizon_days: int, names: Sequence[str]
) -> _Origin | None:
    """Fit all candidates to what was known before a day; return None if no customer had come back by then."""
    before = known_outcomes(known, known_until=day_before(cutoff))
    if not before[RETURNED].any():
        return None
    fitted = fit_models(names, before)
    return _Origin(
        {name: fit.model for name, fit in fitted.items()},
        {name: fit.seconds for name, fit in fitted.items()},
        ask_at_orders(known, cutoff, known_until, horizon_days),
        ask_of_customers(known, cutoff, known_until, horizon_days),
    )


def _ask(name: str, origins: Sequence[_Origin], horizon_days: int) -> CandidateResult:
    started = perf_counter()
    at_order = _means([measure(origin.models[name], origin.at_order, horizon_days) for origin in origins])
    ahead = _means([measure(origin.models[name], origin.ahead, horizon_days) for origin in origins])
    asking = perf_counter() - started
    return CandidateResult(*at_order, *ahead, sum(origin.seconds[name] for origin in origins) + asking)


def _means(losses: Sequence[Losses]) -> tuple[float | None, float | None]:
    errors, scores = (np.concatenate(kind) for kind in zip(*losses, strict=True))
    return (float(errors.mean()), float(scores.mean())) if len(errors) else (None, None)


def _compare(result: CandidateResult, results: dict[str, CandidateResult]) -> float:
    """Return the mean of both scores, each divided by that of the best naive guess."""
    ratios = []
    for score in ("score", "served_score"):
        naive = [value for name in NAIVE_GUESSES if name in results and (value := getattr(results[name], score))]
        if (ours := getattr(result, score)) is not None and naive:
            ratios.append(ours / min(naive))
    return fmean(ratios) if ratios else 0.0
