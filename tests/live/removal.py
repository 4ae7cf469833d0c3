"""Finds and removes what one live session made on a stack, and nothing else: everything is known by its name."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from automlops.aws.connection import service_errors
from tests.live.stack import Looks, Stack

PREFIX = re.compile(r"test-[0-9a-f]{8}-")
# A training job that is told to stop has two minutes, and one that is starting takes its time to hear of it.
STOP_PATIENCE_IN_SECONDS = 1200.0
# What is uploaded while something ends is found by the next sweep.
SWEEPS = 3
# DeleteObjects takes no more.
OBJECTS_PER_REQUEST = 1000
# SageMaker's answer about a job that has ended meanwhile, or a model that is gone.
TOO_LATE = "ValidationException"

Tell = Callable[[str], None]


def new_prefix() -> str:
    """Return what the names of a session's items and executions begin with."""
    return f"test-{secrets.token_hex(4)}-"


@dataclass
class Found:
    """What there is of one session.

    Attributes:
        executions: ARNs of those that run.
        map_runs: ARNs of those that have not ended, of the executions that were stopped.
        training_jobs: names → status.
        transform_jobs: names → status.
        models: names.
        versions: bucket → (key, version) of objects and of delete markers.
    """

    executions: list[str] = field(default_factory=list)
    map_runs: list[str] = field(default_factory=list)
    training_jobs: dict[str, str] = field(default_factory=dict)
    transform_jobs: dict[str, str] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    versions: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def moving(self) -> list[str]:
        """What still costs and may still write, by name."""
        jobs = self.training_jobs | self.transform_jobs
        running = [name for name, status in jobs.items() if status in {"InProgress", "Stopping"}]
        return [*self.executions, *self.map_runs, *running]

    @property
    def left(self) -> list[str]:
        """What there is besides that which AWS keeps, by name."""
        objects = dict.fromkeys(
            f"s3://{bucket}/{key}" for bucket, found in self.versions.items() for key, _ in found
        )
        return [*self.moving, *self.models, *objects]


class NotRemovedError(Exception):
    """Something of the session is left; says what."""


