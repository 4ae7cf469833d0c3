"""A deployed stack as scenarios see it, on an emulator or on AWS: reached by AWS's own APIs, under names of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from automlops.aws.connection import Connection
from automlops.aws.stack import find_stack

# A run of a few small items takes seconds on an emulator; a busy machine is given much more.
EMULATOR_PATIENCE_IN_SECONDS = 240.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 15.0
# How far Step Functions' startDate may be from the moment in the run's id.
START_TOLERANCE = timedelta(minutes=1)

# Where an API's name is not its permission's.
PERMISSIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    # Versions are named in every call.
    "s3:DeleteObjects": "s3:DeleteObjectVersion",
    "lambda:Invoke": "lambda:InvokeFunction",
}


@dataclass(frozen=True)
class Run:
    """An execution that ended.

    Attributes:
        arn: the execution.
        description: DescribeExecution's answer.
        content: runs/<run>/manifest.json as it is, or None if the run never got that far.
    """

    arn: str
    description: dict[str, Any]
    content: bytes | None

    @property
    def manifest(self) -> dict[str, Any] | None:
        """What runs/<run>/manifest.json says."""
        return None if self.content is None else json.loads(self.content)

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """The manifest's entries by item."""
        assert self.manifest is not None, self.description
        return {entry["item"]: entry for entry in self.manifest["items"]}


@dataclass(frozen=True)
class Description:
    """What CloudFormation tells of a stack: its name, outputs and parameters."""

    name: str
    outputs: dict[str, str]
    parameters: dict[str, str]


class Stack:
    """A deployed stack.

    Attributes:
        connection: whom it talks to.
        description: what the stack is made of.
        prefix: what the names of all items and executions begin with; others are refused, so that nothing of
            anybody else is read, overwritten or trained.
        runs: the runs that ended, oldest first.
        actions: permissions that the calls made so far took, as `service:Action`.
    """

    def __init__(
        self, connection: Connection, description: Description, prefix: str, patience: float | None = None
    ) -> None:
        self.connection = connection
        self.description = description
        self.prefix = prefix
        self.patience = EMULATOR_PATIENCE_IN_SECONDS if patience is None else patience
        self.runs: list[Run] = []
        self.actions: set[str] = set()
        self._clients: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.description.name

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return self.description.outputs

    @property
    def url(self) -> str:
        """The endpoint that stands for AWS."""
        assert self.connection.endpoint_url is not None
        return self.connection.endpoint_url

    def own(self, stem: str) -> str:
        """Return a name that nobody else uses, for an item or an execution."""
        return f"{self.prefix}{stem}"

    def client(self, service: str) -> Any:
        """Return a boto3 client of the service."""
        if service not in self._clients:
            client = self.connection.client(service)
            client.meta.events.register("before-call", self._note)
            self._clients[service] = client
        return self._clients[service]

    def with_machine(self, arn: str) -> Stack:
        """Return the same stack, started through another state machine."""
        outputs = self.outputs | {"StateMachineArn": arn}
        return Stack(self.connection, replace(self.description, outputs=outputs), self.prefix, self.patience)

    def upload(self, item: str, content: bytes) -> None:
        """Put the item's data where the pipeline looks for it."""
        self._check_own(item)
        key = f"analysis_predict/{item}/{self.outputs['DatasetFileName']}"
        self.client("s3").put_object(Bucket=self.outputs["DataBucketName"], Key=key, Body=content)

    def read(self, key: str) -> bytes:
        """Return an object of the output bucket."""
        answer = self.client("s3").get_object(Bucket=self.outputs["OutputBucketName"], Key=key)
        body: bytes = answer["Body"].read()
        return body

    def predictions(self, entry: Mapping[str, Any]) -> bytes:
        """Return the predictions of an item, from its entry in a manifest."""
        return self.read(entry["predictionsUri"].split("/", 3)[3])

    def keys(self, prefix: str, after: str = "") -> list[str]:
        """Keys of the output bucket."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.outputs["OutputBucketName"], Prefix=prefix, StartAfter=after)
        return [entry["Key"] for page in found for entry in page.get("Contents", [])]

    def start(self, request: object, name: str) -> str:
        """Start an execution called `name`; its ARN."""
        self._check_own(name)
        self._check_items(request)
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["StateMachineArn"], input=json.dumps(request), name=name
        )
        arn: str = answer["executionArn"]
        return arn

    def wait(self, arn: str) -> Run:
        """Wait, with a bound, for the execution's end."""
        states = self.client("stepfunctions")
        looks = Looks(self.patience)
        while (told := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            looks.pause(f"{arn} did not end")
        # The folder is named by the start to the millisecond, which Step Functions does not tell as exactly.
        earliest = f"runs/{told['startDate'].astimezone() - START_TOLERANCE:%Y%m%d}"
        ending = f"-{told['name']}/manifest.json"
        found = [key for key in self.keys("runs/", after=earliest) if key.endswith(ending)]
        run = Run(arn, told, self.read(found[0]) if found else None)
        self.runs.append(run)
        return run

    def run(self, request: object, name: str) -> Run:
        """Start an execution called `name` and wait for its end."""
        return self.wait(self.start(request, name))

    def wait_for_training(self, name: str) -> Any:
        """Wait, with a bound, for the training job's end; what DescribeTrainingJob tells of it then."""
        sagemaker = self.client("sagemaker")
        looks = Looks(self.patience)
        while (told := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "InProgress":
            looks.pause(f"{name} did not end")
        return told

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
        """Return the answer of one of the stack's functions; an error's payload if it raised."""
        self._check_items(event)
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs[f"{function}FunctionName"], Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read())

    def _check_own(self, name: str) -> None:
        assert name.startswith(self.prefix), f"{name!r} is not one of this session's names ({self.prefix}…)"

    def _check_items(self, event: object) -> None:
        """Make sure that `event` names no item of somebody else."""
        if not isinstance(event, Mapping):
            return
        self._check_items(event.get("request"))
        listed = event.get("itemList")
        for entry in [event.get("item"), *(listed if isinstance(listed, list) else [])]:
            name = entry.get("item") if isinstance(entry, Mapping) else entry
            if isinstance(name, str):
                self._check_own(name)

    def _note(self, model: Any, **_others: object) -> None:
        action = f"{model.service_model.signing_name}:{model.name}"
        self.actions.add(PERMISSIONS.get(action, action))


class Looks:
    """Pauses between looks at something that takes seconds here and minutes on AWS, within a bound.

    Args:
        patience: seconds until it gives up.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._started = time.monotonic()

    def pause(self, otherwise: str) -> None:
        """Wait a twentieth of the time waited so far.

        Raises:
            AssertionError: the patience is over; says `otherwise`.
        """
        waited = time.monotonic() - self._started
        assert waited < self._patience, f"{otherwise} within {self._patience:.0f} seconds"
        time.sleep(min(max(waited / 20, SHORTEST_PAUSE), LONGEST_PAUSE))


def open_stack(connection: Connection, name: str, prefix: str, patience: float | None = None) -> Stack:
    """Return the deployed stack called `name`.

    Raises:
        ServiceError: there is none, it is none of ours, or it may not be read.
    """
    find_stack(connection, name)
    stack = Stack(connection, Description(name, {}, {}), prefix, patience)
    (told,) = stack.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    stack.outputs.update({output["OutputKey"]: output["OutputValue"] for output in told["Outputs"]})
    stack.description.parameters.update(
        {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in told["Parameters"]}
    )
    return stack
