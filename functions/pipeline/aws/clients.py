"""The clients of AWS, one of each in a process."""

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

# Requests under way at once when a run's objects are read; S3 itself takes thousands a second.
PARALLEL_REQUESTS = 32


@functools.cache
def s3_client() -> S3Client:
    """The S3 client of this process, made when first needed."""
    return boto3.client("s3", config=_config(attempts=5))


@functools.cache
def sagemaker_client() -> SageMakerClient:
    """The SageMaker client of this process, made when first needed."""
    return boto3.client("sagemaker", config=_config())


@functools.cache
def stepfunctions_client() -> SFNClient:
    """The Step Functions client of this process, made when first needed."""
    return boto3.client("stepfunctions", config=_config())


@functools.cache
def iam_client() -> IAMClient:
    """The IAM client of this process, made when first needed."""
    return boto3.client("iam", config=_config())


def _config(attempts: int = 3) -> Config:
    # A few quick attempts here, all within the function's own time-out; long waits are the state machine's, where
    # they cost nothing. Of ten thousand reads in a row hardly one may fail for good.
    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=PARALLEL_REQUESTS,
    )