class Remover:
    """Removes what the session of a stack's prefix made.

    Attributes:
        objects: versions deleted so far.
        models: deleted so far.
        stopped: executions and jobs stopped so far, by ARN or name.
    """

    def __init__(self, stack: Stack, patience: float = STOP_PATIENCE_IN_SECONDS) -> None:
        """Take the stack, and the seconds that jobs may take to stop.

        Raises:
            ValueError: the stack's prefix is no session's.
        """
        if not PREFIX.fullmatch(stack.prefix):
            raise ValueError(f"{stack.prefix!r} is no live session's prefix: only what one made is removed")
        self._stack = stack
        self._prefix = stack.prefix
        self._patience = patience
        self._executions: set[str] = set()
        self.objects = 0
        self.models = 0
        self.stopped: set[str] = set()

    def find(self) -> Found:
        """Return what there is now.

        Raises:
            ServiceError: AWS may not be asked.
        """
        found = Found()
        states = self._stack.client("stepfunctions")
        with service_errors("list the stack's executions"):
            pages = states.get_paginator("list_executions").paginate(
                stateMachineArn=self._stack.outputs["StateMachineArn"], statusFilter="RUNNING"
            )
            entries = [entry for page in pages for entry in page["executions"]]
            found.executions = [one["executionArn"] for one in entries if one["name"].startswith(self._prefix)]
            for arn in self._executions:
                map_runs = states.list_map_runs(executionArn=arn)["mapRuns"]
                found.map_runs += [one["mapRunArn"] for one in map_runs if "stopDate" not in one]
        with service_errors("list SageMaker's jobs and models"):
            found.training_jobs = {
                one["TrainingJobName"]: one["TrainingJobStatus"]
                for one in self._named("TrainingJob", "training-job-")
            }
            found.transform_jobs = {
                one["TransformJobName"]: one["TransformJobStatus"]
                for one in self._named("TransformJob", "batch-transform-job-")
            }
            found.models = [one["ModelName"] for one in self._named("Model", "model-")]
        with service_errors("list the versions of objects"):
            for bucket, prefix in self._places():
                found.versions.setdefault(bucket, []).extend(self._versions(bucket, prefix))
        return found

    def remove(self, tell: Tell) -> Found:
        """Stop what runs, delete models and objects, and make sure of it.

        What costs is stopped first, and nothing is waited for before everything has been tried once: whoever is killed
        on the way has done the most.

        Args:
            tell: receives lines for the user.

        Returns:
            What there was at last: nothing but what AWS keeps.

        Raises:
            NotRemovedError: something is left.
            ServiceError: AWS says no.
        """
        looks = Looks(self._patience)
        found = self.find()
        if found.moving:
            tell(f"stopping {len(found.moving)} executions and jobs: {', '.join(found.moving)}")
        sweeps = 0
        while found.left:
            if not found.moving:
                sweeps += 1
            if sweeps > SWEEPS:
                raise NotRemovedError(f"it comes back again and again: {', '.join(found.left)}")
            self._stop(found)
            self._delete(found)
            if found.moving:
                try:
                    looks.pause("something did not end")
                except AssertionError as error:
                    raise NotRemovedError(f"{error}: {', '.join(found.moving)}") from error
            found = self.find()
        return found

    def _stop(self, found: Found) -> None:
        with service_errors("stop executions"):
            for arn in found.executions:
                self._stack.client("stepfunctions").stop_execution(executionArn=arn)
                self._executions.add(arn)
                self.stopped.add(arn)
        sagemaker = self._stack.client("sagemaker")
        with service_errors("stop jobs"):
            for name in _in_progress(found.training_jobs):
                with _too_late_is_fine():
                    sagemaker.stop_training_job(TrainingJobName=name)
                    self.stopped.add(name)
            for name in _in_progress(found.transform_jobs):
                with _too_late_is_fine():
                    sagemaker.stop_transform_job(TransformJobName=name)
                    self.stopped.add(name)

    def _delete(self, found: Found) -> None:
        with service_errors("delete models"):
            for name in found.models:
                with _too_late_is_fine():
                    self._stack.client("sagemaker").delete_model(ModelName=name)
                    self.models += 1
        with service_errors("delete versions of objects"):
            for bucket, versions in found.versions.items():
                for start in range(0, len(versions), OBJECTS_PER_REQUEST):
                    batch = versions[start : start + OBJECTS_PER_REQUEST]
                    answer = self._stack.client("s3").delete_objects(
                        Bucket=bucket,
                        Delete={
                            "Objects": [{"Key": key, "VersionId": version} for key, version in batch],
                            "Quiet": True,
                        },
                    )
                    if errors := answer.get("Errors"):
                        raise NotRemovedError(f"s3://{bucket}/{errors[0]['Key']}: {errors[0]['Message']}")
                    self.objects += len(batch)

    def _named(self, noun: str, kind: str) -> Iterator[dict[str, Any]]:
        """Entries of SageMaker's jobs or models whose name is `kind` and the session's prefix and more."""
        method = {
            "TrainingJob": "list_training_jobs",
            "TransformJob": "list_transform_jobs",
            "Model": "list_models",
        }
        pages = self._stack.client("sagemaker").get_paginator(method[noun])
        beginning = f"{kind}{self._prefix}"
        for page in pages.paginate(NameContains=beginning):
            key = {"Model": "Models"}.get(noun, f"{noun}Summaries")
            yield from (entry for entry in page[key] if entry[f"{noun}Name"].startswith(beginning))

    def _places(self) -> Iterator[tuple[str, str]]:
        """Buckets and prefixes of keys that are the session's."""
        outputs = self._stack.outputs
        output_bucket = outputs["OutputBucketName"]
        yield outputs["DataBucketName"], f"analysis_predict/{self._prefix}"
        yield output_bucket, f"analysis_predicted/{self._prefix}"
        yield output_bucket, f"analysis_predicted_out/{self._prefix}"
        # Runs are named by their time first. Folders of deleted objects count.
        own = re.compile(rf"runs/\d{{8}}T\d{{9}}Z-{re.escape(self._prefix)}[A-Za-z0-9_-]*/")
        pages = self._stack.client("s3").get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=output_bucket, Prefix="runs/", Delimiter="/"):
            for folder in page.get("CommonPrefixes", []):
                if own.fullmatch(folder["Prefix"]):
                    yield output_bucket, folder["Prefix"]

    def _versions(self, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
        pages = self._stack.client("s3").get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield entry["Key"], entry["VersionId"]


def _in_progress(jobs: dict[str, str]) -> list[str]:
    return [name for name, status in jobs.items() if status == "InProgress"]


@contextmanager
def _too_late_is_fine() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != TOO_LATE:
            raise
