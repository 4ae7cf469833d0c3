"""The scheduling, the counts and the tolerance of a map run, with children that are only pretended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from emulator.stepfunctions.execution import Execution, Status
from emulator.stepfunctions.map_run import MapRun, MapRunCompletedError, MapRunStatus, Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10


class Child:
    """A child whose item is the status it ends with, or an event it waits for first."""

    def __init__(self, index: int, item: Any, on_end: Callable[[Execution], None]) -> None:
        self.arn = f"arn:{index}"
        self.status = Status.RUNNING
        self.output_text: str | None = None
        self._item, self._on_end = item, on_end
        self._lock = threading.Lock()

    def run(self) -> None:
        if isinstance(self._item, threading.Event):
            self._item.wait(PATIENCE)
        self._end(Status.SUCCEEDED if isinstance(self._item, threading.Event) else Status(self._item))

    def stop(self) -> None:
        self._end(Status.ABORTED)

    def _end(self, status: Status) -> None:
        with self._lock:
            if self.status is not Status.RUNNING:
                return
            self.status = status
            self.output_text = "{}" if status is Status.SUCCEEDED else None
        self._on_end(cast("Execution", self))


def make_child(index: int, item: Any, on_end: Callable[[Execution], None]) -> Execution:
    return cast("Execution", Child(index, item, on_end))


def a_map_run(concurrency: int = 3, **tolerance: Any) -> MapRun:
    return MapRun(
        arn="arn:run",
        execution_arn="arn:execution",
        machine_arn="arn:machine/Items",
        max_concurrency=concurrency,
        tolerance=Tolerance(**tolerance),
    )


def counts(map_run: MapRun) -> dict[str, int]:
    return {name: number for name, number in map_run.describe()["itemCounts"].items() if number}


@pytest.mark.parametrize(
    ("tolerance", "failed", "exceeded"),
    [
        (Tolerance(), 0, False),
        (Tolerance(), 1, True),
        (Tolerance(percentage=50.0, percentage_declared=True), 5, False),
        (Tolerance(percentage=50.0, percentage_declared=True), 6, True),
        (Tolerance(percentage=100.0, percentage_declared=True), 10, False),
        (Tolerance(count=2, count_declared=True), 2, False),
        (Tolerance(count=2, count_declared=True), 3, True),
        (Tolerance(2, 100.0, count_declared=True, percentage_declared=True), 3, True),
        (Tolerance(9, 10.0, count_declared=True, percentage_declared=True), 2, True),
    ],
    ids=["none-0", "none-1", "half-5", "half-6", "all", "two-2", "two-3", "both-count", "both-percentage"],
)
def test_tolerance_of_ten_items(tolerance: Tolerance, failed: int, exceeded: bool) -> None:
    assert tolerance.is_exceeded(failed, 10) is exceeded


def test_outputs_come_in_the_order_of_the_items() -> None:
    map_run = a_map_run(percentage=100.0, percentage_declared=True)

    outputs = map_run.run(["SUCCEEDED", "FAILED", "TIMED_OUT", "SUCCEEDED"], make_child)

    assert outputs == ["{}", None, None, "{}"]
    assert map_run.status is MapRunStatus.SUCCEEDED
    assert counts(map_run) == {"succeeded": 2, "failed": 1, "timedOut": 1, "total": 4, "resultsWritten": 2}


def test_there_are_no_more_workers_than_the_limit() -> None:
    gate = threading.Event()
    map_run = a_map_run(concurrency=4)
    runner = threading.Thread(target=map_run.run, args=([gate] * 50, make_child))
    runner.start()
    while map_run.describe()["itemCounts"]["running"] < 4:
        assert not gate.wait(0.01)

    workers = [thread for thread in threading.enumerate() if thread.name.startswith("arn:run#")]

    assert (len(workers), counts(map_run)) == (4, {"running": 4, "pending": 46, "total": 50})
    gate.set()
    runner.join(PATIENCE)
    assert counts(map_run)["succeeded"] == 50


def test_there_are_no_more_workers_than_items() -> None:
    gate = threading.Event()
    map_run = a_map_run(concurrency=0)
    runner = threading.Thread(target=map_run.run, args=([gate] * 3, make_child))
    runner.start()
    while map_run.describe()["itemCounts"]["running"] < 3:
        assert not gate.wait(0.01)

    assert len([thread for thread in threading.enumerate() if thread.name.startswith("arn:run#")]) == 3
    gate.set()
    runner.join(PATIENCE)


def test_first_failure_too_many_aborts_the_rest() -> None:
    gate = threading.Event()
    map_run = a_map_run(concurrency=2)

    outputs = map_run.run([gate, "FAILED", "SUCCEEDED", "SUCCEEDED"], make_child)

    gate.set()
    assert map_run.status is MapRunStatus.FAILED
    assert outputs == [None] * 4
    assert counts(map_run) == {"failed": 1, "aborted": 3, "total": 4}


def test_abort_before_the_items_are_known_starts_none() -> None:
    map_run = a_map_run()
    map_run.abort()

    map_run.run(["SUCCEEDED"] * 3, make_child)

    assert (map_run.status, map_run.children) == (MapRunStatus.ABORTED, [])
    assert counts(map_run) == {"aborted": 3, "total": 3}


def test_child_that_cannot_be_made_ends_the_map_run() -> None:
    def refuse(index: int, item: Any, on_end: Callable[[Execution], None]) -> Execution:
        if index == 2:
            raise ValueError("no input")
        return make_child(index, item, on_end)

    map_run = a_map_run(concurrency=1)

    with pytest.raises(ValueError, match="no input"):
        map_run.run(["SUCCEEDED"] * 4, refuse)
    assert map_run.status is MapRunStatus.FAILED
    assert counts(map_run) == {"succeeded": 2, "aborted": 2, "total": 4, "resultsWritten": 2}


def test_tolerance_can_be_raised_while_it_runs() -> None:
    gate = threading.Event()
    map_run = a_map_run(concurrency=1)

    def fail_after_update(index: int, item: Any, on_end: Callable[[Execution], None]) -> Execution:
        return make_child(index, item, on_end)

    runner = threading.Thread(target=map_run.run, args=([gate, "FAILED", "SUCCEEDED"], fail_after_update))
    runner.start()
    map_run.update(tolerated_failure_percentage=50)
    gate.set()
    runner.join(PATIENCE)

    assert map_run.status is MapRunStatus.SUCCEEDED


def test_map_run_that_is_over_is_not_updated() -> None:
    map_run = a_map_run()
    map_run.run([], make_child)

    with pytest.raises(MapRunCompletedError, match="SUCCEEDED"):
        map_run.update(max_concurrency=1)
