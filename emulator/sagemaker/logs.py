"""Puts what a container prints into CloudWatch Logs, within bounds.

Touches moto's private parts: LogsBackend's ensure_log_group, create_log_stream and put_log_events, called in this
process because a chatty job would otherwise cost one HTTP request per handful of lines.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.sagemaker.limits import Limits


def open_log_stream(account: str, region: str, group: str, stream: str) -> Callable[[list[str]], None]:
    """Make a log stream and return what puts lines into it."""
    backend = logs_backends[account][region]
    backend.ensure_log_group(group)
    backend.create_log_stream(group, stream)

    def put(lines: list[str]) -> None:
        now = int(time.time() * 1000)
        # An empty line is an event on AWS too, but its message cannot be empty.
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        try:
            backend.put_log_events(group, stream, events)
        except ResourceNotFoundException:
            # Someone deleted the group while the job runs; the job must not notice.
            return

    return put


class JobLog:
    """Cuts a stream of bytes into lines and keeps a bounded number of them.

    The first lines are kept as they come. Past the bound one notice is left, everything is still read (a full pipe
    would block the job), and the last lines are kept until `close`, since there a failing program says why.
    """

    def __init__(
        self, put: Callable[[list[str]], None], limits: Limits, watch: Callable[[str], None] | None = None
    ) -> None:
        """Start an empty log.

        Args:
            put: keeps lines for good.
            limits: the bounds.
            watch: sees every line of the container, kept or not.
        """
        self._put = put
        self._limits = limits
        self._watch = watch
        self._lock = threading.Lock()
        self._part = b""
        self._lines = 0
        self._bytes = 0
        self._dropped = 0
        self._tail: deque[str] = deque(maxlen=limits.log_tail_lines)
        self._closed = False

    def write(self, chunk: bytes) -> None:
        """Take what the container printed; the end of an unfinished line waits for the rest."""
        with self._lock:
            self._part += chunk
            *lines, self._part = self._part.split(b"\n")
            bound = self._limits.log_line_bytes
            while len(self._part) > bound:
                lines.append(self._part[:bound])
                self._part = self._part[bound:]
            self._take(lines)

    def note(self, text: str) -> None:
        """Add a line of the emulator's own."""
        with self._lock:
            if not self._closed:
                self._put([f"[emulator] {text}"])

    def close(self) -> None:
        """Put the last, unfinished line and the kept end; nothing is taken after that."""
        with self._lock:
            if self._closed:
                return
            if self._part:
                self._take([self._part])
                self._part = b""
            self._closed = True
            if self._dropped:
                gone = self._dropped - len(self._tail)
                self._put(
                    [f"[emulator] {gone} lines were dropped here; the last {len(self._tail)} follow", *self._tail]
                )

    def _take(self, raw_lines: list[bytes]) -> None:
        if self._closed or not raw_lines:
            return
        bound = self._limits.log_line_bytes
        kept: list[str] = []
        for raw in raw_lines:
            for start in range(0, max(1, len(raw)), bound):
                line = raw[start : start + bound].decode(errors="replace").rstrip("\r")
                if self._watch is not None:
                    self._watch(line)
                if self._dropped or self._lines >= self._limits.log_lines or self._bytes >= self._limits.log_bytes:
                    if not self._dropped:
                        kept.append("[emulator] this log is as long as it may be; only its end is still kept")
                    self._dropped += 1
                    self._tail.append(line)
                else:
                    self._lines += 1
                    self._bytes += len(line)
                    kept.append(line)
        if kept:
            self._put(kept)
