"""Stubbed clients of AWS, whose responses must all be used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from tests.unit.pipeline.stubbed_clients import stubbed_client


@pytest.fixture
def s3() -> Iterator[Stubber]:
    """Return a stubbed S3 client."""
    with stubbed_client("s3") as stubber:
        yield stubber


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    """Return a stubbed SageMaker client."""
    with stubbed_client("sagemaker") as stubber:
        yield stubber


@pytest.fixture
def stepfunctions() -> Iterator[Stubber]:
    """Return a stubbed Step Functions client."""
    with stubbed_client("stepfunctions") as stubber:
        yield stubber
