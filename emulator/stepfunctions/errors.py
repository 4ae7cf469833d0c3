"""The names of errors: which of them a Retry or Catch matches, and how a state ends in one.

Touches moto's private parts: `CustomErrorName`, `ErrorEqualsDecl._eval_body`, `FailureEvent`.
"""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from emulator.moto_patches import replace

ALL = "States.ALL"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
INTRINSIC_FAILURE = "States.IntrinsicFailure"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
ITEM_READER_FAILED = "States.ItemReaderFailed"
TOLERANCE_EXCEEDED = "States.ExceedToleratedFailureThreshold"


def matches(error: str | None, error_equals: list[str]) -> bool:
    """Whether a Retrier or Catcher with `error_equals` takes `error`.

    The wildcards leave out States.DataLimitExceeded, States.TaskFailed also States.Timeout; States.Runtime always
    fails the execution (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
    """
    if error == RUNTIME:
        return False
    if error in error_equals:
        return True
    if error == DATA_LIMIT_EXCEEDED:
        return False
    return ALL in error_equals or (TASK_FAILED in error_equals and error != TIMEOUT)


def failure(
    env: Any, error: str, cause: str, event_type: Any = HistoryEventType.TaskFailed
) -> FailureEventException:
    """Return the exception with which a state of moto's ends in `error`; no event details but error and cause."""
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=ErrorName(error),
            event_type=event_type,
            event_details=EventDetails(
                executionFailedEventDetails=ExecutionFailedEventDetails(error=error, cause=cause)
            ),
        )
    )


def name_any(self: ErrorName, error_name: str | None) -> None:
    """Return a name of any kind: Map and Parallel pass on what happened in them under its own name, States.* included."""
    ErrorName.__init__(self, error_name=error_name)


def evaluate_error_equals(declaration: ErrorEqualsDecl, env: Any) -> None:
    """Leave on the stack whether the error on it is matched."""
    error = env.stack.pop()
    name = error.error_name if error is not None else None
    env.stack.append(matches(name, [known.error_name for known in declaration.error_names]))


def install() -> None:
    """Put these in the place of moto's."""
    replace(CustomErrorName, "__init__", name_any, expects=("self", "error_name"))
    replace(ErrorEqualsDecl, "_eval_body", evaluate_error_equals, expects=("self", "env"))
