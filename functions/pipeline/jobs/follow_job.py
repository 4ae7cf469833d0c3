"""Follows a job whose create call got no answer: checks that it is the item's own, and returns how it ended."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.aws import sagemaker_api
from pipeline.caught_errors import timeout_reason
from pipeline.documents import (
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_STOPPED,
    as_json,
    training_job_of,
    transform_job_of,
)
from pipeline.errors import JobFailedError, JobNotEndedError, JobNotFoundError, JobOverdueError, NameTakenError
from pipeline.fields import iso_text

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.contracts import FollowJobEvent

Answer = dict[str, Any]

# AWS does not guarantee that the tags of a new job can be read as soon as the job.
TAGS_MAY_TAKE = timedelta(seconds=60)
# The keys of a failed job's description that the error's message keeps; reasons and records are made of them.
_SHARED_KEYS = frozenset({"SecondaryStatus", "FailureReason", "CreationTime", "BillableTimeInSeconds"})
# In the description, `Training` or `Transform` stands before these.
_KEYS_BY_KIND = ("JobName", "JobArn", "JobStatus", "StartTime", "EndTime")


def follow_job(event: FollowJobEvent, sagemaker: SageMakerClient, now: datetime) -> Answer:
    """Return the job if it has completed.

    Returns:
        The job as the state that creates it would keep it: name, arn, status, createdAt, startedAt and endedAt (ISO 8601
        in UTC), and billableSeconds of a training job.

    Raises:
        JobNotFoundError: there is no such job.
        NameTakenError: the job of this name was not created by this run.
        JobNotEndedError: it is still running; call again later.
        JobOverdueError: it is still running, and its time is up.
        JobFailedError: it failed or was stopped; the message is its description as JSON, like the Cause that Step
            Functions gives for a job for which it has waited itself.
    """
    what = f"{event.kind} job {event.job_name}"
    described = _describe(event, sagemaker)
    if described is None:
        raise JobNotFoundError(f"there is no {what}: SageMaker has not started it")
    noun = event.kind.capitalize()
    status, age = described[f"{noun}JobStatus"], now - described["CreationTime"]
    _require_own(event, sagemaker_api.tags_of(sagemaker, described[f"{noun}JobArn"]), what, age)
    if status == JOB_COMPLETED:
        return as_json(training_job_of(described) if event.kind == "training" else transform_job_of(described))
    if status in {JOB_FAILED, JOB_STOPPED}:
        keys = _SHARED_KEYS.union(f"{noun}{key}" for key in _KEYS_BY_KIND)
        raise JobFailedError(
            json.dumps({key: described[key] for key in described if key in keys}, default=iso_text)
        )
    if age.total_seconds() > event.timeout_seconds:
        raise JobOverdueError(timeout_reason(event.kind, event.job_name, event.timeout_seconds))
    raise JobNotEndedError(f"{what} is {status}")


def _describe(event: FollowJobEvent, sagemaker: SageMakerClient) -> dict[str, Any] | None:
    describe = (
        sagemaker_api.describe_training_job if event.kind == "training" else sagemaker_api.describe_transform_job
    )
    return describe(sagemaker, event.job_name)


def _require_own(event: FollowJobEvent, tags: dict[str, str], what: str, age: timedelta) -> None:
    """Raise an error unless the job has all tags of the request that creates the item's job."""
    missing = {tag.key: tag.value for tag in event.tags if tags.get(tag.key) != tag.value}
    if not missing:
        return
    if not tags and age < TAGS_MAY_TAKE:
        raise JobNotEndedError(f"{what} has no tags yet")
    differences = ", ".join(
        f"{key} is {tags[key]!r}, not {value!r}" if key in tags else f"it has no {key}"
        for key, value in missing.items()
    )
    raise NameTakenError(
        f"there is another {what}, which this run did not start ({differences}); it was left alone. Run the item again:"
        " a new run uses new names"
    )
