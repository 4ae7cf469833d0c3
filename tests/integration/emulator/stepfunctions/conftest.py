"""An emulator for these tests, and SageMaker and Lambda that do what a test tells them to."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator import server, stepfunctions
from emulator.endpoint import Clients
from emulator.stepfunctions import connection, sagemaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.server import Emulator

ROLE = "arn:aws:iam::123456789012:role/machine"
PATIENCE = 20.0


def client_error(code: str, message: str = "no", status: int = 400) -> ClientError:
    """Return what boto3 raises for an answer with this code."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": "request-1", "HTTPStatusCode": status},
    }
    return ClientError(response, "Operation")


class ScriptedSageMaker:
    """Jobs that stay in the status a test gives them; remembers what it was asked to do."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.refusals: list[Exception] = []
        self.calls: Counter[str] = Counter()
        self.status: Callable[[str], str] = lambda _: "Completed"

    def _create(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls[f"create {kind}"] += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.created.append(request)
        return {f"{kind}JobArn": f"arn:job/{request[f'{kind}JobName']}", "ResponseMetadata": {"RequestId": "r"}}

    def _describe(self, kind: str, name: str) -> dict[str, Any]:
        self.calls["describe"] += 1
        status = "Stopped" if name in self.stopped else self.status(name)
        body = {f"{kind}JobName": name, f"{kind}JobStatus": status, "ResponseMetadata": {"RequestId": "r"}}
        return body | ({"FailureReason": "AlgorithmError: no rows"} if status == "Failed" else {})

    def create_training_job(self, **request: Any) -> dict[str, Any]:
        return self._create("Training", request)

    def create_transform_job(self, **request: Any) -> dict[str, Any]:
        return self._create("Transform", request)

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return self._describe("Training", TrainingJobName)

    def describe_transform_job(self, TransformJobName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return self._describe("Transform", TransformJobName)

    def stop_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.stopped.append(TrainingJobName)
        return {}

    def stop_transform_job(self, TransformJobName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.stopped.append(TransformJobName)
        return {}


class ScriptedLambda:
    """Functions that answer what a test gives them."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.answer: Callable[[Any], tuple[Any, str | None]] = lambda event: ({"got": event}, None)
        self.refusals: list[Exception] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        if self.refusals:
            raise self.refusals.pop(0)
        event = json.loads(request["Payload"])
        self.events.append(event)
        payload, error = self.answer(event)
        body = {
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "Payload": io.BytesIO(json.dumps(payload).encode()),
            "ResponseMetadata": {
                "RequestId": "r",
                "HTTPStatusCode": 200,
                "HTTPHeaders": {"x-amzn-requestid": "r"},
            },
        }
        return body | ({"FunctionError": error} if error else {})


class ScriptedClients:
    """The emulator's clients, but for the two services that a test scripts."""

    def __init__(self, clients: Clients, scripted: dict[str, Any]) -> None:
        self._clients, self._scripted = clients, scripted

    def get(self, service: str, region: str) -> Any:
        return self._scripted.get(service) or self._clients.get(service, region)


@dataclass
class Run:
    """One execution of a test."""

    arn: str
    described: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def output(self) -> Any:
        return json.loads(self.described["output"])


@dataclass
class World:
    """What a test works with."""

    states: Any
    s3: Any
    bucket: str
    sagemaker: ScriptedSageMaker = field(default_factory=ScriptedSageMaker)
    functions: ScriptedLambda = field(default_factory=ScriptedLambda)

    def machine(self, definition: dict[str, Any]) -> str:
        """ARN of a new state machine."""
        name = f"machine-{uuid.uuid4().hex[:12]}"
        text = json.dumps(definition)
        arn: str = self.states.create_state_machine(name=name, definition=text, roleArn=ROLE)["stateMachineArn"]
        return arn

    def start(self, definition: dict[str, Any], given: Any = None) -> str:
        """ARN of an execution of a new state machine."""
        arn: str = self.states.start_execution(
            stateMachineArn=self.machine(definition), input=json.dumps({} if given is None else given)
        )["executionArn"]
        return arn

    def wait(self, arn: str) -> Run:
        """Return the execution once it is over."""
        until(lambda: self.describe(arn)["status"] != "RUNNING")
        return Run(arn, self.describe(arn), self.history(arn))

    def run(self, definition: dict[str, Any], given: Any = None) -> Run:
        """Return an execution of a new state machine once it is over."""
        return self.wait(self.start(definition, given))

    def describe(self, arn: str) -> dict[str, Any]:
        body: dict[str, Any] = self.states.describe_execution(executionArn=arn)
        return body

    def history(self, arn: str) -> list[dict[str, Any]]:
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def map_run(self, arn: str) -> dict[str, Any]:
        """DescribeMapRun of the first map run of an execution."""
        until(lambda: self.states.list_map_runs(executionArn=arn)["mapRuns"])
        found = self.states.list_map_runs(executionArn=arn)["mapRuns"][-1]["mapRunArn"]
        body: dict[str, Any] = self.states.describe_map_run(mapRunArn=found)
        return body

    def children(self, arn: str, status: str | None = None) -> list[dict[str, Any]]:
        """Return the children of an execution's first map run, in the order they started."""
        more = {"statusFilter": status} if status else {}
        pages = self.states.get_paginator("list_executions").paginate(
            mapRunArn=self.map_run(arn)["mapRunArn"], **more
        )
        return [child for page in pages for child in page["executions"]][::-1]

    def put(self, key: str, body: Any) -> None:
        """Return an object in the test's bucket, JSON unless it is text."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def get(self, key: str) -> Any:
        """Return the JSON in an object of the test's bucket."""
        return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait for `condition`, but not for ever."""
    end = time.monotonic() + patience
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, "what the test waits for has not happened"
        pause.wait(0.02)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Return an emulator of Step Functions and of what moto has of itself: the tests script the other services."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_PARTS", (stepfunctions,))
        with server.Emulator() as running:
            yield running


@pytest.fixture(scope="module")
def clients(emulator: Emulator) -> Clients:
    return Clients(emulator.url)


@pytest.fixture
def world(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(clients.get("stepfunctions"), clients.get("s3"), f"bucket-{uuid.uuid4().hex[:12]}")
    made.s3.create_bucket(Bucket=made.bucket)
    scripted = ScriptedClients(clients, {"sagemaker": made.sagemaker, "lambda": made.functions})
    monkeypatch.setattr(connection, "_clients", scripted)
    monkeypatch.setattr(sagemaker, "POLL_SECONDS", 0.05)
    return made
