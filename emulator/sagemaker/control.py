"""How a running job hears that it shall stop, and how its thread sleeps until something happens."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from emulator.sagemaker.errors import JobStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable


class JobControl:
    """State shared by a job's own thread and the threads that stop it; `wait_for` sleeps until `notify`, without polling."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stopping = False
        self._abandoned = False
        self._on_stop: Callable[[], None] | None = None

    @property
    def stopping(self) -> bool:
        """Whether the job shall stop."""
        return self._stopping

    @property
    def abandoned(self) -> bool:
        """Whether the emulator itself ends: nothing is worth waiting for or keeping."""
        return self._abandoned

    def stop(self, *, abandon: bool = False) -> None:
        """Ask the job to stop.

        Args:
            abandon: the emulator ends, so there is no grace.
        """
        with self._changed:
            self._stopping = True
            self._abandoned = self._abandoned or abandon
            react = self._on_stop
            self._changed.notify_all()
        if react is not None:
            react()

    def on_stop(self, react: Callable[[], None]) -> None:
        """Call `react` when a stop is asked for, at once if it has been; it must not wait for anything."""
        with self._changed:
            self._on_stop = react
            late = self._stopping
        if late:
            react()

    def notify(self) -> None:
        """Wake the job's thread, so that it looks again at what it waits for."""
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Sleep until `condition` holds after a `notify` or a stop, `seconds` at most; whether it holds."""
        with self._changed:
            return self._changed.wait_for(condition, timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX)))

    def raise_if_stopping(self) -> None:
        """End the job here if it shall stop.

        Raises:
            JobStoppedError: it shall.
        """
        if self._stopping:
            raise JobStoppedError
