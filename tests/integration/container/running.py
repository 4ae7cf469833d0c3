"""Runs the container's commands to their end, and talks to its server."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from benchmarks.batch_client import call

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from .containers import Container


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    returncode: int
    output: str


def run_to_end(container: Container, root: Path, *arguments: str, **environment: str) -> Ended:
    """Run a command on the folder `root` to its end."""
    process = container.start(root, *arguments, environment=environment)
    try:
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        container.release(root)
    return Ended(process.returncode, output)


def model_files(root: Path) -> dict[str, bytes]:
    """Return the files of the model folder below `root`, by name."""
    return {path.name: path.read_bytes() for path in (root / "model").iterdir()}


@contextmanager
def serving(container: Container, root: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Return a healthy server of the model in `root`, and its port; it must end at SIGTERM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = container.start(root, "serve", port=port)
    try:
        _wait_until_healthy(server, port)
        yield server, port
    finally:
        server.terminate()
        try:
            server.communicate(timeout=30)
        finally:
            server.kill()
            server.communicate()
            container.release(root)


def _wait_until_healthy(server: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the server ended: {server.communicate()[0]}")
        try:
            if call(port, "GET", "/ping")[0] == http.client.OK:
                return
        # Docker accepts before the server does.
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    pytest.fail("the server did not become healthy in a minute")


def predict(port: int, body: bytes) -> bytes:
    """Return the server's predictions."""
    status, answer = call(port, "POST", "/invocations", body)
    assert status == http.client.OK, answer
    return answer
