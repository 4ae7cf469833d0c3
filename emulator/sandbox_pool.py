"""Keeps Lambda's sandboxes warm, and their number bounded."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.sandbox import Sandbox

# Processes at once, all functions together: each holds an interpreter with its libraries.
MAX_SANDBOXES = 8
# An invocation that finds none free for so long is refused, as AWS refuses what exceeds the account's concurrency.
WAIT_SECONDS = 60.0


class NoSandboxError(Exception):
    """No sandbox became free in time."""


class SandboxPool:
    """The sandboxes of one emulator: warm ones are reused, at most `limit` live at once.

    A sandbox belongs to a key: a function with its code and configuration. What has another key never serves it.
    """

    def __init__(self, limit: int = MAX_SANDBOXES) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._idle: list[tuple[str, Sandbox]] = []
        self._busy: set[Sandbox] = set()
        self._starting = 0
        self._closed = False

    def take(self, key: str, start: Callable[[], Sandbox], *, wait_seconds: float = WAIT_SECONDS) -> Sandbox:
        """Return a warm sandbox of `key`, or the one that `start()` makes.

        Raises:
            NoSandboxError: all were busy for `wait_seconds`, or the pool is closed.
        """
        end = time.monotonic() + wait_seconds
        with self._changed:
            while not self._closed:
                if (warm := self._pop_idle(key)) is not None:
                    self._busy.add(warm)
                    return warm
                if len(self._idle) + len(self._busy) + self._starting < self._limit:
                    self._starting += 1
                    break
                if self._idle:
                    self._idle.pop(0)[1].close()
                elif not self._changed.wait(end - time.monotonic()) or time.monotonic() > end:
                    raise NoSandboxError
            else:
                raise NoSandboxError
        # Starting takes a while; other callers may take and return sandboxes meanwhile.
        sandbox: Sandbox | None = None
        try:
            sandbox = start()
        finally:
            with self._changed:
                self._starting -= 1
                if sandbox is not None:
                    self._busy.add(sandbox)
                self._changed.notify_all()
        if self._closed:
            sandbox.close()
        return sandbox

    def give_back(self, key: str, sandbox: Sandbox, *, reusable: bool) -> None:
        """Keep `sandbox` for the next invocation of `key`, or end it."""
        with self._changed:
            self._busy.discard(sandbox)
            if reusable and not self._closed:
                self._idle.append((key, sandbox))
            self._changed.notify_all()
        if not reusable:
            sandbox.close()

    def discard(self, prefix: str) -> None:
        """End the idle sandboxes whose key begins with `prefix`: their function has changed or gone."""
        with self._changed:
            old = [sandbox for key, sandbox in self._idle if key.startswith(prefix)]
            self._idle = [(key, sandbox) for key, sandbox in self._idle if not key.startswith(prefix)]
            self._changed.notify_all()
        for sandbox in old:
            sandbox.close()

    def close(self) -> None:
        """End them all, the busy ones too; their invocations fail."""
        with self._changed:
            self._closed = True
            everyone = [sandbox for _, sandbox in self._idle] + list(self._busy)
            self._idle.clear()
            self._changed.notify_all()
        for sandbox in everyone:
            sandbox.close()

    def _pop_idle(self, key: str) -> Sandbox | None:
        for index in reversed(range(len(self._idle))):
            found, sandbox = self._idle[index]
            if found == key:
                del self._idle[index]
                if sandbox.alive:
                    return sandbox
                sandbox.close()
        return None
