"""Talks to the Docker engine through its command line."""

from __future__ import annotations

import os
import subprocess

DOCKER = os.environ.get("DOCKER", "docker")
# Opencontainers' name for it: https://github.com/opencontainers/image-spec/blob/main/annotations.md
BASE_LABEL = "org.opencontainers.image.base.name"


class EngineError(Exception):
    """The engine is not there or refused; the message says what it said."""


def docker(*arguments: str, timeout: float = 60, environment: dict[str, str] | None = None) -> str:
    """Run one docker command; what it printed on stdout, without outer whitespace.

    Args:
        arguments: after the word docker.
        timeout: seconds.
        environment: variables beside this process's own.

    Raises:
        EngineError: no such command, not done in time, or it failed.
    """
    try:
        ended = subprocess.run(
            [DOCKER, *arguments],
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise EngineError(f"there is no command {DOCKER}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"docker {arguments[0]} took more than {timeout:.0f} s") from error
    if ended.returncode != 0:
        raise EngineError(ended.stderr.strip() or f"docker {arguments[0]} ended with {ended.returncode}")
    return ended.stdout.strip()


def require_engine() -> None:
    """Make sure that an engine answers.

    Raises:
        EngineError: says why there is none.
    """
    docker("version", "--format", "{{.Server.Version}}", timeout=20)


def has_image(name: str) -> bool:
    """Whether the engine has the image already."""
    try:
        docker("image", "inspect", "--format", "{{.Id}}", name)
    except EngineError:
        return False
    return True


def label_of(name: str, label: str) -> str:
    """Return an image's label; empty without the label or the image."""
    try:
        return docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{label}"}}}}', name)
    except EngineError:
        return ""


def size_above_base(name: str) -> int:
    """Bytes of the layers that an image has beside those of its base.

    Its Dockerfile must begin with the label BASE_LABEL: what was there before it is the base.
    """
    layers = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", name)
    own, label, _ = layers.partition(BASE_LABEL)
    if not label:
        raise EngineError(f"{name} does not say what it is made from: it has no label {BASE_LABEL}")
    # The label's own line adds nothing.
    return sum(int(line.split()[0]) for line in own.splitlines())
