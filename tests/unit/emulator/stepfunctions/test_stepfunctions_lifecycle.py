"""One emulator after another in one process: the first leaves nothing behind that the second could meet."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from emulator import stepfunctions
from emulator.endpoint import EmulatorSettings
from emulator.keys import remember_keys
from emulator.stepfunctions import connection
from emulator.stepfunctions.backend import EmulatorBackend
from emulator.stepfunctions.execution import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/machine"
ITEM = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
CONFIG = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
STATE = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {"ProcessorConfig": CONFIG, **ITEM}, "End": True}
MACHINE: dict[str, Any] = {"StartAt": "M", "States": {"M": STATE}}


def backend() -> EmulatorBackend:
    made: EmulatorBackend = stepfunctions_parser_backends["123456789012"]["us-east-1"]
    return made


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "what the test waits for has not happened"
        time.sleep(0.01)


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if ":lifecycle" in thread.name]


def test_what_fails_while_a_stopped_execution_unwinds_is_not_its_end(tmp_path: Path) -> None:
    stepfunctions.install(EmulatorSettings(port=1, work_dir=tmp_path))
    machine = backend().create_state_machine("unwinding", json.dumps(ITEM), ROLE)
    execution = backend().start_execution(machine.arn)
    env = execution.env
    assert env is not None

    env.set_stop(execution.start_date, None, None)
    env.set_error({"error": "States.Runtime"})
    env.set_timed_out()

    assert isinstance(env.program_state(), ProgramStopped)
    stepfunctions.shutdown()
    assert execution.status is Status.ABORTED


def test_shutdown_aborts_what_runs_and_the_next_emulator_starts_empty(tmp_path: Path) -> None:
    first = EmulatorSettings(port=1, work_dir=tmp_path)
    stepfunctions.install(first)
    machine = backend().create_state_machine("lifecycle", json.dumps(MACHINE), ROLE)
    execution = backend().start_execution(machine.arn, None, json.dumps({"items": [1, 2, 3]}))
    until(lambda: execution.map_runs and len(execution.map_runs[0].children) == 3)

    stepfunctions.shutdown()

    assert execution.status is Status.ABORTED
    assert [child.status for child in execution.map_runs[0].children] == [Status.ABORTED] * 3
    until(lambda: not workers())
    with pytest.raises(RuntimeError, match="no emulator runs"):
        connection.client_for("us-east-1", "s3")

    second = EmulatorSettings(port=2, work_dir=tmp_path)
    remember_keys(second.url, second.keys)
    stepfunctions.install(second)
    assert backend().state_machines == []
    assert backend().registry.execution(execution.arn) is None
    assert connection.client_for("us-east-1", "s3").meta.endpoint_url == "http://127.0.0.1:2"
    stepfunctions.shutdown()
