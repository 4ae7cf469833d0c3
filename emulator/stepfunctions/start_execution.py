"""The optimised integration `states:startExecution`: an execution started, and waited for with `.sync` or `.sync:2`.

Touches moto's private parts: `StateTaskServiceSfn`, whose calls, waits and results are replaced; the wait for a task
token stays moto's.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from emulator.moto_patches import replace
from emulator.stepfunctions.check_tasks import SYNC
from emulator.stepfunctions.connection import client_for
from emulator.stepfunctions.errors import TASK_FAILED
from emulator.stepfunctions.evaluation import AttemptOverError
from emulator.stepfunctions.parameters import operation, pascal_names, to_request
from emulator.stepfunctions.payloads import compact_json
from emulator.stepfunctions.results import epoch_milliseconds, plain, sdk_metadata
from emulator.stepfunctions.task_failures import SERVICE_TASK, refusal_cause, refused_parameters, task_failure

if TYPE_CHECKING:
    from botocore.model import Shape

    from emulator.stepfunctions.environment import ExecutionEnvironment

_SERVICE = "states"
_BOTO_SERVICE = "stepfunctions"
_SYNC_2 = "sync:2"


def start(
    task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
) -> None:
    """Start the execution and leave its ARN and start on the stack."""
    del state_credentials
    model = operation(_SERVICE, task.resource.api_action)
    problems: list[str] = []
    given = normalised_parameters.get("Input", {})
    text = given if isinstance(given, str) else compact_json(given)
    request = to_request({**normalised_parameters, "Input": text}, cast("Shape", model.input_shape), problems)
    if problems:
        raise refused_parameters(task, env, normalised_parameters, problems)
    response = client_for(resource_runtime_part.region, _BOTO_SERVICE).start_execution(**request)
    result = plain(pascal_names(response, model.output_shape), epoch_milliseconds)
    env.stack.append({**result, **sdk_metadata(response)})


def keep_parameters(
    _: Any, parameters: Any, boto_service_name: Any = None, service_action_name: Any = None
) -> None:
    """Leave the parameters as the definition has them; `start` turns them into the API's."""
    del parameters, boto_service_name, service_action_name


def keep_response(_: Any, response: Any, boto_service_name: Any = None, service_action_name: Any = None) -> None:
    """Leave the result as `start` has made it."""
    del response, boto_service_name, service_action_name


def from_error(task: Any, env: Any, ex: Exception) -> Any:
    """Return the failure that an exception of the call is."""
    if isinstance(ex, ClientError):
        code = str(ex.response["Error"].get("Code")).removesuffix("Exception")
        return task_failure(task, env, f"StepFunctions.{code}Exception", refusal_cause(ex, "AWSStepFunctions"))
    if isinstance(ex, BotoCoreError):
        return task_failure(task, env, "StepFunctions.SdkClientException", str(ex))
    return _from_error(task, env=env, ex=ex)


def wait_for_end(
    task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
) -> None:
    """Put what the integration waits for in the place of the start on the stack."""
    if task.resource.condition in {SYNC, _SYNC_2}:
        arn = env.stack.pop()["ExecutionArn"]
        env.stack.append(_await_execution(task, env, resource_runtime_part.region, arn))
    else:
        _wait_for_token(task, env, resource_runtime_part, normalised_parameters, state_credentials)


def _await_execution(task: Any, env: ExecutionEnvironment, region: str, arn: str) -> dict[str, Any]:
    """Return the execution's description once it has succeeded, its Input and Output as JSON for `.sync:2`.

    Raises:
        FailureEventException: States.TaskFailed with the description as Cause; the execution has not succeeded.
        EvalTimeoutError: the task's time is up; the execution goes on, for AWS does not promise to stop it.
        AttemptOverError: the waiting execution is over; unless for the lack of time, the other has been stopped.
    """
    client = client_for(region, _BOTO_SERVICE)
    started = stepfunctions_parser_backends[env.aws_execution_details.account][region].registry.execution(arn)
    something = threading.Event()
    env.wake(something)
    if started is not None:
        started.wake(something)
        something.wait(env.seconds_left())
    if not env.is_running():
        if not env.is_out_of_time():
            client.stop_execution(executionArn=arn)
        raise AttemptOverError
    described = client.describe_execution(executionArn=arn)
    if described["status"] == "RUNNING":
        env.timed_out = True
        raise EvalTimeoutError
    shape = operation(_SERVICE, "describeExecution").output_shape
    result: dict[str, Any] = plain(pascal_names(described, shape), epoch_milliseconds)
    if task.resource.condition == _SYNC_2:
        result |= {key: json.loads(result[key]) for key in ("Input", "Output") if key in result}
    if result["Status"] != "SUCCEEDED":
        raise FailureEventException(task_failure(task, env, TASK_FAILED, compact_json(result)))
    return result


_wait_for_token = StateTaskServiceSfn._eval_integration_pattern  # noqa: SLF001 - wrapped by wait_for_end
_from_error = StateTaskServiceSfn._from_error  # noqa: SLF001 - wrapped by from_error


def install() -> None:
    """Put these in the place of moto's."""
    replace(StateTaskServiceSfn, "_eval_service_task", start, expects=SERVICE_TASK)
    normalise = ("boto_service_name", "service_action_name")
    replace(
        StateTaskServiceSfn, "_normalise_parameters", keep_parameters, expects=("self", "parameters", *normalise)
    )
    replace(StateTaskServiceSfn, "_normalise_response", keep_response, expects=("self", "response", *normalise))
    replace(StateTaskServiceSfn, "_from_error", from_error, expects=("self", "env", "ex"))
    replace(StateTaskServiceSfn, "_eval_integration_pattern", wait_for_end, expects=SERVICE_TASK)
    # Its waits look at their frame's deadline, so that they need no thread that is given up.
    StateTaskServiceSfn.keeps_deadline = property(lambda task: task.resource.condition in {SYNC, _SYNC_2})
