"""Writes the model folder, and loads it; the description is checked before it is used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from next_purchase.date_format import DateFormat
from next_purchase.errors import ArtifactError
from next_purchase.models.interval import read_interval
from next_purchase.models.predictor import Predictor
from next_purchase.models.reading import read_model
from next_purchase.schema import HORIZONS, PROBABILITY_DAYS, SCHEMA_VERSION, TIME_SERIES_LENGTHS, feature_names

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION_FILE = "model.json"
METRICS_FILE = "metrics.json"

_Value = TypeVar("_Value", str, int, float, dict[str, Any])


@dataclass(frozen=True)
class TrainedModel:
    """A predictor, and what its input needs.

    Attributes:
        predictor: the fitted model with its interval.
        backend: the model's name.
        time_series_length: the number of gaps in the features file.
        date_format: what comes first in dates of transactions, if the training's settings named it.
    """

    predictor: Predictor
    backend: str
    time_series_length: int
    date_format: DateFormat | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features, in order."""
        return feature_names(self.time_series_length)


def write_artifact(folder: Path, trained: TrainedModel, details: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Write model.json and metrics.json; equal arguments give equal bytes.

    Args:
        folder: the folder; created if it does not exist.
        trained: the fitted model.
        details: further keys of the description (training range, versions, settings).
        metrics: the model's metrics.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = {
        "schema_version": SCHEMA_VERSION,
        "backend": trained.backend,
        "time_series_length": trained.time_series_length,
        "horizon_days": trained.predictor.horizon_days,
        "probability_days": trained.predictor.probability_days,
        "date_format": trained.date_format,
        "features": list(trained.features),
        "model": trained.predictor.model.describe(),
        "interval_at_order": trained.predictor.at_order.describe(),
        "interval_ahead": trained.predictor.ahead.describe(),
        **details,
        "metrics": metrics,
    }
    write_json(folder / DESCRIPTION_FILE, description)
    write_json(folder / METRICS_FILE, metrics)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object for people and programs to read."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_artifact(folder: Path) -> TrainedModel:
    """Load what write_artifact wrote.

    Raises:
        ArtifactError: a file is missing or damaged, or made by another version; the message says which.
    """
    description = _read_description(folder / DESCRIPTION_FILE)
    version = description.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ArtifactError(
            f"{DESCRIPTION_FILE} has schema version {version!r}, this image reads {SCHEMA_VERSION}: "
            "train again with this image, or serve with the one that trained."
        )
    backend = _take(description, "backend", str)
    length = _take(description, "time_series_length", int)
    horizon = _take(description, "horizon_days", int)
    days = _take(description, "probability_days", int)
    if (
        length not in TIME_SERIES_LENGTHS
        or horizon not in HORIZONS
        or days not in PROBABILITY_DAYS
        or days > horizon
    ):
        raise ArtifactError(
            f"{DESCRIPTION_FILE} has no usable time_series_length ({length}), horizon ({horizon}) or "
            f"probability_days ({days})."
        )
    features = feature_names(length)
    if description.get("features") != list(features):
        raise ArtifactError(f"{DESCRIPTION_FILE} lists other features than schema version {version} has.")
    try:
        date_format = None if description.get("date_format") is None else DateFormat(description["date_format"])
    except ValueError as error:
        raise ArtifactError(f"{DESCRIPTION_FILE} has no usable date_format: {error}.") from error
    predictor = Predictor(
        read_model(backend, _take(description, "model", dict)),
        horizon,
        days,
        read_interval(_take(description, "interval_at_order", dict)),
        read_interval(_take(description, "interval_ahead", dict)),
    )
    return TrainedModel(predictor, backend, length, date_format)


def _take(description: dict[str, Any], name: str, kind: type[_Value]) -> _Value:
    value = description.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ArtifactError(f"{DESCRIPTION_FILE} has no usable {name}: {value!r}.")
    return value


def _read_description(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ArtifactError(f"The model folder {path.parent} has no {path.name}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{path.name} must hold a JSON object.")
    return content
