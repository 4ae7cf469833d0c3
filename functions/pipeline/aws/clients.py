"""The boto3 clients, one for each service in a process."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

# Requests at once when many objects are read or listed; S3 accepts thousands a second.
PARALLEL_REQUESTS = 32


@functools.cache
def s3_client() -> S3Client:
    """Return the S3 client of this process, created at the first call."""
    return boto3.client("s3", config=_config(attempts=5))


@functools.cache
def sagemaker_client() -> SageMakerClient:
    """Return the SageMaker client of this process, created at the first call."""
    return boto3.client("sagemaker", config=_config())


@functools.cache
def stepfunctions_client() -> SFNClient:
    """Return the Step Functions client of this process, created at the first call."""
    return boto3.client("stepfunctions", config=_config())


@functools.cache
def iam_client() -> IAMClient:
    """Return the IAM client of this process, created at the first call."""
    return boto3.client("iam", config=_config())


def _config(attempts: int = 3) -> Config:
    # A few quick attempts, all within the function's time-out; the state machine waits longer, where waiting costs
    # nothing. S3 gets more attempts, because a large run reads ten thousand objects and one failed read fails the call.
    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=PARALLEL_REQUESTS,
    )
