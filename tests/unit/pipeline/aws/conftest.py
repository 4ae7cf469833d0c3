"""Stubbed clients of AWS, whose responses must all be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

KEYS: dict[str, Any] = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


@pytest.fixture
def s3() -> Iterator[Stubber]:
    """Return a stubbed S3 client."""
    with Stubber(boto3.client("s3", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    """Return a stubbed SageMaker client."""
    with Stubber(boto3.client("sagemaker", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def stepfunctions() -> Iterator[Stubber]:
    """Return a stubbed Step Functions client."""
    with Stubber(boto3.client("stepfunctions", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
