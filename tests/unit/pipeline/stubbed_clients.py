"""Clients of AWS whose responses a test queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.stub import Stubber


@contextmanager
def stubbed_client(service: str) -> Iterator[Stubber]:
    """Make a client of `service` (boto3's name), whose queued responses must all be used in the block."""
    # boto3's stubs know each service by a literal only.
    make_client: Any = boto3.client
    client = make_client(service, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
