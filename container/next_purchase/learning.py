"""Decides what an item gets: judges the backend that was asked for, and fits to all data what proved fit for use."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from next_purchase.artifact import TrainedModel
from next_purchase.baselines import BASELINES
from next_purchase.checkpoint import NO_CHECKPOINTS, Checkpoints
from next_purchase.errors import DataError, LibraryError, SettingError
from next_purchase.judgement import Judgement, Scores, best_baseline_so_far, judge
from next_purchase.learners import Learner
from next_purchase.lightgbm_library import how_to_install_openmp
from next_purchase.outcomes import RETURNED, add_next_order, date_range, known_outcomes
from next_purchase.schema import CUSTOMER, feature_names
from next_purchase.versions import versions

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.models import Model
    from next_purchase.settings import TrainingSettings

# At most 100 characters: the pipeline's records cut longer texts there.
NOTE_WITHOUT_LIBRARY = f"LightGBM cannot be loaded, so the best baseline answers. {how_to_install_openmp()}"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a training gives.

    Attributes:
        trained: The model, fitted to all data.
        metrics: How good such a model is, numbers and short texts alone; `note` is there if the model is another than
            it would be elsewhere.
        details: What else its description says.
    """

    trained: TrainedModel
    metrics: dict[str, Any]
    details: dict[str, Any]


def learn(features: pl.DataFrame, settings: TrainingSettings, checkpoints: Checkpoints = NO_CHECKPOINTS) -> Result:
    """Judge the backend at a cutoff, then fit to all data what is to be delivered.

    Args:
        features: As make_features gives them.
        settings: The job's.
        checkpoints: Where an interrupted start left its trees.

    Raises:
        DataError: No customer came back, so there is nothing to learn.
        SettingError: The cutoff lies outside the data.
        LibraryError: LightGBM's library cannot be loaded, and a hyperparameter demands its trees.
    """
    names = feature_names(settings.time_series_length)
    orders = add_next_order(features)
    first, last = date_range(orders)
    known = known_outcomes(orders, known_until=last, horizon_days=settings.horizon_days)
    customers = features[CUSTOMER].n_unique()
    if not known[RETURNED].any():
        raise DataError(
            f"Of {customers} customers none came back on another day within {settings.horizon_days} days, so there "
            "is nothing to learn how long it takes."
        )

    learner = Learner(settings.backend, names, settings.horizon_days, settings.learner)

    missing: LibraryError | None = None

    def fit(rows: pl.DataFrame) -> Model | None:
        nonlocal missing
        if not learner.can_learn(rows):
            return None
        try:
            return learner.fit(rows, checkpoints.judged)
        except LibraryError as error:
            if settings.backend_is_required:
                raise
            missing = error
            return None

    cutoff = _choose_cutoff(settings.cutoff, first, last, settings.horizon_days)
    judgement = judge(orders, cutoff, settings.horizon_days, fit)
    backend, scores = _choose_backend(settings.backend, judgement, orders, settings.horizon_days, missing)
    model = Learner(backend, names, settings.horizon_days, settings.learner).fit(known, checkpoints.delivered)
    return Result(
        TrainedModel(model, backend, settings.time_series_length, settings.horizon_days),
        _metrics(judgement, scores, backend, customers, orders.height, settings.horizon_days)
        | ({"note": NOTE_WITHOUT_LIBRARY} if missing else {}),
        {
            "requested_backend": settings.backend,
            "learner_settings": asdict(settings.learner),
            "first_order_date": first.isoformat(),
            "last_order_date": last.isoformat(),
            "versions": versions(),
        },
    )


def _choose_cutoff(wanted: date | None, first: date, last: date, horizon_days: int) -> date:
    """If no day is wanted, after two thirds of the time whose orders were followed for the horizon."""
    if wanted is None:
        followed_days = max((last - first).days - horizon_days, 0)
        return first + timedelta(days=followed_days * 2 // 3)
    if not first < wanted <= last:
        raise SettingError(f"cutoff must be a day after {first} and until {last}, the data's days, not {wanted}.")
    return wanted


def _choose_backend(
    wanted: str, judgement: Judgement, orders: pl.DataFrame, horizon_days: int, missing: LibraryError | None
) -> tuple[str, Scores | None]:
    """A learner is used only where it could be judged: what is reported is what is delivered.

    Args:
        wanted: The backend that the settings name.
        judgement: What it and the baselines did.
        orders: As add_next_order gives them.
        horizon_days: How long an order is followed.
        missing: Why the backend could not be fitted on this machine; None if it could, or was not tried.

    Returns:
        The backend, and how it did; None if there were too few orders to judge by.
    """
    if judgement.model is not None:
        return wanted, judgement.model
    if not judgement.baselines:
        stand_in = wanted if wanted in BASELINES else best_baseline_so_far(orders, horizon_days)
        why = f"only {judgement.judged_orders} orders from {judgement.cutoff} on were followed for {horizon_days} days"
        scores = None
    else:
        stand_in = judgement.best_baseline
        too_little = (
            f"what was known on {judgement.cutoff}, {judgement.learned_orders} orders, is too little to learn from"
        )
        why = str(missing).removesuffix(".") if missing else too_little
        scores = judgement.baselines[stand_in]
    if stand_in != wanted:
        logger.warning("%s is the model instead of %s: %s.", stand_in, wanted, why)
    return stand_in, scores


def _metrics(
    judgement: Judgement, scores: Scores | None, backend: str, customers: int, orders: int, horizon_days: int
) -> dict[str, Any]:
    errors: dict[str, Any] = dict.fromkeys(
        (
            "mean_absolute_error",
            "baseline_mean_absolute_error",
            "error_ratio",
            "best_baseline",
            *(f"{name}_mean_absolute_error" for name in BASELINES),
            "share_below_interval",
            "share_above_interval",
        )
    )
    if scores is not None:
        best = judgement.baselines[judgement.best_baseline].error
        errors |= {
            "mean_absolute_error": scores.error,
            "baseline_mean_absolute_error": best,
            "error_ratio": round(scores.error / best, 4) if best else None,
            "best_baseline": judgement.best_baseline,
            **{f"{name}_mean_absolute_error": judgement.baselines[name].error for name in BASELINES},
            "share_below_interval": scores.below,
            "share_above_interval": scores.above,
        }
    return {
        "customers": customers,
        "orders": orders,
        **errors,
        "horizon_days": horizon_days,
        "cutoff": judgement.cutoff.isoformat(),
        "learned_orders": judgement.learned_orders,
        "judged_orders": judgement.judged_orders,
        "model_backend": backend,
    }
