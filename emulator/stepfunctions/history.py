"""The event history of one execution: numbered, bounded, sealed by its last event, small once it is over.

Touches moto's private parts: `EventManager`, to which the interpreter reports every event.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import zlib
from typing import Any

from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from pydantic_core import to_json

LARGEST_HISTORY = 25_000
# The quickest: a history is packed for every item, and hardly ever read.
_PACKING = 1
_PAYLOAD_KEYS = ("input", "inputDetails", "output", "outputDetails", "parameters")

Event = dict[str, Any]


class HistoryFullError(Exception):
    """The execution has had the events that Step Functions allows, but for the one that says so."""

    def __init__(self) -> None:
        super().__init__(f"The execution reached the maximum number of history events ({LARGEST_HISTORY}).")


class EventLog(EventManager):  # type: ignore[misc]  # moto is not followed by mypy
    """All events of an execution: `id` from 1, `previousEventId`, `type`, `timestamp` (epoch seconds), details.

    Attributes:
        is_full: an event was refused for want of room.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._events: list[Event] | None = []
        self._packed = b""
        self._length = 0
        self.is_full = False

    def add_event(
        self,
        context: Any,
        event_type: Any,
        event_details: Any = None,
        timestamp: dt.datetime | None = None,
        update_source_event_id: bool = True,
    ) -> int:
        """Record one event after the one that `context` remembers; what comes after the last event is dropped.

        Raises:
            HistoryFullError: one place is left, kept for the event that ends the execution.
        """
        with self._lock:
            if self._events is None:
                return int(context.last_published_event_id)
            if self._length >= LARGEST_HISTORY - 1:
                self.is_full = True
                raise HistoryFullError
            return self._append(context, event_type, event_details, timestamp, update_source_event_id)

    def seal(self, context: Any, event_type: Any, event_details: Any, timestamp: dt.datetime) -> None:
        """Record the last event and pack the history, some 10 times smaller."""
        with self._lock:
            self._append(context, event_type, event_details, timestamp, update=True)
            self._packed = zlib.compress(to_json(self._events, fallback=str), _PACKING)
            self._events = None

    def _append(
        self, context: Any, event_type: Any, details: Any, timestamp: dt.datetime | None, update: bool
    ) -> int:
        self._length += 1
        moment = timestamp or dt.datetime.now(tz=dt.UTC)
        event: Event = dict(details or {})
        event |= {
            "id": self._length,
            "previousEventId": context.source_event_id,
            "type": str(getattr(event_type, "value", event_type)),
            "timestamp": round(moment.timestamp(), 3),
        }
        context.last_published_event_id = self._length
        if update:
            context.source_event_id = self._length
        if self._events is not None:
            self._events.append(event)
        return self._length

    def events(self) -> list[Event]:
        """Return the events so far, oldest first; not to be changed by the caller."""
        with self._lock:
            if self._events is not None:
                return list(self._events)
            packed = self._packed
        unpacked: list[Event] = json.loads(zlib.decompress(packed))
        return unpacked


class EventScope(EventManager):  # type: ignore[misc]  # moto is not followed by mypy
    """What one attempt at a task reports its events to; closed when it is given up, so that nothing comes late."""

    def __init__(self, log: EventManager) -> None:
        super().__init__()
        self._log = log
        self._closed = False

    def add_event(self, context: Any, *event: Any, **options: Any) -> int:
        """Pass the event on, unless the attempt is over."""
        if self._closed:
            return int(context.last_published_event_id)
        event_id: int = self._log.add_event(context, *event, **options)
        return event_id

    def close(self) -> None:
        """Drop what the attempt still reports."""
        self._closed = True


def without_payloads(event: Event) -> Event:
    """Return the event as GetExecutionHistory gives it with includeExecutionData false."""
    return {
        key: {k: v for k, v in value.items() if k not in _PAYLOAD_KEYS} if isinstance(value, dict) else value
        for key, value in event.items()
    }
