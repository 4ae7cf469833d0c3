"""One emulator with the stack deployed, for all tests of a session that do not stop or break it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from automlops.items import make_sample
from automlops.local import local_emulator
from emulator.endpoint import CREDENTIALS, DEFAULT_REGION

STACK = "automlops"
# A run of a few small items takes seconds; a busy machine is given much more.
PATIENCE_IN_SECONDS = 240


@dataclass(frozen=True)
class Run:
    """An execution that ended.

    Attributes:
        arn: the execution.
        description: DescribeExecution's answer.
        manifest: content of runs/<run>/manifest.json, or None if the run never got that far.
    """

    arn: str
    description: dict[str, Any]
    manifest: dict[str, Any] | None

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """The manifest's entries by item."""
        assert self.manifest is not None, self.description
        return {entry["item"]: entry for entry in self.manifest["items"]}


class Stack:
    """A deployed stack, reached by AWS's own APIs."""

    def __init__(self, url: str, outputs: dict[str, str]) -> None:
        self.url = url
        self.outputs = outputs
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client of the service."""
        if service not in self._clients:
            make: Any = boto3.client
            self._clients[service] = make(
                service, endpoint_url=self.url, region_name=DEFAULT_REGION, **CREDENTIALS
            )
        return self._clients[service]

    def upload(self, item: str, content: bytes) -> None:
        """Puts the item's data where the pipeline looks for it."""
        key = f"analysis_predict/{item}/{self.outputs['DatasetFileName']}"
        self.client("s3").put_object(Bucket=self.outputs["DataBucketName"], Key=key, Body=content)

    def read(self, key: str) -> bytes:
        """An object of the output bucket."""
        answer = self.client("s3").get_object(Bucket=self.outputs["OutputBucketName"], Key=key)
        body: bytes = answer["Body"].read()
        return body

    def keys(self, prefix: str = "") -> list[str]:
        """Keys of the output bucket."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.outputs["OutputBucketName"], Prefix=prefix)
        return [entry["Key"] for page in found for entry in page.get("Contents", [])]

    def start(self, request: object, name: str | None = None) -> str:
        """Starts an execution; its ARN."""
        arguments = {"stateMachineArn": self.outputs["StateMachineArn"], "input": json.dumps(request)}
        if name:
            arguments["name"] = name
        arn: str = self.client("stepfunctions").start_execution(**arguments)["executionArn"]
        return arn

    def wait(self, arn: str) -> Run:
        """Waits, with a bound, for the execution's end."""
        deadline = time.monotonic() + PATIENCE_IN_SECONDS
        states = self.client("stepfunctions")
        while (description := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"{arn} did not end"
            time.sleep(0.1)
        found = [key for key in self.keys("runs/") if key.endswith(f"-{description['name']}/manifest.json")]
        return Run(arn, description, json.loads(self.read(found[0])) if found else None)

    def run(self, request: object, name: str | None = None) -> Run:
        """Starts an execution and waits for its end."""
        return self.wait(self.start(request, name))

    def children(self, arn: str) -> dict[str, str]:
        """ARNs of the run's child executions by item."""
        states = self.client("stepfunctions")
        (map_run,) = states.list_map_runs(executionArn=arn)["mapRuns"]
        pages = states.get_paginator("list_executions").paginate(mapRunArn=map_run["mapRunArn"])
        arns = [entry["executionArn"] for page in pages for entry in page["executions"]]
        inputs = {child: states.describe_execution(executionArn=child)["input"] for child in arns}
        return {json.loads(text)["item"]: child for child, text in inputs.items()}

    def history(self, arn: str) -> list[dict[str, Any]]:
        """All history events of an execution."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        return [event for page in pages.paginate(executionArn=arn) for event in page["events"]]

    def invoke(self, function: str, event: object) -> Any:
        """The answer of one of the stack's functions; an error's payload if it raised."""
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs[f"{function}FunctionName"], Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read())


@pytest.fixture(scope="session")
def deployed() -> Iterator[Stack]:
    """The project's own stack on an emulator in a process of its own, as `automlops run --local` has it."""
    with local_emulator() as url:
        stack = Stack(url, {})
        (description,) = stack.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        stack.outputs.update({output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]})
        yield stack


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three generated items: name to CSV."""
    split = make_sample(tmp_path_factory.mktemp("sample"), 3, seed=1)
    return {part.item: part.path.read_bytes() for part in split.parts}


@pytest.fixture(scope="session")
def small_csv(sample: dict[str, bytes]) -> bytes:
    """The smallest of them."""
    return min(sample.values(), key=len)


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Names that no other test uses."""
    return lambda stem: f"{stem}-{time.time_ns() % 10**10}"
