"""One execution, of a state machine or of an item of a Distributed Map: started once, ended once.

Touches moto's private parts: `ContextObjectData`, the evaluation details and the interpreter's program states.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import threading
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.asl.eval.states import ContextObjectData, ExecutionData, StateMachineData

from emulator.stepfunctions.environment import ExecutionEnvironment
from emulator.stepfunctions.errors import RUNTIME
from emulator.stepfunctions.history import EventLog, HistoryFullError
from emulator.stepfunctions.payloads import compact_json
from emulator.stepfunctions.results import iso_milliseconds

if TYPE_CHECKING:
    from emulator.stepfunctions.map_run import MapRun
    from emulator.stepfunctions.registry import Registry


class Status(enum.StrEnum):
    """Where an execution is, in AWS's words."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


@dataclass(frozen=True)
class Machine:
    """The state machine when the execution started; for a map's children, name and ARN end in `/<label>`."""

    arn: str
    name: str
    definition: str
    role_arn: str
    region: str
    account: str
    type: str = "STANDARD"
    label: str | None = None


_LAST_EVENT = {
    Status.SUCCEEDED: (HistoryEventType.ExecutionSucceeded, "executionSucceededEventDetails"),
    Status.FAILED: (HistoryEventType.ExecutionFailed, "executionFailedEventDetails"),
    Status.TIMED_OUT: (HistoryEventType.ExecutionTimedOut, "executionTimedOutEventDetails"),
    Status.ABORTED: (HistoryEventType.ExecutionAborted, "executionAbortedEventDetails"),
}
_running: weakref.WeakSet[Execution] = weakref.WeakSet()
_running_lock = threading.Lock()


def stop_all() -> None:
    """Abort whatever still runs, for the emulator ends."""
    with _running_lock:
        running = [execution for execution in _running if execution.map_run_arn is None]
    for execution in running:
        execution.stop(cause="The emulator was stopped.")


