"""The seam where a learner is put in: fits a model of days to the features, and reads one back from text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from next_purchase.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LIGHTGBM = "lightgbm"
MEAN_GAP = "mean_gap"
BACKEND_NAMES = frozenset({LIGHTGBM, MEAN_GAP})

# Below this, threads cost more than they give, and one thread gives the same model on every machine.
_ROWS_WORTH_THREADS = 50_000


@dataclass(frozen=True)
class LearnerSettings:
    """How a learner learns; one that has no use for a setting leaves it aside."""

    num_iterations: int = 100
    learning_rate: float = 0.05
    num_leaves: int = 7
    min_data_in_leaf: int = 20
    seed: int = 1


class Model(Protocol):
    """A fitted model."""

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Days until the next order, one for each row of a (rows, features) matrix; NaN is unknown."""
        ...

    def to_text(self) -> str | None:
        """What was learned, as data without code and without customers' rows; None if the baseline is all."""
        ...


@dataclass(frozen=True)
class MeanGapModel:
    """Answers the customer's mean gap so far, and the median of all gaps where there is none yet."""

    mean_gap_column: int
    median_gap: float

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Days until the next order, one for each row."""
        mean_gap = features[:, self.mean_gap_column]
        return np.where(np.isnan(mean_gap), self.median_gap, mean_gap)

    def to_text(self) -> None:
        """Nothing: the description holds the baseline."""


@dataclass(frozen=True)
class LightGbmModel:
    """Gradient boosted trees that correct the baseline, within the horizon."""

    booster: Any
    baseline: MeanGapModel
    horizon_days: int

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Days until the next order, one for each row; the horizon stands for it and everything later."""
        if not len(features):
            return np.empty(0)
        correction = cast("NDArray[np.float64]", self.booster.predict(features))
        days = _capped_baseline(self.baseline, features, self.horizon_days) + correction
        return np.minimum(days, self.horizon_days)

    def to_text(self) -> str:
        """LightGBM's own model text."""
        return cast("str", self.booster.model_to_string())


def read_model(backend: str, text: str | None, baseline: MeanGapModel, horizon_days: int) -> Model:
    """Read back what to_text gave.

    Raises:
        ArtifactError: The text is not a model of this learner.
    """
    if backend == MEAN_GAP:
        return baseline
    if backend != LIGHTGBM:
        known = ", ".join(sorted(BACKEND_NAMES))
        raise ArtifactError(f"The model was made by {backend!r}; this image has {known}.")
    if text is None:
        raise ArtifactError("The model text is missing.")
    # Imported here because the mean gap needs no trees, and the import takes a second.
    import lightgbm

    # LightGBM can end the whole process on a damaged text, so the frame is looked at first.
    if not text.startswith("tree\n") or "end of trees" not in text:
        raise ArtifactError("The model text is damaged: it does not begin and end as a LightGBM model does.")
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ArtifactError(f"The model text is damaged: {error}") from error
    return LightGbmModel(booster, baseline, horizon_days)


def _capped_baseline(
    baseline: MeanGapModel, features: NDArray[np.float64], horizon_days: int
) -> NDArray[np.float64]:
    return np.minimum(baseline.predict(features), horizon_days)


def fit_lightgbm(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    names: Sequence[str],
    settings: LearnerSettings,
    baseline: MeanGapModel,
    horizon_days: int,
) -> Model:
    """Learn by how much the baseline errs.

    Starting from the baseline, trees that learned from few orders stay near it instead of falling behind it.

    Args:
        features: (rows, features), NaN for unknown.
        target: Days until the next order, at most horizon_days; one for each row.
        names: The columns' names.
        settings: How to learn.
        baseline: What is corrected.
        horizon_days: How long each order was watched.
    """
    # Imported here because it takes a second that small items need not spend.
    import lightgbm

    parameters = {
        # Absolute error: gaps have a long tail, and the measure by which the model is judged is this one.
        "objective": "regression_l1",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.num_leaves,
        "min_data_in_leaf": settings.min_data_in_leaf,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": settings.seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
        # 0 is LightGBM's word for all cores.
        "num_threads": 1 if len(features) < _ROWS_WORTH_THREADS else 0,
    }
    data = lightgbm.Dataset(
        features,
        label=target,
        init_score=_capped_baseline(baseline, features, horizon_days),
        feature_name=list(names),
        params=parameters,
    )
    booster = lightgbm.train(parameters, data, num_boost_round=settings.num_iterations)
    return LightGbmModel(booster, baseline, horizon_days)
