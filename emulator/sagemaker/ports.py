"""Hands out TCP ports to serving containers, and the one fixed port to those that take no other."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.sagemaker.control import JobControl

# Where a serving container listens on AWS.
FIXED_PORT = 8080
_LOOPBACK = "127.0.0.1"
_WAIT_SECONDS = 0.5
# Below the range that systems take the ports of outgoing connections from: one of those could get in between the
# look and the container's start.
_PRIVATE_PORTS = (20_000, 32_000)


class PortDesk:
    """Ports of one emulator's serving containers.

    Which told images heed SAGEMAKER_BIND_TO_PORT is learned from their first job: it holds the fixed port until it
    answers on one of the two. Images that ignore the variable are then served one at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_use: set[int] = set()
        self._fixed_lock = threading.Lock()
        self._heeds: dict[tuple[str, ...], bool] = {}

    @contextmanager
    def private_port(self) -> Iterator[int]:
        """Return a port that no other container of this emulator has."""
        port = self._take()
        try:
            yield port
        finally:
            with self._lock:
                self._in_use.discard(port)

    def heeds(self, command: tuple[str, ...]) -> bool | None:
        """Return whether the image with this command listens on the given port; None when not known yet."""
        with self._lock:
            return self._heeds.get(command)

    def learn(self, command: tuple[str, ...], *, heeds: bool) -> None:
        """Remember where the image with this command listens."""
        with self._lock:
            self._heeds[command] = heeds

    @contextmanager
    def fixed_port(self, control: JobControl) -> Iterator[FixedPort]:
        """Return the fixed port, once no other job has it.

        Raises:
            JobStoppedError: the job shall stop while it waits.
        """
        while not self._fixed_lock.acquire(timeout=_WAIT_SECONDS):
            control.raise_if_stopping()
        port = FixedPort(self._fixed_lock)
        try:
            yield port
        finally:
            port.release()

    def _take(self) -> int:
        with self._lock:
            while True:
                port = random.randrange(*_PRIVATE_PORTS)  # noqa: S311 - to be apart, not to be secret
                if port not in self._in_use and _is_bindable(port):
                    self._in_use.add(port)
                    return port


def _is_bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True


class FixedPort:
    """The fixed port while a job has it; can be given back before the job ends."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._held = True

    def release(self) -> None:
        """Give it back; once more does nothing."""
        if self._held:
            self._held = False
            self._lock.release()

    @staticmethod
    def is_free() -> bool:
        """Return whether nothing on this machine listens there."""
        with socket.socket() as probe:
            return probe.connect_ex((_LOOPBACK, FIXED_PORT)) != 0
