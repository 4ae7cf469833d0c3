"""The seam where another learner is put in: what a model can do, and how each kind is read back for serving.

Another learner is a class that answers as Model says, its name here, and its line in read_model and in learners.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from next_purchase.baselines import BASELINES, read_baseline
from next_purchase.errors import ArtifactError
from next_purchase.hazard import read_hazard_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

LIGHTGBM = "lightgbm"
BACKENDS = (LIGHTGBM, *BASELINES)


class Model(Protocol):
    """A fitted model."""

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        """Answer every row.

        Args:
            features: (rows, any columns) with the model's features (Float64, null for unknown).

        Returns:
            predicted_days, lower_days and upper_days (Float64), from 1 to the horizon, which stands for it and
            everything later; the rows in their order.
        """

    def describe(self) -> dict[str, Any]:
        """What its reader needs beside the text, as JSON has it."""

    def to_text(self) -> str | None:
        """What was learned, as data without code and without customers' rows; None if the description is all."""


def read_model(
    backend: str, text: str | None, features: tuple[str, ...], horizon_days: int, description: Mapping[str, Any]
) -> Model:
    """Read back what to_text and describe gave.

    Args:
        backend: One of BACKENDS.
        text: What to_text gave.
        features: The features' names, in order.
        horizon_days: How long an order was followed.
        description: What describe gave.

    Raises:
        ArtifactError: They are not a model of this backend.
    """
    if backend in BASELINES:
        return read_baseline(backend, horizon_days, description)
    if backend == LIGHTGBM:
        return read_hazard_model(text, features, horizon_days, description)
    raise ArtifactError(f"The model was made by {backend!r}; this image has {', '.join(BACKENDS)}.")
