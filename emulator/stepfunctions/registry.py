"""Finds executions and map runs by their ARNs, and lists them in the order they started."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.stepfunctions.execution import Execution
    from emulator.stepfunctions.map_run import MapRun


class Registry:
    """All executions and map runs of one account and Region."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executions: dict[str, Execution] = {}
        self._map_runs: dict[str, MapRun] = {}
        self._by_machine: dict[str, list[Execution]] = {}

    def add(self, execution: Execution) -> None:
        """Keep `execution`; its ARN must be new."""
        with self._lock:
            self._executions[execution.arn] = execution
            if execution.map_run_arn is None:
                self._by_machine.setdefault(execution.machine.arn, []).append(execution)

    def add_map_run(self, map_run: MapRun) -> None:
        """Keep `map_run`."""
        with self._lock:
            self._map_runs[map_run.arn] = map_run

    def execution(self, arn: str) -> Execution | None:
        """Return the execution or child with this ARN."""
        return self._executions.get(arn)

    def map_run(self, arn: str) -> MapRun | None:
        """Return the map run with this ARN."""
        return self._map_runs.get(arn)

    def of_machine(self, arn: str) -> list[Execution]:
        """Return the executions started on a state machine, oldest first; children are not among them."""
        return self._by_machine.get(arn, [])

    def forget_machine(self, arn: str) -> list[Execution]:
        """Drop the executions of a state machine with their map runs and children; gives back those it dropped."""
        with self._lock:
            dropped = self._by_machine.pop(arn, [])
            for execution in dropped:
                self._executions.pop(execution.arn, None)
                for map_run in execution.map_runs:
                    self._map_runs.pop(map_run.arn, None)
                    for child in map_run.children:
                        self._executions.pop(child.arn, None)
            return dropped
