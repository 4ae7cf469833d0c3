"""Fits a model by the name of its backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from next_purchase.baselines import BASELINES
from next_purchase.fit_baselines import fit_baseline
from next_purchase.fit_hazard import fit_hazard, has_enough_to_grow_trees
from next_purchase.models import LIGHTGBM

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

    def can_learn(self, known: pl.DataFrame) -> bool:
        """Whether what was known on some day is enough.

        Args:
            known: As known_outcomes gives them.
        """
        return self.backend != LIGHTGBM or has_enough_to_grow_trees(known, self.horizon_days)

    def fit(self, known: pl.DataFrame, checkpoint: Checkpoint) -> Model:
        """Fit a model to what was known on some day.

        Args:
            known: As known_outcomes gives them.
            checkpoint: Where an interrupted job's part is.

        Raises:
            KeyError: There is no such backend.
        """
        if self.backend in BASELINES:
            return fit_baseline(self.backend, known, self.horizon_days)
        fit = {LIGHTGBM: fit_hazard}[self.backend]
        return fit(known, self.features, self.horizon_days, self.settings, checkpoint)
