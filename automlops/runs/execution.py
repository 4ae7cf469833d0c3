"""Starts an execution of the state machine, and follows it to its end."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from automlops.aws.connection import service_errors
from automlops.errors import CommandError, ServiceError
from pipeline.layout import RUNS_PREFIX, records_prefix
from pipeline.naming import run_id, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

RUNNING: Final = "RUNNING"
# The start in the run's id may differ by so much from Step Functions' startDate.
START_TOLERANCE = timedelta(minutes=1)
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 10.0


@dataclass(frozen=True)
class Execution:
    """One execution of the state machine."""

    arn: str
    name: str
    started: datetime


@dataclass(frozen=True)
class Snapshot:
    """The progress of an execution.

    Attributes:
        status: the execution's status.
        total: number of items of the map run; 0 before it starts.
        running: number of items with a running child execution.
        recorded: number of items with a record, of success or failure.
        error: name of the error that ended the execution.
        cause: the error's cause.
    """

    status: str = RUNNING
    total: int = 0
    running: int = 0
    recorded: int = 0
    error: str = ""
    cause: str = ""


def require_free_name(sfn: SFNClient, state_machine_arn: str, name: str) -> None:
    """Raise an error if the state machine has, or had in the last 90 days, an execution with this name.

    Raises:
        CommandError: it has.
        ServiceError: a call to Step Functions failed.
    """
    arn = f"{state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"
    try:
        with service_errors(f"ask whether there is an execution {name!r}"):
            sfn.describe_execution(executionArn=arn)
    except ServiceError as error:
        if error.code != "ExecutionDoesNotExist":
            raise
        return
    raise _name_taken(name)


def find_running(sfn: SFNClient, state_machine_arn: str, limit: int) -> list[Execution]:
    """Return the executions under way, the latest first, at most `limit` and one more.

    Raises:
        ServiceError: a call to Step Functions failed.
    """
    pages = sfn.get_paginator("list_executions").paginate(
        stateMachineArn=state_machine_arn,
        statusFilter=RUNNING,
        PaginationConfig={"MaxItems": limit + 1, "PageSize": limit + 1},
    )
    with service_errors("list the executions under way"):
        return [
            Execution(found["executionArn"], found["name"], found["startDate"])
            for page in pages
            for found in page["executions"]
        ]


def read_input(sfn: SFNClient, execution_arn: str) -> str:
    """Return the execution's input, in JSON; "" if Step Functions returns none.

    Raises:
        ServiceError: a call to Step Functions failed.
    """
    with service_errors(f"ask what {execution_arn} runs"):
        return sfn.describe_execution(executionArn=execution_arn).get("input", "")


def start_execution(sfn: SFNClient, state_machine_arn: str, request: Mapping[str, Any], name: str) -> Execution:
    """Start an execution with `request` as its input.

    Raises:
        CommandError: the name is taken.
        ServiceError: Step Functions refuses.
    """
    try:
        with service_errors(f"start the execution {name!r}"):
            started = sfn.start_execution(
                stateMachineArn=state_machine_arn, name=name, input=json.dumps(request, ensure_ascii=False)
            )
    except ServiceError as error:
        if error.code != "ExecutionAlreadyExists":
            raise
        raise _name_taken(name) from error
    return Execution(started["executionArn"], name, started["startDate"])


def _name_taken(name: str) -> CommandError:
    return CommandError(f"There already is an execution named {name!r}.", "Give another --name.")


class Watch:
    """Reads the progress of one execution, at a cost that does not grow with its child executions' history.

    Args:
        sfn: Step Functions client.
        s3: S3 client.
        bucket: the stack's output bucket.
        execution: the execution.
    """

    def __init__(self, sfn: SFNClient, s3: S3Client, bucket: str, execution: Execution) -> None:
        self._sfn = sfn
        self._s3 = s3
        self._bucket = bucket
        self._execution = execution
        self._map_run_arn: str | None = None
        self._run_id: str | None = None

    def look(self) -> Snapshot:
        """Return the progress of the execution.

        Raises:
            ServiceError: a call to AWS failed.
        """
        with service_errors("read the progress of the run"):
            description = self._sfn.describe_execution(executionArn=self._execution.arn)
            snapshot = Snapshot(
                description["status"], error=description.get("error", ""), cause=description.get("cause", "")
            )
            if self._map_run_arn is None:
                map_runs = self._sfn.list_map_runs(executionArn=self._execution.arn)["mapRuns"]
                self._map_run_arn = map_runs[0]["mapRunArn"] if map_runs else None
            if self._map_run_arn is None:
                return snapshot
            counts = self._sfn.describe_map_run(mapRunArn=self._map_run_arn)["itemCounts"]
        return replace(snapshot, total=counts["total"], running=counts["running"], recorded=self._count_records())

    def find_run_id(self) -> str | None:
        """Return the run's id, found by its folder in the output bucket; None if PrepareRun has written none.

        It cannot be computed from Step Functions' startDate, which is not exact enough.
        """
        if self._run_id is None:
            ending = run_id("", self._execution.name)
            earliest = timestamp(self._execution.started - START_TOLERANCE)
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket,
                Prefix=f"{RUNS_PREFIX}/",
                Delimiter="/",
                StartAfter=f"{RUNS_PREFIX}/{earliest}",
            )
            with service_errors(f"list the runs in {self._bucket}"):
                for page in pages:
                    for folder in page.get("CommonPrefixes", []):
                        found = folder["Prefix"].removeprefix(f"{RUNS_PREFIX}/").removesuffix("/")
                        if found[len(earliest) :] == ending:
                            self._run_id = found
        return self._run_id

    def _count_records(self) -> int:
        found = self.find_run_id()
        if found is None:
            return 0
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=records_prefix(found)
        )
        with service_errors(f"list the records in {self._bucket}"):
            return sum(page["KeyCount"] for page in pages)


def follow(look: Callable[[], Snapshot], sleep: Callable[[float], None]) -> Iterator[Snapshot]:
    """Yield snapshots until the execution has ended; the last one shows its end.

    The pauses between them grow with the time waited, from half a second to ten seconds.
    """
    waited = 0.0
    while True:
        snapshot = look()
        yield snapshot
        if snapshot.status != RUNNING:
            return
        pause = min(max(waited / 20, SHORTEST_PAUSE), LONGEST_PAUSE)
        sleep(pause)
        waited += pause
