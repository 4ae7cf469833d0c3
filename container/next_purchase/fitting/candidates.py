"""Fits a model by its name, or several models without fitting the members of averages twice."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from next_purchase.errors import CannotFitError
from next_purchase.fitting.naive import fit_naive
from next_purchase.models.average import JOIN, AverageModel
from next_purchase.models.naive import NAIVE_GUESSES
from next_purchase.models.names import MBG_NBD, REGRESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from next_purchase.models.model import Model

logger = logging.getLogger(__name__)


class Fitted(NamedTuple):
    """A model, and the time that its fit took."""

    model: Model
    seconds: float


def fit_model(name: str, known: pl.DataFrame) -> Model:
    """Fit one model.

    Args:
        name: one of BACKENDS.
        known: (1 or more rows,) as known_outcomes gives them.

    Raises:
        CannotFitError: the data is not enough for this model.
        ValueError: no model has this name.
    """
    if JOIN in name:
        return AverageModel({member: fit_model(member, known) for member in name.split(JOIN)})
    if name in NAIVE_GUESSES:
        return fit_naive(name, known)
    # Imported here: scipy takes longer to import than a naive guess takes altogether.
    if name == MBG_NBD:
        from next_purchase.fitting.mbg_nbd import fit_mbg_nbd

        return fit_mbg_nbd(known)
    if name in REGRESSIONS:
        from next_purchase.fitting.regression import fit_regression

        return fit_regression(name, known)
    raise ValueError(f"no model is called {name}")


def fit_models(names: Iterable[str], known: pl.DataFrame) -> dict[str, Fitted]:
    """Fit all models for which the data is enough; an average takes its members from the others.

    Args:
        names: some of BACKENDS, averages after their members.
        known: (1 or more rows,) as known_outcomes gives them.
    """
    fitted: dict[str, Fitted] = {}
    for name in names:
        members = name.split(JOIN)
        if len(members) > 1 and all(member in fitted for member in members):
            parts = {member: fitted[member] for member in members}
            average = AverageModel({member: part.model for member, part in parts.items()})
            fitted[name] = Fitted(average, sum(part.seconds for part in parts.values()))
            continue
        started = perf_counter()
        try:
            fitted[name] = Fitted(fit_model(name, known), perf_counter() - started)
        except CannotFitError as error:
            logger.info("%s is no candidate: %s", name, error)
    return fitted
