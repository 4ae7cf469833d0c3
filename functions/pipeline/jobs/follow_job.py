"""Follows a job whose create call got no answer: whether it is the item's own, and how it ended."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.aws import sagemaker_api
from pipeline.caught_errors import timeout_reason
from pipeline.documents import COMPLETED, as_json, training_job_of, transform_job_of
from pipeline.errors import JobFailedError, JobNotEndedError, JobNotFoundError, JobOverdueError, NameTakenError
from pipeline.fields import iso_text

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.contracts import FollowJobEvent

Answer = dict[str, Any]

FAILED, STOPPED = "Failed", "Stopped"
# AWS does not say that a job's tags can be read as soon as the job can.
TAGS_MAY_TAKE = timedelta(seconds=60)
# What is told of a job that failed: the parts of its description that reasons and records are made of.
_TOLD = frozenset({"SecondaryStatus", "FailureReason", "CreationTime", "BillableTimeInSeconds"})
_TOLD_OF_KIND = ("JobName", "JobArn", "JobStatus", "StartTime", "EndTime")


def follow_job(event: FollowJobEvent, sagemaker: SageMakerClient, now: datetime) -> Answer:
    """Finds the job ended well.

    Returns:
        The job as the state that starts it keeps it: name, arn, status, createdAt, startedAt and endedAt (ISO 8601 in
        UTC), and billableSeconds of a training job.

    Raises:
        JobNotFoundError: there is none.
        NameTakenError: it is another's, which has the name.
        JobNotEndedError: it is under way; ask again.
        JobOverdueError: it is under way, and has been there for longer than it may take.
        JobFailedError: it ended otherwise; the message is its description as JSON, as Step Functions gives it for a job
            that it has waited for itself.
    """
    what = f"{event.kind} job {event.job_name}"
    described = _describe(event, sagemaker)
    if described is None:
        raise JobNotFoundError(f"there is no {what}: SageMaker has not started it")
    noun = event.kind.capitalize()
    status, age = described[f"{noun}JobStatus"], now - described["CreationTime"]
    _require_own(event, sagemaker_api.tags_of(sagemaker, described[f"{noun}JobArn"]), what, age)
    if status == COMPLETED:
        return as_json(training_job_of(described) if event.kind == "training" else transform_job_of(described))
    if status in {FAILED, STOPPED}:
        told = _TOLD.union(f"{noun}{part}" for part in _TOLD_OF_KIND)
        raise JobFailedError(
            json.dumps({name: described[name] for name in described if name in told}, default=iso_text)
        )
    if age.total_seconds() > event.timeout_seconds:
        raise JobOverdueError(timeout_reason(event.kind, event.job_name, event.timeout_seconds))
    raise JobNotEndedError(f"{what} is {status}")


def _describe(event: FollowJobEvent, sagemaker: SageMakerClient) -> dict[str, Any] | None:
    describe = (
        sagemaker_api.describe_training_job if event.kind == "training" else sagemaker_api.describe_transform_job
    )
    return describe(sagemaker, event.job_name)


def _require_own(event: FollowJobEvent, found: dict[str, str], what: str, age: timedelta) -> None:
    """Refuse a job that has not all of the tags that the item's job was asked for with."""
    missing = {tag.key: tag.value for tag in event.tags if found.get(tag.key) != tag.value}
    if not missing:
        return
    if not found and age < TAGS_MAY_TAKE:
        raise JobNotEndedError(f"{what} has no tags yet")
    differences = ", ".join(
        f"{key} is {found[key]!r}, not {value!r}" if key in found else f"it has no {key}"
        for key, value in missing.items()
    )
    raise NameTakenError(
        f"another {what} is there, which this run has not started ({differences}); it was left alone. Run the item again:"
        " a new run has names of its own"
    )
