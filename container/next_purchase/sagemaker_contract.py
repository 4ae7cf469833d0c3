"""SageMaker's folders, files and environment variables, below a root folder that can be another one in tests.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
and https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from next_purchase.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ROOT = "/opt/ml"
TRAINING_CHANNEL = "training"
PREDICTIONS_CHANNEL = "predictions"
"""Optional: the item's predictions of an earlier run."""

# SageMaker shows the first 1,024 characters of the failure file as the job's FailureReason.
FAILURE_CHARACTERS = 1024

_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class ContainerPaths:
    """The folders and files of SageMaker's inputs and outputs."""

    root: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ContainerPaths:
        """Return the paths below SAGEMAKER_BASE_DIR, by default SageMaker's own /opt/ml."""
        return cls(Path(environment.get("SAGEMAKER_BASE_DIR") or DEFAULT_ROOT))

    @property
    def model(self) -> Path:
        """The folder that becomes model.tar.gz after training and is given back for serving."""
        return self.root / "model"

    @property
    def output_data(self) -> Path:
        """The folder that becomes output.tar.gz: results that are not the model."""
        return self.root / "output" / "data"

    @property
    def failure(self) -> Path:
        """The file whose text becomes the job's FailureReason."""
        return self.root / "output" / "failure"

    @property
    def hyperparameters(self) -> Path:
        """The JSON object of the job's hyperparameters, every value a string."""
        return self.root / "input" / "config" / "hyperparameters.json"

    def channel(self, name: str) -> Path:
        """Return the folder of one input channel."""
        return self.root / "input" / "data" / name


def read_hyperparameters(path: Path) -> dict[str, str]:
    """Read the job's hyperparameters; no file means none.

    Raises:
        SettingError: the file is not a JSON object of strings.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise SettingError(f"{path.name} must hold a JSON object, not a {type(content).__name__}.")
    for name, value in content.items():
        if not isinstance(value, str):
            raise SettingError(
                f"Hyperparameter {name} must be a string, as SageMaker passes all of them, not {value!r}."
            )
    return content


def list_channel_files(folder: Path) -> list[Path]:
    """Return all files of a channel in a fixed order, without hidden ones; none if there is no such channel."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def write_failure(path: Path, reason: str) -> None:
    """Write the reason to SageMaker's failure file, cut to the length that SageMaker shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reason[:FAILURE_CHARACTERS], encoding="utf-8")


def read_serving_port(environment: Mapping[str, str]) -> int:
    """Return the port to serve on: SAGEMAKER_BIND_TO_PORT, by default 8080.

    Raises:
        SettingError: the value is not a port number.
    """
    text = environment.get("SAGEMAKER_BIND_TO_PORT") or "8080"
    if not text.isdecimal() or not 0 < int(text) <= _HIGHEST_PORT:
        raise SettingError(f"SAGEMAKER_BIND_TO_PORT must be a port number from 1 to 65535, not {text!r}.")
    return int(text)
