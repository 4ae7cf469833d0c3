"""Runs the whole pipeline on an emulator in a process of its own, with a given account."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from automlops.aws.connection import Connection, connect_emulator
from automlops.aws.stack import DEFAULT_NAME, Stack, find_stack
from automlops.local.emulator_process import COMMAND, local_emulator
from benchmarks.child_history import Child, read_child
from emulator.account.plan import Account, InstanceQuota
from pipeline.layout import RUNS_PREFIX, data_key

# The data of stand-in jobs, which do not read it.
DATA = b"Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
SHORTEST_PAUSE = 0.2


@dataclass(frozen=True)
class Run:
    """An execution that ended.

    Attributes:
        arn: the execution.
        run_id: the run's id.
        started: the execution's start.
        stopped: the execution's end.
        statuses: the verdict of each item in the manifest.
    """

    arn: str
    run_id: str
    started: datetime
    stopped: datetime
    statuses: Mapping[str, str]

    @property
    def seconds(self) -> float:
        """The duration in seconds of this machine."""
        return (self.stopped - self.started).total_seconds()


@dataclass(frozen=True)
class Job:
    """A training or transform job; `ended` is None while it runs or stops."""

    name: str
    created: datetime
    ended: datetime | None


class EmulatedStack:
    """The project's stack on an emulator."""

    def __init__(self, connection: Connection, stack: Stack) -> None:
        """Create the clients of the connection."""
        self._stack = stack
        self._s3 = connection.client("s3")
        self._states = connection.client("stepfunctions")
        self._sagemaker = connection.client("sagemaker")

    def upload(self, items: Sequence[str]) -> None:
        """Upload a file for each item."""
        for item in items:
            key = data_key(item, self._stack.dataset_file_name)
            self._s3.put_object(Bucket=self._stack.data_bucket, Key=key, Body=DATA)

    def run(self, request: Mapping[str, Any], name: str, patience: float) -> Run:
        """Start an execution, and wait until it has ended.

        Args:
            request: the execution's input.
            name: the execution's name.
            patience: longest duration in seconds of this machine.

        Raises:
            TimeoutError: the execution takes longer.
            LookupError: the execution ended without a manifest; the message has its status.
        """
        arn = self._states.start_execution(
            stateMachineArn=self._stack.state_machine_arn, name=name, input=json.dumps(request)
        )["executionArn"]
        deadline = time.monotonic() + patience
        while (execution := self._states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} took longer than {patience:.0f} s")
            time.sleep(SHORTEST_PAUSE)
        manifest = self._read_manifest(name)
        if manifest is None:
            cause = execution.get("cause", "no cause")
            raise LookupError(f"{name} ended {execution['status']} without a manifest: {cause}")
        statuses = {entry["item"]: entry["status"] for entry in manifest["items"]}
        return Run(arn, manifest["runId"], execution["startDate"], execution["stopDate"], statuses)

    def map_seconds(self, run: Run) -> float:
        """Return the duration of the run's map in seconds of this machine, from before its first item to after its last."""
        map_run = self._map_run(run)
        seconds: float = (map_run["stopDate"] - map_run["startDate"]).total_seconds()
        return seconds

    def children(self, run: Run) -> Iterator[Child]:
        """Yield the run's items, each from its child execution's history."""
        map_run = self._map_run(run)
        for page in self._states.get_paginator("list_executions").paginate(mapRunArn=map_run["mapRunArn"]):
            for entry in page["executions"]:
                pages = self._states.get_paginator("get_execution_history").paginate(
                    executionArn=entry["executionArn"]
                )
                yield read_child([event for events in pages for event in events["events"]])

    def training_jobs(self) -> list[Job]:
        """Return all training jobs, ended ones included."""
        pages = self._sagemaker.get_paginator("list_training_jobs").paginate()
        found = (job for page in pages for job in page["TrainingJobSummaries"])
        return [Job(j["TrainingJobName"], j["CreationTime"], j.get("TrainingEndTime")) for j in found]

    def transform_jobs(self) -> list[Job]:
        """Return all transform jobs, ended ones included."""
        pages = self._sagemaker.get_paginator("list_transform_jobs").paginate()
        found = (job for page in pages for job in page["TransformJobSummaries"])
        return [Job(j["TransformJobName"], j["CreationTime"], j.get("TransformEndTime")) for j in found]

    def _map_run(self, run: Run) -> Any:
        (map_run,) = self._states.list_map_runs(executionArn=run.arn)["mapRuns"]
        return map_run

    def _read_manifest(self, name: str) -> Any:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._stack.output_bucket, Prefix=f"{RUNS_PREFIX}/"
        )
        for page in pages:
            for entry in page.get("Contents", []):
                if entry["Key"].endswith(f"-{name}/manifest.json"):
                    answer = self._s3.get_object(Bucket=self._stack.output_bucket, Key=entry["Key"])
                    return json.load(answer["Body"])
        return None


@contextmanager
def emulated_stack(account: Account, work: Path) -> Iterator[EmulatedStack]:
    """Run a stack on an emulator of the account during the block.

    Args:
        account: the account's plan.
        work: folder for the plan's file.

    Raises:
        EmulatorError: the emulator does not start.
    """
    plan = work / "account.json"
    plan.write_text(account.model_dump_json(by_alias=True), encoding="utf-8")
    with local_emulator((*COMMAND, "--account", str(plan))) as url:
        connection = connect_emulator(url)
        yield EmulatedStack(connection, find_stack(connection, DEFAULT_NAME))


def most_at_once(jobs: Sequence[Job]) -> int:
    """Return the largest number of jobs at the same time; a job that ends as another starts does not count."""
    # Ends sort before starts at the same time.
    changes = sorted(
        [(job.created, 1) for job in jobs] + [(job.ended, -1) for job in jobs if job.ended is not None]
    )
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def quotas(instance_type: str, limit: int) -> list[InstanceQuota]:
    """Return the same quota for both uses of an instance type."""
    return [
        InstanceQuota(instance_type=instance_type, use="training", limit=limit),
        InstanceQuota(instance_type=instance_type, use="transform", limit=limit),
    ]
