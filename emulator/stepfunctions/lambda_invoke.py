"""The optimised Lambda integration: what an invocation gives, and which names its errors have for Retry and Catch.

Touches moto's private parts: `StateTaskServiceLambda._eval_service_task` and `._from_error`.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)

from emulator.moto_patches import replace
from emulator.stepfunctions.connection import client_for
from emulator.stepfunctions.payloads import compact_json
from emulator.stepfunctions.results import iso_milliseconds, plain, sdk_metadata
from emulator.stepfunctions.task_failures import SERVICE_TASK, refusal_cause, task_failure

# Errors of Invoke that have a class of their own in AWS's SDKs carry its name; the others are AWSLambdaException.
_UNMODELLED = "AWSLambdaException"
_from_error = StateTaskServiceLambda._from_error  # noqa: SLF001 - wrapped by from_error


class FunctionError(Exception):
    """The handler raised, ran out of time or died; `payload` is what Lambda answered."""

    def __init__(self, payload: Any) -> None:
        super().__init__("the function failed")
        self.payload = payload

    @property
    def error_name(self) -> str:
        """`errorType` of the payload, which is the exception's class; Lambda.Unknown if there is none."""
        named = self.payload.get("errorType") if isinstance(self.payload, dict) else None
        return named if isinstance(named, str) and named else "Lambda.Unknown"


def call_function(
    _: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
) -> None:
    """Invoke the function and leave `ExecutedVersion`, `Payload`, `StatusCode` and call metadata on the stack.

    Raises:
        FunctionError: the function failed.
    """
    del state_credentials
    response = client_for(resource_runtime_part.region, "lambda").invoke(**normalised_parameters)
    text = response.pop("Payload").read().decode("utf-8", "replace")
    try:
        payload = json.loads(text) if text else None
    except ValueError:
        payload = text
    if response.get("FunctionError"):
        raise FunctionError(payload)
    env.stack.append({**plain(response, iso_milliseconds), "Payload": payload, **sdk_metadata(response)})


def from_error(task: Any, env: Any, ex: Exception) -> Any:
    """Return the failure that an exception of the call is."""
    if isinstance(ex, FunctionError):
        return task_failure(task, env, ex.error_name, compact_json(ex.payload))
    if isinstance(ex, ClientError):
        modelled = type(ex).__name__
        error = f"Lambda.{_UNMODELLED if modelled == 'ClientError' else modelled}"
        return task_failure(task, env, error, refusal_cause(ex, "AWSLambda"))
    if isinstance(ex, BotoCoreError):
        return task_failure(task, env, "Lambda.SdkClientException", str(ex))
    return _from_error(task, env=env, ex=ex)


def install() -> None:
    """Put these in the place of moto's."""
    replace(StateTaskServiceLambda, "_eval_service_task", call_function, expects=SERVICE_TASK)
    replace(StateTaskServiceLambda, "_from_error", from_error, expects=("self", "env", "ex"))
