"""Whether an execution of Step Functions still runs."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.aws import executions
from pipeline.errors import ServiceRefusedError


@pytest.mark.parametrize(
    ("status", "running"),
    [("RUNNING", True), ("PENDING_REDRIVE", True), ("SUCCEEDED", False), ("ABORTED", False), ("TIMED_OUT", False)],
)
def test_an_execution_runs_while_it_is_running_or_pending_redrive(
    stepfunctions: Any, status: str, *, running: bool
) -> None:
    response = {"executionArn": "arn:x", "stateMachineArn": "arn:m", "status": status, "startDate": 0}
    stepfunctions.add_response("describe_execution", response, {"executionArn": "arn:x"})
    assert executions.execution_is_running(stepfunctions.client, "arn:x") is running


def test_an_execution_unknown_to_step_functions_has_ended(stepfunctions: Any) -> None:
    stepfunctions.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert executions.execution_is_running(stepfunctions.client, "arn:x") is False
    stepfunctions.add_client_error("describe_execution", "AccessDeniedException")
    with pytest.raises(ServiceRefusedError, match="looking at execution arn:x"):
        executions.execution_is_running(stepfunctions.client, "arn:x")
