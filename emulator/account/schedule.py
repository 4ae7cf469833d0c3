"""Calls functions when their time comes, all in one thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGGER = logging.getLogger(__name__)


class Schedule:
    """A thread that sleeps until the next call is due; it starts with the first one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` in `seconds`, in order of time; it must not take long. Nothing is called once this is closed."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._calls, (time.monotonic() + max(0.0, seconds), next(self._numbers), call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            elif self._calls[0][2] is call:
                self._changed.notify()

    def close(self, seconds: float) -> None:
        """Call nothing more, and wait `seconds` at most for the call under way."""
        with self._changed:
            self._closed = True
            self._calls.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:
                # Everything else that is due must not die with one call's mistake.
                _LOGGER.exception("a scheduled call failed")

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                if not self._calls:
                    self._changed.wait()
                    continue
                left = self._calls[0][0] - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._calls)[2]
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
            return None