class Execution:
    """Runs a program once; the first of success, failure, timeout and stop is its end, whatever still unwinds.

    Attributes:
        output_text: JSON of the output, None unless it succeeded.
        map_run_arn: of the map run it is a child of, else None.
        map_runs: the map runs it has started, oldest first.
        registry: where its map runs and their children are to be found.
    """

    def __init__(
        self,
        *,
        arn: str,
        name: str,
        machine: Machine,
        program: Any,
        input_text: str,
        registry: Registry,
        map_run_arn: str | None = None,
        on_end: Callable[[Execution], None] = lambda _: None,
        callbacks: Any = None,
    ) -> None:
        self.arn = arn
        self.name = name
        self.machine = machine
        self._input: str | bytes = input_text
        self.output_text: str | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.status = Status.RUNNING
        self.start_date = dt.datetime.now(tz=dt.UTC)
        self.stop_date: dt.datetime | None = None
        self.map_run_arn = map_run_arn
        self.map_runs: list[MapRun] = []
        self.registry = registry
        self.history = EventLog()
        self._on_end = on_end
        self._wakers: tuple[threading.Event, ...] = ()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._program: Any = program
        self.env: ExecutionEnvironment | None = self._make_environment()
        if callbacks is not None:
            self.env.callback_pool_manager = callbacks
        self.history.add_event(
            self.env.event_history_context,
            HistoryEventType.ExecutionStarted,
            EventDetails(
                executionStartedEventDetails={
                    "input": input_text,
                    "inputDetails": {"truncated": False},
                    "roleArn": machine.role_arn,
                }
            ),
            self.start_date,
            update_source_event_id=False,
        )
        # From here on the interpreter counts it as running, so a stop takes effect even before its thread runs.
        self.env.next_state_name = program.start_at.start_at_name
        with _running_lock:
            _running.add(self)

    @property
    def input_text(self) -> str:
        """The input as it was given."""
        given = self._input
        return given if isinstance(given, str) else zlib.decompress(given).decode("utf-8", "surrogatepass")

    def _make_environment(self) -> ExecutionEnvironment:
        machine = self.machine
        env = ExecutionEnvironment(
            aws_execution_details=AWSExecutionDetails(machine.account, machine.region, machine.role_arn),
            execution_type=machine.type,
            context=ContextObjectData(
                Execution=ExecutionData(
                    Id=self.arn,
                    Input=json.loads(self.input_text),
                    Name=self.name,
                    RoleArn=machine.role_arn,
                    StartTime=iso_milliseconds(self.start_date),
                ),
                StateMachine=StateMachineData(Id=machine.arn, Name=machine.name),
            ),
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=None,
            activity_store={},
        )
        env.execution = self
        env.event_manager = self.history
        return env

    def start(self) -> None:
        """Run in a thread, within the definition's TimeoutSeconds."""
        limit = self._program.timeout_seconds if self._program else None
        if limit is not None:
            self._timer = threading.Timer(limit.timeout_seconds, self.time_out)
            self._timer.daemon = True
            self._timer.start()
        threading.Thread(target=self.run, name=self.arn, daemon=True).start()

    def run(self) -> None:
        """Run in this thread until the program is over, or until it has noticed that the execution is."""
        env, program = self.env, self._program
        if env is None or program is None:
            return
        program.eval(env)
        state = env.program_state()
        if isinstance(state, ProgramEnded):
            self.finish(Status.SUCCEEDED, output=compact_json(env.states.get_input()))
        elif isinstance(state, ProgramError):
            reported: dict[str, Any] = state.error or {}
            error, cause = reported.get("error"), reported.get("cause")
            if self.history.is_full:
                error, cause = RUNTIME, str(HistoryFullError())
            self.finish(Status.FAILED, error=_as_text(error), cause=_as_text(cause))
        self.env = None

    def wake(self, waker: threading.Event) -> None:
        """Set `waker` when it is over."""
        with self._lock:
            self._wakers += (waker,)
        if self.status is not Status.RUNNING:
            waker.set()

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Abort it and the children of its map runs; nothing happens if it is over."""
        self._break_off(Status.ABORTED, error, cause)

    def time_out(self) -> None:
        """End it because its time is up."""
        self._break_off(Status.TIMED_OUT, None, None)

    def _break_off(self, status: Status, error: str | None, cause: str | None) -> None:
        env = self.env
        if env is not None and self.status is Status.RUNNING:
            # First the interpreter, so that it does not take an aborted map run for a failed one.
            if status is Status.TIMED_OUT:
                env.set_timed_out()
            else:
                env.set_stop(dt.datetime.now(tz=dt.UTC), cause, error)
                # AWS chains this event to none.
                env.event_history_context.source_event_id = 0
            for map_run in self.map_runs:
                map_run.abort()
        self.finish(status, error=error, cause=cause)

    def finish(
        self, status: Status, *, output: str | None = None, error: str | None = None, cause: str | None = None
    ) -> None:
        """Take the first end that is offered and seal the history with it."""
        with self._lock:
            if self.status is not Status.RUNNING:
                return
            self.output_text, self.error, self.cause = output, error, cause
            self.stop_date = dt.datetime.now(tz=dt.UTC)
            event_type, details_key = _LAST_EVENT[status]
            details: dict[str, Any] = {k: v for k, v in (("error", error), ("cause", cause)) if v is not None}
            if output is not None:
                details |= {"output": output, "outputDetails": {"truncated": False}}
            context = self.env.event_history_context if self.env else EventHistoryContext.of_program_start()
            self.history.seal(context, event_type, EventDetails(**{details_key: details}), self.stop_date)
            self.status = status
            self._program = None
            # Thousands of children are kept when they are over.
            self._input = zlib.compress(self.input_text.encode("utf-8", "surrogatepass"), 1)
        if self._timer is not None:
            self._timer.cancel()
        with _running_lock:
            _running.discard(self)
        for waker in self._wakers:
            waker.set()
        self._on_end(self)

    def describe(self) -> dict[str, Any]:
        """Return the body of DescribeExecution."""
        body: dict[str, Any] = {
            **self.list_entry(),
            "input": self.input_text,
            "inputDetails": {"included": True},
            "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": "The emulator does not redrive executions",
        }
        body.pop("itemCount", None)
        if self.output_text is not None:
            body |= {"output": self.output_text, "outputDetails": {"included": True}}
        body |= {key: text for key, text in (("error", self.error), ("cause", self.cause)) if text is not None}
        return body

    def list_entry(self) -> dict[str, Any]:
        """Its entry in ListExecutions."""
        entry: dict[str, Any] = {
            "executionArn": self.arn,
            "stateMachineArn": self.machine.arn,
            "name": self.name,
            "status": str(self.status),
            "startDate": self.start_date,
        }
        if self.stop_date is not None:
            entry["stopDate"] = self.stop_date
        if self.map_run_arn is not None:
            entry |= {"mapRunArn": self.map_run_arn, "itemCount": 1}
        return entry


def _as_text(value: Any) -> str | None:
    """Error and Cause are strings in every API; a Fail state's path may lead to something else."""
    return value if value is None or isinstance(value, str) else compact_json(value)
