"""Every operation of the services that are served is answered or refused: none ends in an error of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ServiceModel

from emulator.endpoint import DEFAULT_REGION, isolated_session
from emulator.server import Emulator
from emulator.service_models import service_model

SERVICES = [
    "cloudcontrol",
    "cloudformation",
    "cloudwatch",
    "ecr",
    "events",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sagemaker-metrics",
    "sagemaker-runtime",
    "service-quotas",
    "stepfunctions",
    "sts",
]
NAME = "example"
ARN = "arn:aws:iam::123456789012:role/example"
# What is made first is there for what comes between, and what removes it comes last.
FIRST, LAST = ("Create", "Put", "Register", "Publish"), ("Delete", "Deregister", "Remove", "Terminate")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


def minimal(shape: Any, name: str = "", inside: tuple[str, ...] = ()) -> Any:
    """Return a value of a shape that has the required members alone.

    Args:
        shape: botocore's.
        name: the member that it is a value of.
        inside: the structures around it; one that holds itself is left empty there.
    """
    kind, least = shape.type_name, shape.metadata.get("min", 1)
    if kind == "structure":
        if shape.name in inside:
            return {}
        members = list(shape.members)[:1] if shape.metadata.get("union") else shape.required_members
        return {one: minimal(shape.members[one], one, (*inside, shape.name)) for one in members}
    if kind == "list":
        return [minimal(shape.member, name, inside)] * max(1, least)
    if kind == "map":
        return {minimal(shape.key, name, inside): minimal(shape.value, name, inside)}
    if kind == "string":
        if shape.enum:
            return shape.enum[0]
        return ARN if name.lower().endswith("arn") else NAME.ljust(least, "x")
    return {
        "blob": b"{}",
        "boolean": True,
        "double": 1.0,
        "float": 1.0,
        "integer": max(1, least),
        "long": max(1, least),
        "timestamp": 1_700_000_000,
    }[kind]


def in_order(model: ServiceModel) -> list[str]:
    return sorted(
        model.operation_names, key=lambda name: (name.startswith(LAST), not name.startswith(FIRST), name)
    )


def status_of(client: Any, model: ServiceModel, operation: str) -> int:
    shape = model.operation_model(operation).input_shape
    try:
        answer = getattr(client, xform_name(operation))(**(minimal(shape) if shape else {}))
    except ClientError as error:
        answer = error.response
    status: int = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_of_a_service_ends_in_an_error_of_the_server(emulator: Emulator, service: str) -> None:
    make: Any = isolated_session(DEFAULT_REGION, emulator.settings.keys).client
    client = make(
        service,
        endpoint_url=emulator.url,
        config=Config(
            # Of StartSyncExecution the host would be another, which no name server knows.
            inject_host_prefix=False,
            # What is legal by its shape may break a pattern.
            parameter_validation=False,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            proxies={},
        ),
    )
    model = service_model(service)
    answered = {operation: status_of(client, model, operation) for operation in in_order(model)}
    assert {operation: status for operation, status in answered.items() if status >= 500} == {}
