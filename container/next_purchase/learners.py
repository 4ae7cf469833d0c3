"""Fits a model by the name of its backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from next_purchase.baselines import BASELINES
from next_purchase.fit_baselines import fit_baseline
from next_purchase.fit_hazard import fit_hazard

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.checkpoint import Checkpoint
    from next_purchase.models import Model
    from next_purchase.settings import LearnerSettings


@dataclass(frozen=True)
class Learner:
    """One backend with its settings.

    Attributes:
        backend: One of BACKENDS.
        features: The columns to learn from, in order.
        horizon_days: How long an order is followed.
        settings: How to learn; a backend that has no use for one leaves it aside.
    """

    backend: str
    features: tuple[str, ...]
    horizon_days: int
    settings: LearnerSettings

    def fit(self, known: pl.DataFrame, checkpoint: Checkpoint) -> Model:
        """Fit a model to what was known on some day.

        Args:
            known: As known_outcomes gives them.
            checkpoint: Where an interrupted job's part is.
        """
        if self.backend in BASELINES:
            return fit_baseline(self.backend, known, self.horizon_days)
        return fit_hazard(known, self.features, self.horizon_days, self.settings, checkpoint)
