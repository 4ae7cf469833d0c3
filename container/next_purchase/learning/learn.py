"""Learns from an item's data: chooses a model, judges it, and fits it to all data."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from next_purchase.errors import CannotFitError, DataError, SettingError
from next_purchase.fitting.candidates import fit_model
from next_purchase.fitting.naive import median_days
from next_purchase.learning.choice import choose_model
from next_purchase.learning.judgement import judge_at_orders, judge_of_customers
from next_purchase.learning.questions import ask_at_orders, ask_of_customers, take_outcomes
from next_purchase.models.artifact import TrainedModel
from next_purchase.models.interval import calibrate
from next_purchase.models.names import AUTO, BACKENDS
from next_purchase.models.predictor import Predictor
from next_purchase.outcomes import RETURNED, add_next_order, date_range, day_before, known_outcomes
from next_purchase.schema import CUSTOMER
from next_purchase.versions import versions

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.learning.choice import Choice
    from next_purchase.learning.settings import TrainingSettings

_DECIMALS = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """The result of a training.

    Attributes:
        trained: the model, fitted to all data.
        as_of: the last day of which it is known who ordered.
        metrics: the metrics of the chosen model.
        seconds: the time of each candidate.
        details: further keys of the model's description.
    """

    trained: TrainedModel
    as_of: date
    metrics: dict[str, Any]
    seconds: dict[str, float]
    details: dict[str, Any]


def learn(features: pl.DataFrame, settings: TrainingSettings) -> Result:
    """Choose a model by what was known before the cutoff, judge it by what came after, and fit it to all data.

    Args:
        features: as make_features gives them.
        settings: the job's settings.

    Raises:
        DataError: no customer came back, so there is nothing to learn.
        SettingError: the cutoff or as_of does not fit the data.
    """
    orders = add_next_order(features)
    first, last = date_range(orders)
    as_of = _take_as_of(settings.as_of, last)
    horizon, probability_days = settings.horizon_days, settings.probability_days
    known = known_outcomes(orders, known_until=as_of)
    customers = features[CUSTOMER].n_unique()
    if not known[RETURNED].any():
        raise DataError(
            f"Of {customers} customers none came back on another day, so there is nothing to learn how long it takes."
        )
    cutoff = _choose_cutoff(settings.cutoff, first, as_of, horizon)
    names = BACKENDS if settings.backend == AUTO else (settings.backend,)
    choice = choose_model(orders, cutoff, horizon, names)
    logger.info("Of %d candidates %s is the model.", len(names), choice.name)

    before = known_outcomes(orders, known_until=day_before(cutoff))
    judged = _fit_for_judgement(choice, before, horizon, probability_days)
    median = median_days(before) if judged else None
    at_order = ask_at_orders(orders, cutoff, as_of, horizon)
    ahead = ask_of_customers(orders, cutoff, as_of, horizon)

    # The interval of the delivered model is calibrated with the outcomes after the cutoff as well.
    later = [take_outcomes(judged.model, questions) if judged else None for questions in (at_order, ahead)]
    delivered = Predictor(
        fit_model(choice.name, known),
        horizon,
        probability_days,
        calibrate([part for part in (*choice.at_order, later[0]) if part]),
        calibrate([part for part in (*choice.ahead, later[1]) if part]),
    )
    metrics = {
        "customers": customers,
        "orders": orders.height,
        **judge_at_orders(judged, at_order, median),
        **judge_of_customers(judged, ahead),
        "horizon_days": horizon,
        "probability_days": probability_days,
        "as_of": as_of.isoformat(),
        "cutoff": cutoff.isoformat(),
        "learned_orders": before.height,
        "judged_orders": len(at_order.truth),
        "judged_customers": len(ahead.truth),
        "model_backend": choice.name,
        "candidates": _describe_candidates(choice),
        "choice": {
            "cutoffs": [day.isoformat() for day in choice.cutoffs],
            "horizon_days": choice.horizon_days,
        },
    }
    return Result(
        TrainedModel(delivered, choice.name, settings.time_series_length, settings.date_format),
        as_of,
        metrics,
        {name: round(result.seconds, _DECIMALS) for name, result in choice.results.items()},
        {
            "requested_backend": settings.backend,
            "first_order_date": first.isoformat(),
            "last_order_date": last.isoformat(),
            "versions": versions(),
        },
    )


def _take_as_of(given: date | None, last: date) -> date:
    if given is None:
        return last
    if given < last:
        raise SettingError(f"as_of must not be before the data's last order, {last}, but is {given}.")
    return given


def _choose_cutoff(given: date | None, first: date, as_of: date, horizon_days: int) -> date:
    """Return the given day, or the one after two thirds of the days whose orders were followed for the horizon."""
    if given is None:
        followed_days = max((as_of - first).days - horizon_days, 0)
        return first + timedelta(days=followed_days * 2 // 3)
    if not first < given <= as_of:
        raise SettingError(f"cutoff must be a day after {first} and until {as_of}, the data's days, not {given}.")
    return given


def _fit_for_judgement(
    choice: Choice, before: pl.DataFrame, horizon_days: int, probability_days: int
) -> Predictor | None:
    """Return what would have been delivered at the cutoff; None if no customer had come back by then."""
    if not before[RETURNED].any():
        return None
    try:
        model = fit_model(choice.name, before)
    except CannotFitError as error:
        logger.warning("%s cannot be judged: %s", choice.name, error)
        return None
    return Predictor(model, horizon_days, probability_days, calibrate(choice.at_order), calibrate(choice.ahead))


def _describe_candidates(choice: Choice) -> dict[str, dict[str, float | None]]:
    """Return each candidate's errors on the earlier days, without its time."""
    return {
        name: {
            key: value if value is None else round(value, _DECIMALS)
            for key, value in asdict(result).items()
            if key != "seconds"
        }
        for name, result in choice.results.items()
    }
