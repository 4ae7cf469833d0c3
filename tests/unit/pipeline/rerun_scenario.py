"""A run and its reruns for tests: an output bucket, executions and jobs in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from pipeline.preparation.reruns import CurrentRerun, Rerun, Services, marker_key, select_for_rerun
from tests.unit.pipeline.stored_documents import BUCKET, Bucket, failure, line, refusal, success

# A run and its reruns, oldest first.
R0, R1, R2, R3 = (f"20261122T0{hour}0000000Z-x" for hour in range(4))
TRAINED = {
    "name": "t-item0-20261122T000000000Z",
    "arn": "arn:t",
    "status": "Completed",
    "createdAt": 1795340556123,
}


class Executions:
    """Step Functions' client: execution to status; an unknown execution no longer exists."""

    def __init__(self, statuses: Mapping[str, str] | None = None) -> None:
        self.statuses = dict(statuses or {})

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        if executionArn not in self.statuses:
            raise refusal("ExecutionDoesNotExist")
        return {"status": self.statuses[executionArn]}


class Jobs:
    """SageMaker's client: training job to status, or to an error code; calls are recorded."""

    def __init__(self, statuses: Mapping[str, str] | None = None) -> None:
        self.statuses = dict(statuses or {})
        self.asked: list[str] = []
        # Names that each listing returns, and names that were stopped or deleted.
        self.left: dict[str, list[str]] = {}
        self.removed: list[str] = []

    def get_paginator(self, listing: str) -> Any:
        if listing == "list_tags":
            # The run of a job is in its name, and the name is in its ARN.
            return SimpleNamespace(
                paginate=lambda ResourceArn: [  # noqa: N803 - boto3's names
                    {"Tags": [{"Key": "automlops:run", "Value": f"{ResourceArn.rpartition('-')[2]}-x"}]}
                ]
            )
        entries, key = {
            "list_models": ("Models", "ModelName"),
            "list_training_jobs": ("TrainingJobSummaries", "TrainingJobName"),
            "list_transform_jobs": ("TransformJobSummaries", "TransformJobName"),
        }[listing]
        arn = key.replace("Name", "Arn")
        page = {entries: [{key: name, arn: f"arn:{name}"} for name in self.left.get(listing, [])]}
        return SimpleNamespace(paginate=lambda **_: [page])

    def stop_training_job(self, *, TrainingJobName: str) -> None:  # noqa: N803 - boto3's names
        self.removed.append(TrainingJobName)
        self.statuses[TrainingJobName] = "Stopping"

    def delete_model(self, *, ModelName: str) -> None:  # noqa: N803 - boto3's names
        self.removed.append(ModelName)

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.asked.append(TrainingJobName)
        status = self.statuses.get(TrainingJobName, "ValidationException")
        if status.endswith("Exception"):
            raise refusal(status)
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobArn": "arn:t",
            "TrainingJobStatus": status,
            "CreationTime": datetime(2026, 11, 22, 9, 42, 36, 123_000, tzinfo=UTC),
        }


class RerunScenario:
    """An output bucket, executions and jobs, and the rerun of a run in them."""

    def __init__(self) -> None:
        self.s3 = Bucket()
        self.executions = Executions()
        self.jobs = Jobs()

    def rerun(self, run_id: str, of: str = R0, *, keep_models: bool = False) -> Rerun:
        """Return the result of select_for_rerun for the rerun `run_id`."""
        stubs: Any = (self.s3, lambda: self.executions, lambda: self.jobs)
        services = Services(*stubs)
        return select_for_rerun(
            of, CurrentRerun(run_id, f"arn:{run_id}"), BUCKET, services, keep_models=keep_models
        )

    def add_rerun(
        self, run_id: str, of: str, lines: list[dict[str, Any]], *records: dict[str, Any], root: str = R0
    ) -> None:
        """Add a rerun that has ended."""
        self.s3.add(marker_key(root, run_id), {"executionArn": f"arn:{run_id}"})
        self.s3.add_run(run_id, lines, rerunOf=of)
        for record in records:
            self.s3.add_record(run_id, record)

    def add_training(self, whole: dict[str, Any], *, sample: bool = True, artifact: bool = True) -> None:
        """Add the objects that the line's training has written."""
        if artifact:
            self.s3.add(whole["model"]["modelDataUrl"].removeprefix(f"s3://{BUCKET}/"), b"x")
        if sample:
            self.s3.add(f"analysis_predicted/{whole['item']}/{whole['trainedIn']}/sample_prediction.csv", b"x")


def scenario_with_a_run() -> RerunScenario:
    """Return run R0 with four items: one succeeded, one failed in training, one after training, one was cut off."""
    scenario = RerunScenario()
    scenario.s3.add_run(R0, [line(index, R0) for index in range(4)])
    scenario.s3.add_record(R0, success(0))
    scenario.s3.add_record(R0, failure(1))
    scenario.s3.add_record(R0, failure(2, stage="StartBatchTransformJob", training=trained(2)))
    return scenario


def trained(index: int, run_id: str = R0) -> dict[str, Any]:
    return TRAINED | {"name": f"t-item{index}-{run_id.partition('-')[0]}"}


def items(rerun: Rerun) -> list[str]:
    return [entry.item for entry in rerun.entries]
