"""The Step Functions API of executions and map runs, with the paging and the fields that moto leaves out.

Touches moto's private parts: the methods of `StepFunctionResponse`, found by moto through an action's name.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.exceptions import (
    ExecutionDoesNotExist,
    InvalidArn,
    InvalidToken,
    ResourceNotFound,
    ValidationException,
)
from moto.stepfunctions.responses import StepFunctionResponse

from emulator.stepfunctions.backend import EmulatorBackend
from emulator.stepfunctions.definition import check_definition
from emulator.stepfunctions.execution import Execution, Status
from emulator.stepfunctions.history import Event, without_payloads
from emulator.stepfunctions.map_run import MapRun, MapRunCompletedError
from emulator.stepfunctions.paging import BadTokenError, PageSizeError, page_size, take_page

MOST_CONCURRENCY = 10_000
# PENDING_REDRIVE is a status of executions, too; none has it here, for they are not redriven.
STATUS_FILTERS = (*map(str, Status), "PENDING_REDRIVE")


class ExecutionActions:
    """Actions for StepFunctionResponse; `self` is one request."""

    stepfunction_backend: EmulatorBackend
    _get_param: Any
    _get_int_param: Any
    _get_bool_param: Any

    def start_execution(self) -> Any:
        """StartExecution."""
        started = self.stepfunction_backend.start_execution(
            self._get_param("stateMachineArn"), self._get_param("name"), self._get_param("input")
        )
        return ActionResult({"executionArn": started.arn, "startDate": started.start_date})

    def stop_execution(self) -> Any:
        """StopExecution; an execution that is over stays as it is."""
        execution = _execution(self)
        execution.stop(self._get_param("error"), self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date})

    def describe_execution(self) -> Any:
        """DescribeExecution, of children too."""
        return ActionResult(_execution(self).describe())

    def describe_state_machine_for_execution(self) -> Any:
        """DescribeStateMachineForExecution: the definition as it was when the execution started."""
        execution = _execution(self)
        machine = execution.machine
        body = {
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "definition": machine.definition,
            "roleArn": machine.role_arn,
            "updateDate": execution.start_date,
        }
        body |= {
            k: v for k, v in (("mapRunArn", execution.map_run_arn), ("label", machine.label)) if v is not None
        }
        return ActionResult(body)

    def list_executions(self) -> Any:
        """ListExecutions of a state machine or of a map run, newest first."""
        machine_arn, map_run_arn = self._get_param("stateMachineArn"), self._get_param("mapRunArn")
        if (machine_arn is None) == (map_run_arn is None):
            raise ValidationException("Exactly one of stateMachineArn and mapRunArn must be given")
        status = self._get_param("statusFilter")
        if status is not None and status not in STATUS_FILTERS:
            raise ValidationException(
                f"1 validation error detected: Value '{status}' at 'statusFilter' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(STATUS_FILTERS)}]"
            )
        if map_run_arn is not None:
            executions = _map_run(self).children
        else:
            machine = self.stepfunction_backend.describe_state_machine(machine_arn)
            executions = self.stepfunction_backend.registry.of_machine(machine.arn)
        return _page(self, "executions", executions, lambda e: status is None or str(e.status) == status)

    def list_map_runs(self) -> Any:
        """ListMapRuns of an execution, newest first."""
        return _page(self, "mapRuns", _execution(self).map_runs, lambda _: True)

    def describe_map_run(self) -> Any:
        """DescribeMapRun."""
        return ActionResult(_map_run(self).describe())

    def update_map_run(self) -> Any:
        """UpdateMapRun while it runs."""
        given = {
            "max_concurrency": self._get_param("maxConcurrency"),
            "tolerated_failure_count": self._get_param("toleratedFailureCount"),
            "tolerated_failure_percentage": self._get_param("toleratedFailurePercentage"),
        }
        concurrency, percentage = given["max_concurrency"], given["tolerated_failure_percentage"]
        if all(value is None for value in given.values()):
            raise ValidationException("At least one of the values to update must be given")
        if concurrency is not None and not 0 <= concurrency <= MOST_CONCURRENCY:
            raise ValidationException(f"maxConcurrency must be 0 to {MOST_CONCURRENCY}")
        if percentage is not None and not 0 <= percentage <= 100:
            raise ValidationException("toleratedFailurePercentage must be 0 to 100")
        try:
            _map_run(self).update(**given)
        except MapRunCompletedError as error:
            raise ValidationException(str(error)) from error
        return EmptyResult()

    def get_execution_history(self) -> Any:
        """GetExecutionHistory, of children too."""
        events = _execution(self).history.events()
        page, token = _take(self, events, newest_first=bool(self._get_bool_param("reverseOrder")))
        keep = self._get_bool_param("includeExecutionData") is not False
        body: dict[str, Any] = {"events": [_dated(event if keep else without_payloads(event)) for event in page]}
        return ActionResult(body | ({"nextToken": token} if token else {}))

    def list_tags_for_resource(self) -> Any:
        """ListTagsForResource of a state machine; the emulator has no activities."""
        arn = self._get_param("resourceArn")
        if not any(machine.arn == arn for machine in self.stepfunction_backend.state_machines):
            raise ResourceNotFound(arn)
        return ActionResult(self.stepfunction_backend.list_tags_for_resource(arn))

    def validate_state_machine_definition(self) -> Any:
        """ValidateStateMachineDefinition."""
        problems = check_definition(self._get_param("definition"))
        diagnostics = []
        for problem in problems:
            entry = {"severity": "ERROR", "code": problem.code, "message": problem.message}
            diagnostics.append(entry | ({"location": problem.location} if problem.location else {}))
        return ActionResult(
            {"result": "FAIL" if problems else "OK", "diagnostics": diagnostics, "truncated": False}
        )


def _execution(request: Any) -> Execution:
    arn = request._get_param("executionArn")  # noqa: SLF001 - moto's way to a parameter
    backend: EmulatorBackend = request.stepfunction_backend
    if not backend.accepted_exec_arn_format.match(arn or ""):
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {arn}'")
    found = backend.registry.execution(arn)
    if found is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
    return found


def _map_run(request: Any) -> MapRun:
    arn = request._get_param("mapRunArn")  # noqa: SLF001 - as above
    backend: EmulatorBackend = request.stepfunction_backend
    found = backend.registry.map_run(arn)
    if found is None:
        raise ResourceNotFound(arn)
    return found


def _take(request: Any, entries: list[Any], *, newest_first: bool, wanted: Any = lambda _: True) -> Any:
    try:
        return take_page(
            entries,
            newest_first=newest_first,
            size=page_size(request._get_int_param("maxResults")),  # noqa: SLF001 - as above
            token=request._get_param("nextToken"),  # noqa: SLF001 - as above
            wanted=wanted,
        )
    except BadTokenError as error:
        raise InvalidToken(str(error)) from error
    except PageSizeError as error:
        raise ValidationException(str(error)) from error


def _page(request: Any, key: str, entries: list[Any], wanted: Any) -> Any:
    page, token = _take(request, entries, newest_first=True, wanted=wanted)
    return ActionResult({key: [entry.list_entry() for entry in page]} | ({"nextToken": token} if token else {}))


def _dated(event: Event) -> Event:
    return event | {"timestamp": dt.datetime.fromtimestamp(event["timestamp"], tz=dt.UTC)}


def install() -> None:
    """Put these actions in the place of moto's, and beside them what moto does not have."""
    for name, action in vars(ExecutionActions).items():
        if not name.startswith("_") and callable(action):
            setattr(StepFunctionResponse, name, action)
