"""`states:startExecution`: starts another state machine, and with `.sync` and `.sync:2` waits for its end.

Touches moto's private parts: `StateTaskServiceSfn`, whose calls carry the definition's names of parameters, not the API's.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)

from emulator.moto_patches import replace
from emulator.stepfunctions.check_tasks import EXECUTION_FORMS
from emulator.stepfunctions.connection import client_for
from emulator.stepfunctions.errors import TASK_FAILED
from emulator.stepfunctions.evaluation import AttemptOverError
from emulator.stepfunctions.parameters import operation, pascal_case, to_request
from emulator.stepfunctions.payloads import compact_json
from emulator.stepfunctions.results import epoch_milliseconds, plain, sdk_metadata
from emulator.stepfunctions.task_failures import SERVICE_TASK, refused_parameters, task_failure
from emulator.stepfunctions.waiting import wait_for

SYNC, SYNC_2 = "sync", "sync:2"
_SERVICE = "stepfunctions"
# What DescribeExecution says of redrives is no part of the result.
_LEFT_OUT = "redrive"
_eval_integration_pattern = StateTaskServiceSfn._eval_integration_pattern  # noqa: SLF001 - called for task tokens


def start(
    task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
) -> None:
    """Start the execution and leave `ExecutionArn`, `StartDate` and call metadata on the stack."""
    del state_credentials
    parameters = dict(normalised_parameters)
    if not isinstance(parameters.setdefault("Input", {}), str):
        parameters["Input"] = compact_json(parameters["Input"])
    problems: list[str] = []
    shape: Any = operation("sfn", "startExecution").input_shape
    request = to_request(parameters, shape, problems)
    if problems:
        raise refused_parameters(task, env, normalised_parameters, problems)
    response = client_for(resource_runtime_part.region, _SERVICE).start_execution(**request)
    env.stack.append({**sdk_metadata(response), **_described(response)})


def wait(
    task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
) -> None:
    """Leave the description of the execution on the stack once it has succeeded.

    Raises:
        FailureEventException: States.TaskFailed with the description as Cause; it has ended otherwise.
        EvalTimeoutError: the task's time is up.
        AttemptOverError: the execution around it is over; the one that it has started has been told to stop.
    """
    if task.resource.condition not in {SYNC, SYNC_2}:
        _eval_integration_pattern(task, env, resource_runtime_part, normalised_parameters, state_credentials)
        return
    client = client_for(resource_runtime_part.region, _SERVICE)
    arn = env.stack.pop()["ExecutionArn"]

    def look() -> dict[str, Any] | None:
        found = client.describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else _described(found)

    try:
        description = wait_for(env, look)
    except AttemptOverError:
        if not env.is_out_of_time():
            with contextlib.suppress(ClientError, BotoCoreError):
                client.stop_execution(executionArn=arn)
        raise
    if task.resource.condition == SYNC_2:
        for member in {"Input", "Output"} & description.keys():
            description[member] = json.loads(description[member])
    if description["Status"] != "SUCCEEDED":
        raise FailureEventException(task_failure(task, env, TASK_FAILED, compact_json(description)))
    env.stack.append(description)


def _described(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of the API under the names that Step Functions gives its members."""
    members = plain(answer, epoch_milliseconds).items()
    return {
        pascal_case(name): {pascal_case(inner): one for inner, one in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in members
        if not name.startswith(_LEFT_OUT)
    }


def check_support(task: Any) -> None:
    """Refuse an action or a form that Step Functions does not have."""
    if task.resource.api_action != "startExecution" or task.resource.condition not in EXECUTION_FORMS:
        raise ValueError(f"The resource provided {task.resource.resource_arn} is not recognized.")


def install() -> None:
    """Put these in the place of moto's."""
    replace(StateTaskServiceSfn, "_eval_service_task", start, expects=SERVICE_TASK)
    replace(StateTaskServiceSfn, "_eval_integration_pattern", wait, expects=SERVICE_TASK)
    replace(StateTaskServiceSfn, "_validate_service_integration_is_supported", check_support, expects=("self",))
    # It looks at its frame's deadline while it waits for an execution, so it needs no thread that is given up.
    StateTaskServiceSfn.keeps_deadline = property(lambda task: task.resource.condition in {SYNC, SYNC_2})
