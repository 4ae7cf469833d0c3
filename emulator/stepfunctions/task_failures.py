"""The failures with which a service task ends: an AWS error under its Step Functions name, or bad parameters.

Touches moto's private parts: `FailureEvent` and the task's own names of its resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from emulator.stepfunctions.errors import RUNTIME
from emulator.stepfunctions.payloads import compact_json

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# The parameters of the method with which a service task of moto's calls its service.
SERVICE_TASK = ("self", "env", "resource_runtime_part", "normalised_parameters", "state_credentials")


def task_failure(task: Any, env: Any, error: str, cause: str) -> FailureEvent:
    """TaskFailed with `error` and `cause`, of the task's resource."""
    return FailureEvent(
        env=env,
        error_name=ErrorName(error),
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(
            taskFailedEventDetails=TaskFailedEventDetails(
                # moto gives a task the words of its events only in these two methods.
                resource=task._get_sfn_resource(),  # noqa: SLF001
                resourceType=task._get_sfn_resource_type(),  # noqa: SLF001
                error=error,
                cause=cause,
            )
        ),
    )


def refusal_cause(error: ClientError, service: str) -> str:
    """Return what the AWS SDK for Java 1 says when an API refuses a call; `service` is the SDK's name of it."""
    told, meta = error.response["Error"], error.response.get("ResponseMetadata", {})
    return (
        f"{told.get('Message')} (Service: {service}; Status Code: {meta.get('HTTPStatusCode')}; "
        f"Error Code: {told.get('Code')}; Request ID: {meta.get('RequestId')}; Proxy: null)"
    )


def refused_parameters(task: Any, env: Any, parameters: Any, problems: list[str]) -> FailureEventException:
    """States.Runtime, for parameters that do not fit the API; it ends the execution, for no Catch takes it."""
    cause = (
        f"The Parameters '{compact_json(parameters)}' could not be used to start the Task: [{', '.join(problems)}]"
    )
    return FailureEventException(task_failure(task, env, RUNTIME, cause))
