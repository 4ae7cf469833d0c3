"""One run of a Distributed Map: which items run, how many at once, how many may fail, and the counts of it all."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.stepfunctions.execution import Execution, Status

# AWS runs up to 10,000 children at once where MaxConcurrency is 0; here each is a thread.
MOST_AT_ONCE = 500
_COUNTED = {
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "timedOut",
    Status.ABORTED: "aborted",
}


class MapRunStatus(enum.StrEnum):
    """Where a map run is, in AWS's words."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


@dataclass
class Tolerance:
    """How many children may fail; an undeclared threshold does not count, unless neither was declared (then 0)."""

    count: int = 0
    percentage: float = 0.0
    count_declared: bool = False
    percentage_declared: bool = False

    def is_exceeded(self, failed: int, total: int) -> bool:
        """Whether `failed` of `total` children are too many."""
        if not failed:
            return False
        by_percentage = failed * 100 > self.percentage * total
        by_count = failed > self.count
        if self.count_declared and self.percentage_declared:
            return by_count or by_percentage
        return by_count if self.count_declared else by_percentage


class MapRunCompletedError(Exception):
    """The map run is over and cannot be changed any more."""


class MapRun:
    """Starts a child for every item, at most `max_concurrency` at once, and counts how they end.

    Attributes:
        children: those started so far, oldest first.
    """

    def __init__(
        self,
        *,
        arn: str,
        execution_arn: str,
        machine_arn: str,
        max_concurrency: int,
        tolerance: Tolerance,
        on_abort: Callable[[], None] = lambda: None,
    ) -> None:
        self.arn = arn
        self.execution_arn = execution_arn
        self.machine_arn = machine_arn
        self.max_concurrency = max_concurrency
        self.tolerance = tolerance
        self.status = MapRunStatus.RUNNING
        self.start_date = dt.datetime.now(tz=dt.UTC)
        self.stop_date: dt.datetime | None = None
        self.children: list[Execution] = []
        self._on_abort = on_abort
        self._changed = threading.Condition()
        self._items: list[Any] = []
        self._outputs: list[str | None] = []
        self._make_child: Callable[[int, Any, Callable[[Execution], None]], Execution] | None = None
        self._next = 0
        self._workers = 0
        self._in_progress: dict[str, Execution] = {}
        self._counts: Counter[str] = Counter()
        self._stopping = False
        self._error: Exception | None = None

    def run(
        self, items: list[Any], make_child: Callable[[int, Any, Callable[[Execution], None]], Execution]
    ) -> list[str | None]:
        """Run all items; returns when every child that was started has ended.

        Args:
            items: what `make_child` gets one of, with its index and the function to call at the child's end.
            make_child: makes an execution that has not run yet; what it raises ends the map run, here too.

        Returns:
            JSON of each child's output in the order of the items, None for one that did not succeed.
        """
        with self._changed:
            self._items = items
            self._outputs = [None] * len(items)
            self._make_child = make_child
            self._counts["total"] = self._counts["pending"] = len(items)
            if self._stopping:
                self._give_up_pending()
        self._hire()
        with self._changed:
            self._changed.wait_for(lambda: not self._counts["pending"] and not self._counts["running"])
            if self.status is MapRunStatus.RUNNING:
                exceeded = self.tolerance.is_exceeded(self._failures(), len(items))
                self._close(MapRunStatus.FAILED if exceeded else MapRunStatus.SUCCEEDED)
            outputs, self._outputs, self._items = self._outputs, [], []
            if self._error is not None:
                raise self._error
            return outputs

    def _limit(self) -> int:
        return min(self.max_concurrency or MOST_AT_ONCE, MOST_AT_ONCE)

    def _hire(self) -> None:
        """Start the workers that the limit and the items left allow."""
        while True:
            with self._changed:
                # Workers that have not taken their first item yet are counted against the items left.
                outstanding = self._counts["running"] + self._items_left()
                if self._stopping or self._workers >= min(self._limit(), outstanding):
                    return
                self._workers += 1
                number = self._workers
            threading.Thread(target=self._work, name=f"{self.arn}#{number}", daemon=True).start()

    def _items_left(self) -> int:
        return len(self._items) - self._next

    def _work(self) -> None:
        while True:
            with self._changed:
                if (
                    self._stopping
                    or self._workers > self._limit()
                    or not self._items_left()
                    or not self._make_child
                ):
                    self._workers -= 1
                    return
                index, item = self._next, self._items[self._next]
                self._items[index] = None
                self._next += 1
                try:
                    child = self._make_child(index, item, functools.partial(self._note_end, index))
                except Exception as error:  # noqa: BLE001 - raised by `run`, in the thread that waits for the items
                    self._error = error
                    self._workers -= 1
                    self._close(MapRunStatus.FAILED)
                    break
                self.children.append(child)
                self._in_progress[child.arn] = child
                self._counts["pending"] -= 1
                self._counts["running"] += 1
            child.run()
        self._break_off()

    def _note_end(self, index: int, child: Execution) -> None:
        with self._changed:
            del self._in_progress[child.arn]
            self._counts["running"] -= 1
            self._counts[_COUNTED[child.status]] += 1
            self._outputs[index] = child.output_text
            broken = not self._stopping and self.tolerance.is_exceeded(self._failures(), len(self._items))
            if broken:
                self._close(MapRunStatus.FAILED)
            self._changed.notify_all()
        if broken:
            self._break_off()

    def _failures(self) -> int:
        # An aborted child did not do its work either; AWS's documents are silent about it.
        return self._counts["failed"] + self._counts["timedOut"] + self._counts["aborted"]

    def _close(self, status: MapRunStatus) -> None:
        self.status = status
        self._stopping = True
        self.stop_date = dt.datetime.now(tz=dt.UTC)

    def abort(self) -> None:
        """End it because its execution ends; nothing happens if it is over."""
        with self._changed:
            if self.status is not MapRunStatus.RUNNING:
                return
            self._close(MapRunStatus.ABORTED)
        self._on_abort()
        self._break_off()

    def fail(self) -> None:
        """End it because its items could not be read or its output is too large."""
        with self._changed:
            self._close(MapRunStatus.FAILED)
        self._break_off()

    def _break_off(self) -> None:
        with self._changed:
            self._give_up_pending()
            in_progress = list(self._in_progress.values())
        for child in in_progress:
            child.stop()

    def _give_up_pending(self) -> None:
        self._counts["aborted"] += self._counts["pending"]
        self._counts["pending"] = 0
        self._changed.notify_all()

    def update(
        self,
        max_concurrency: int | None = None,
        tolerated_failure_count: int | None = None,
        tolerated_failure_percentage: float | None = None,
    ) -> None:
        """Change what was given; more children start at once, fewer take effect as running ones end.

        Raises:
            MapRunCompletedError: the map run is over.
        """
        with self._changed:
            if self.status is not MapRunStatus.RUNNING:
                raise MapRunCompletedError(f"Map Run '{self.arn}' is {self.status} and cannot be updated")
            if max_concurrency is not None:
                self.max_concurrency = max_concurrency
            if tolerated_failure_count is not None:
                self.tolerance.count, self.tolerance.count_declared = tolerated_failure_count, True
            if tolerated_failure_percentage is not None:
                self.tolerance.percentage = float(tolerated_failure_percentage)
                self.tolerance.percentage_declared = True
        self._hire()

    def describe(self) -> dict[str, Any]:
        """Return the body of DescribeMapRun; without batching an item is an execution, so both counts are equal."""
        with self._changed:
            counts = {
                **{
                    k: self._counts[k]
                    for k in ("pending", "running", "succeeded", "failed", "timedOut", "aborted")
                },
                "total": self._counts["total"],
                "resultsWritten": self._counts["succeeded"],
                "failuresNotRedrivable": 0,
                "pendingRedrive": 0,
            }
            body: dict[str, Any] = {
                "mapRunArn": self.arn,
                "executionArn": self.execution_arn,
                "status": str(self.status),
                "startDate": self.start_date,
                "maxConcurrency": self.max_concurrency,
                "toleratedFailurePercentage": self.tolerance.percentage,
                "toleratedFailureCount": self.tolerance.count,
                "itemCounts": counts,
                "executionCounts": dict(counts),
                "redriveCount": 0,
            }
            if self.stop_date is not None:
                body["stopDate"] = self.stop_date
            return body

    def list_entry(self) -> dict[str, Any]:
        """Its entry in ListMapRuns."""
        entry: dict[str, Any] = {
            "executionArn": self.execution_arn,
            "mapRunArn": self.arn,
            "stateMachineArn": self.machine_arn,
            "startDate": self.start_date,
        }
        if self.stop_date is not None:
            entry["stopDate"] = self.stop_date
        return entry
