"""What the tests of the command share: clients that answer from a script, and a console that remembers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from rich.console import Console


@pytest.fixture
def stubbed() -> Iterator[Callable[[str], tuple[Any, Stubber]]]:
    """Make a client of a service and the stub that answers for it; every answer must be asked for."""
    session = boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1"
    )
    # boto3's stubs know each service by a literal only.
    make_client: Any = session.client
    stubs = []
    with ExitStack() as stack:

        def make(service: str) -> tuple[Any, Stubber]:
            client = make_client(service)
            stub = stack.enter_context(Stubber(client))
            stubs.append(stub)
            return client, stub

        yield make
        for stub in stubs:
            stub.assert_no_pending_responses()


@pytest.fixture
def console() -> Console:
    """Return a console without a terminal; `shown` reads it."""
    return Console(file=io.StringIO(), width=160, highlight=False)


@pytest.fixture
def shown(console: Console) -> Callable[[], str]:
    """Everything the console was given so far."""

    def read() -> str:
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    return read
