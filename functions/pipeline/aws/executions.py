"""Executions in Step Functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipeline.aws.errors import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


# Statuses of an execution that has not ended.
RUNNING_STATUSES = frozenset({"RUNNING", "PENDING_REDRIVE"})


def execution_is_running(stepfunctions: SFNClient, arn: str) -> bool:
    """Return whether the execution still runs; False if Step Functions no longer knows it."""
    with translated(f"looking at execution {arn}"):
        try:
            return stepfunctions.describe_execution(executionArn=arn)["status"] in RUNNING_STATUSES
        except ClientError as error:
            if code_of(error) == "ExecutionDoesNotExist":
                return False
            raise
