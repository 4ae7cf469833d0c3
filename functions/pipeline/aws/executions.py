"""Executions of Step Functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipeline.aws.errors import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


def execution_is_running(stepfunctions: SFNClient, arn: str) -> bool:
    """Whether the execution still runs; one that Step Functions has forgotten does not."""
    with translated(f"looking at execution {arn}"):
        try:
            return stepfunctions.describe_execution(executionArn=arn)["status"] in {"RUNNING", "PENDING_REDRIVE"}
        except ClientError as error:
            if code_of(error) == "ExecutionDoesNotExist":
                return False
            raise
