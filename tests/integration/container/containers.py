"""Starts the container's two commands as SageMaker would: as processes of this machine, or in Docker from an image."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from tests.docker.engine import DOCKER, docker

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRYPOINT = Path(__file__).resolve().parents[3] / "container" / "entrypoint.py"
SERVING_PORT = 8080


class Container(Protocol):
    """What the contract's tests need."""

    @property
    def listen(self) -> str:
        """Address of this machine where servers listen that the container is to reach."""

    @property
    def host(self) -> str:
        """What the container calls that address."""

    def start(
        self, root: Path, *arguments: str, port: int | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command; its output is one stream of text, its exit code and signals are the command's.

        Args:
            root: folder that stands for /opt/ml.
            arguments: train or serve, as SageMaker says it.
            port: port of 127.0.0.1 where a server answers.
            environment: variables beside the container's own.
        """

    def inside(self, root: Path, path: Path) -> str:
        """Return what a file below `root` is called inside."""

    def release(self, root: Path) -> None:
        """End whatever still runs on `root`, and make the files below it this user's."""


class ProcessContainer:
    """The container's entry point as a process of this machine."""

    listen = host = "127.0.0.1"

    def start(
        self, root: Path, *arguments: str, port: int | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """See Container."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_"))}
        own["SAGEMAKER_BASE_DIR"] = str(root)
        if port is not None:
            own["SAGEMAKER_BIND_TO_PORT"] = str(port)
        return _popen([sys.executable, str(ENTRYPOINT), *arguments], own | dict(environment or {}))

    def inside(self, root: Path, path: Path) -> str:  # noqa: ARG002 - same for every root
        """See Container."""
        return str(path)

    def release(self, root: Path) -> None:
        """Nothing: processes are ended by whoever started them, and write as this user."""


@dataclass(frozen=True)
class ImageContainer:
    """An image under `docker run IMAGE train|serve`.

    Attributes:
        image: name of the image.
        listen: address of this machine where servers listen that the container is to reach.
        host: what the container calls it.
    """

    image: str
    listen: str
    host: str

    def start(
        self, root: Path, *arguments: str, port: int | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """See Container. SageMaker mounts folders below /opt/ml; a model that is served, to be read only."""
        root.mkdir(parents=True, exist_ok=True)
        mount = f"{root}:/opt/ml"
        options: list[str] = []
        if arguments == ("serve",):
            (root / "model").mkdir(exist_ok=True)
            mount = f"{root / 'model'}:/opt/ml/model:ro"
        if port is not None:
            options += ["--publish", f"127.0.0.1:{port}:{SERVING_PORT}"]
        for name, value in (environment or {}).items():
            options += ["--env", f"{name}={value}"]
        # In the foreground, docker passes signals on and ends with the command's exit code.
        name = f"{_label(root)}-{uuid.uuid4().hex[:6]}"
        words = ["run", "--rm", "--name", name, "--label", _label(root), "--volume", mount, *options, self.image]
        return _popen([DOCKER, *words, *arguments], dict(os.environ))

    def inside(self, root: Path, path: Path) -> str:
        """See Container."""
        return str(PurePosixPath("/opt/ml") / path.relative_to(root))

    def release(self, root: Path) -> None:
        """See Container. Files that a container wrote belong to its user, who is root unless built otherwise."""
        left = docker("ps", "--all", "--quiet", "--filter", f"label={_label(root)}").split()
        if left:
            docker("rm", "--force", *left)
        user = os.geteuid()
        if any(path.lstat().st_uid != user for path in root.rglob("*")):
            owner = f"{user}:{os.getegid()}"
            mount = ("--volume", f"{root}:/opt/ml", "--user", "root", "--entrypoint", "chown")
            docker("run", "--rm", *mount, self.image, "--recursive", owner, "/opt/ml")


def _label(root: Path) -> str:
    return f"automlops-test-{uuid.uuid5(uuid.NAMESPACE_URL, str(root)).hex[:12]}"


def _popen(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
