"""The container and the reference as programs that train and serve, each installed as in an image of its own."""

from __future__ import annotations

import compileall
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from benchmarks.usage import Usage, run_measured
from benchmarks.uv import ROOT, make_environment, run_uv

TRAINING_TIMEOUT = 600
# As in the image.
PYTHON_ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
# Threads that wait for each other sleep instead of spinning. The reference's XGBoost uses OpenMP, whose spinning threads can
# take twenty times as long beside another busy process. Ours has no OpenMP; both have the same environment.
QUIET_WAITING = {"OMP_WAIT_POLICY": "passive"}
# The server's processes use all cores already. Our entrypoint sets this itself; for the reference it is set here.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Command:
    """A command and its environment variables."""

    words: list[str]
    environment: dict[str, str]


class Pipeline(Protocol):
    """A program that learns from transactions and serves what it learned."""

    @property
    def name(self) -> str:
        """The name in file names."""

    def training(self, data: Path, folder: Path) -> Command:
        """Return the command that trains on a CSV file, and writes everything to a new folder."""

    def server(self, folder: Path, port: int) -> Command:
        """Return the command that serves a training's model in the folder on a port of 127.0.0.1."""

    def sample(self, folder: Path) -> Path:
        """Return the file with the features of every customer's last order, written by the training."""


@dataclass(frozen=True)
class Container:
    """The content of the image.

    Attributes:
        python: interpreter of an environment with the image's packages.
        program: copy of the folder `container`, with byte code.
        hyperparameters: hyperparameters of the trainings.
    """

    python: Path
    program: Path
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    name = "ours"

    def training(self, data: Path, folder: Path) -> Command:
        """See Pipeline."""
        channel = folder / "input" / "data" / "training"
        channel.mkdir(parents=True)
        (channel / data.name).symlink_to(data)
        configuration = folder / "input" / "config"
        configuration.mkdir()
        text = json.dumps(dict(self.hyperparameters))
        (configuration / "hyperparameters.json").write_text(text, encoding="utf-8")
        return self._command("train", {"SAGEMAKER_BASE_DIR": str(folder)})

    def server(self, folder: Path, port: int) -> Command:
        """See Pipeline."""
        return self._command("serve", {"SAGEMAKER_BASE_DIR": str(folder), "SAGEMAKER_BIND_TO_PORT": str(port)})

    def sample(self, folder: Path) -> Path:
        """See Pipeline."""
        return folder / "output" / "data" / "sample_prediction.csv"

    def peer_rows(self, data: Path, folder: Path, cutoff: str, horizon_days: int) -> Command:
        """Return the command that writes the rows for peers to the folder, with the default number of gaps as features."""
        # Without the script's folder on the path, since its modules have common names.
        words = [str(self.python), "-P", str(ROOT / "benchmarks" / "peer_rows.py"), str(data), str(folder)]
        environment = _environment(self.python) | {"PYTHONPATH": str(self.program)}
        return Command([*words, cutoff, str(horizon_days)], environment)

    def metrics(self, folder: Path) -> dict[str, Any]:
        """Return the metrics of the training in the folder."""
        metrics: dict[str, Any] = json.loads((folder / "model" / "metrics.json").read_text(encoding="utf-8"))
        return metrics

    def _command(self, word: str, environment: dict[str, str]) -> Command:
        words = [str(self.python), str(self.program / "entrypoint.py"), word]
        return Command(words, _environment(self.python) | environment)


@dataclass(frozen=True)
class Reference:
    """benchmarks/reference.

    Attributes:
        python: interpreter of an environment with the packages of the dependency group `reference`.
        program: folder with a copy of the package, with byte code.
    """

    python: Path
    program: Path
    name = "reference"

    def training(self, data: Path, folder: Path) -> Command:
        """See Pipeline."""
        return self._command("reference.train", str(data), str(folder))

    def server(self, folder: Path, port: int) -> Command:
        """See Pipeline."""
        application = f"reference.serve:create_application({str(folder)!r})"
        options = ("--bind", f"127.0.0.1:{port}", "--workers", str(os.cpu_count() or 1), "--timeout", "120")
        command = self._command("gunicorn", *options, application)
        return replace(command, environment=command.environment | ONE_THREAD)

    def sample(self, folder: Path) -> Path:
        """See Pipeline."""
        return folder / "sample_prediction.csv"

    def peers(self, folder: Path, horizon_days: int) -> Command:
        """Return the command that fits established models to the rows in the folder, and judges them."""
        command = self._command("reference.peers", str(folder), str(horizon_days))
        return replace(command, environment=command.environment | ONE_THREAD)

    def _command(self, module: str, *arguments: str) -> Command:
        environment = _environment(self.python) | {"PYTHONPATH": str(self.program)}
        return Command([str(self.python), "-m", module, *arguments], environment)


def install_container(work: Path) -> Container:
    """Install the content of the image below the scratch folder, unless it is there."""
    folder = work / "ours"
    program = folder / "program"
    if not folder.exists():
        make_environment(folder, ROOT / "container" / "requirements.txt")
        shutil.copytree(ROOT / "container", program, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(program, quiet=1)
    return Container(folder / "bin" / "python", program)


def install_reference(work: Path) -> Reference:
    """Install the reference below the scratch folder, unless it is there."""
    folder = work / "reference"
    program = folder / "program"
    if not folder.exists():
        locked = work / "reference.txt"
        run_uv("export", "--frozen", "--only-group", "reference", "--no-hashes", "--output-file", str(locked))
        make_environment(folder, locked)
        package = program / "reference"
        shutil.copytree(ROOT / "benchmarks" / "reference", package, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(package, quiet=1)
    return Reference(folder / "bin" / "python", program)


def train(pipeline: Pipeline, data: Path, folder: Path) -> Usage:
    """Train in a new folder; return the usage of the whole process.

    Raises:
        subprocess.SubprocessError: the training failed or took too long.
    """
    shutil.rmtree(folder, ignore_errors=True)
    command = pipeline.training(data, folder)
    return run_measured(command.words, command.environment | QUIET_WAITING, TRAINING_TIMEOUT)


def _environment(python: Path) -> dict[str, str]:
    return {"PATH": f"{python.parent}:{os.environ['PATH']}", **PYTHON_ENVIRONMENT}
