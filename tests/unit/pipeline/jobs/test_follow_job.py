"""A job whose create call got no answer is followed: whose it is, how it ended, and how long it may take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline.caught_errors import job_of, reason_of
from pipeline.contracts import CreateModelEvent, FollowJobEvent, parse_event
from pipeline.documents import Record, TrainingJob, read_document
from pipeline.errors import (
    InvalidRequestError,
    JobFailedError,
    JobNotEndedError,
    JobNotFoundError,
    JobOverdueError,
    NameTakenError,
    ServiceRefusedError,
    ServiceThrottledError,
)
from pipeline.jobs.follow_job import follow_job

STARTED = "20261122T094236123Z"
RUN = f"{STARTED}-nightly"
CREATED = datetime(2026, 11, 22, 9, 42, 40, 5_000, tzinfo=UTC)
OWN = {"automlops:stack": "shop", "automlops:run": RUN, "automlops:item": "item1"}
# As Step Functions adds it.
MANAGED = {"MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"}
KINDS = {"training": "Training", "transform": "Transform"}
KEYS: dict[str, Any] = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    with Stubber(boto3.client("sagemaker", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def name_of(kind: str) -> str:
    return f"{'training-job' if kind == 'training' else 'batch-transform-job'}-item1-{STARTED}"


def arn_of(kind: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:{kind}-job/{name_of(kind)}"


def as_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def described(kind: str, status: str, **others: Any) -> dict[str, Any]:
    """Return SageMaker's description of the item's job."""
    noun = KINDS[kind]
    found = {
        f"{noun}JobName": name_of(kind),
        f"{noun}JobArn": arn_of(kind),
        f"{noun}JobStatus": status,
        "CreationTime": CREATED,
        **others,
    }
    if kind == "transform":
        return found | {
            "ModelName": "m",
            "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }
    return found | {
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "SecondaryStatus": others.get("SecondaryStatus", status),
    }


def answers(sagemaker: Stubber, kind: str, status: str, tags: dict[str, str] | None = None, **others: Any) -> None:
    """Add the description of the job, and its tags on two pages."""
    sagemaker.add_response(
        f"describe_{kind}_job", described(kind, status, **others), {f"{KINDS[kind]}JobName": name_of(kind)}
    )
    given = as_tags(MANAGED | OWN if tags is None else tags)
    first, rest = given[:1], given[1:]
    sagemaker.add_response(
        "list_tags", {"Tags": first} | ({"NextToken": "more"} if rest else {}), {"ResourceArn": arn_of(kind)}
    )
    if rest:
        sagemaker.add_response("list_tags", {"Tags": rest}, {"ResourceArn": arn_of(kind), "NextToken": "more"})


def follow(sagemaker: Stubber, kind: str, *, after: float = 600, timeout: int = 3600) -> dict[str, Any]:
    event = {
        "kind": kind,
        "item": "item1",
        "runId": RUN,
        "jobName": name_of(kind),
        "tags": as_tags(OWN),
        "timeoutSeconds": timeout,
    }
    client: Any = sagemaker.client
    return follow_job(parse_event(FollowJobEvent, event), client, CREATED + timedelta(seconds=after))


def test_a_completed_job_is_answered_as_the_state_that_starts_it_keeps_it(sagemaker: Stubber, kind: str) -> None:
    noun = KINDS[kind]
    others: dict[str, Any] = {
        f"{noun}StartTime": CREATED + timedelta(seconds=1),
        f"{noun}EndTime": CREATED + timedelta(seconds=9),
        **({"BillableTimeInSeconds": 8} if kind == "training" else {}),
    }
    answers(sagemaker, kind, "Completed", **others)
    answer = follow(sagemaker, kind)
    assert answer == {
        "name": name_of(kind),
        "arn": arn_of(kind),
        "status": "Completed",
        "createdAt": "2026-11-22T09:42:40.005Z",
        "startedAt": "2026-11-22T09:42:41.005Z",
        "endedAt": "2026-11-22T09:42:49.005Z",
        **({"billableSeconds": 8} if kind == "training" else {}),
    }
    # Lambda's JSON is what the next state, and who reads the record, is given.
    record = {"index": 0, "item": "item1", "endedAt": "2026-11-22T09:43:36.123Z", kind: answer}
    record |= {"error": {"Error": "X", "Cause": "y"}} if kind == "training" else {}
    kept: Any = getattr(read_document(Record, json.dumps(record).encode()), kind)
    assert (kept.created_at, kept.status) == (CREATED, "Completed")


def test_a_followed_training_is_one_that_aws_create_model_takes(sagemaker: Stubber) -> None:
    answers(sagemaker, "training", "Completed")
    event = {
        "item": "item1", "modelDataUrl": "s3://bucket/m.tar.gz", "runId": RUN, "recordKey": "k", "mode": "train",
        "fingerprint": "f", "trainedIn": RUN, "training": follow(sagemaker, "training"),
    }  # fmt: skip
    training = parse_event(CreateModelEvent, event).training
    assert training is not None
    assert training.created_at == CREATED


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_running_job_raises_job_not_ended(sagemaker: Stubber, kind: str, status: str) -> None:
    answers(sagemaker, kind, status)
    with pytest.raises(JobNotEndedError, match=f"{kind} job {name_of(kind)} is {status}"):
        follow(sagemaker, kind, after=3600)


def test_a_followed_job_has_the_same_time_limit(sagemaker: Stubber, kind: str) -> None:
    answers(sagemaker, kind, "InProgress")
    with pytest.raises(JobOverdueError, match=rf"after 3600 s and was stopped; raise {kind}\.maxRuntimeInSeconds"):
        follow(sagemaker, kind, after=3601)


def test_a_completed_job_counts_however_long_it_took(sagemaker: Stubber, kind: str) -> None:
    answers(sagemaker, kind, "Completed")
    assert follow(sagemaker, kind, after=86_400)["status"] == "Completed"


@pytest.mark.parametrize(
    ("status", "others", "reason"),
    [
        ("Failed", {"FailureReason": "AlgorithmError: no rows, exit code: 1"}, "no rows"),
        ("Stopped", {}, "ended as Stopped"),
    ],
    ids=["failed", "stopped"],
)
def test_a_failed_job_raises_with_the_description_that_step_functions_would_give(
    sagemaker: Stubber, kind: str, status: str, others: dict[str, str], reason: str
) -> None:
    answers(sagemaker, kind, status, None, **{f"{KINDS[kind]}EndTime": CREATED}, **others)
    with pytest.raises(JobFailedError) as caught:
        follow(sagemaker, kind)
    # As the Lambda integration gives an error to Step Functions.
    cause = json.dumps({"errorMessage": str(caught.value), "errorType": "JobFailedError", "stackTrace": []})
    assert reason in reason_of("JobFailedError", cause)
    job = job_of(cause)
    assert job is not None
    assert isinstance(job, TrainingJob) is (kind == "training")
    assert (job.name, job.status, job.created_at, job.ended_at) == (name_of(kind), status, CREATED, CREATED)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (OWN | {"automlops:run": f"{STARTED}-other"}, f"automlops:run is '{STARTED}-other', not '{RUN}'"),
        ({"team": "red"}, "it has no automlops:stack, it has no automlops:run"),
        ({}, "it has no automlops:stack"),
    ],
    ids=["another run's", "somebody's", "nobody's"],
)
@pytest.mark.parametrize("status", ["InProgress", "Completed", "Failed"])
def test_another_runs_job_is_left_alone(
    sagemaker: Stubber, kind: str, status: str, tags: dict[str, str], said: str
) -> None:
    answers(sagemaker, kind, status, tags)
    with pytest.raises(NameTakenError, match="was left alone") as caught:
        follow(sagemaker, kind)
    assert said in str(caught.value)


def test_a_new_job_without_tags_is_read_again(sagemaker: Stubber, kind: str) -> None:
    answers(sagemaker, kind, "InProgress", {})
    with pytest.raises(JobNotEndedError, match="no tags yet"):
        follow(sagemaker, kind, after=59)


def test_a_missing_job_raises(sagemaker: Stubber, kind: str) -> None:
    sagemaker.add_client_error(f"describe_{kind}_job", "ValidationException", "Requested resource not found.", 400)
    with pytest.raises(JobNotFoundError, match=f"there is no {kind} job {name_of(kind)}"):
        follow(sagemaker, kind)


@pytest.mark.parametrize(
    ("code", "raised"),
    [("ThrottlingException", ServiceThrottledError), ("AccessDeniedException", ServiceRefusedError)],
)
@pytest.mark.parametrize("tags", [False, True], ids=["description", "tags"])
def test_refusals_of_its_own_calls_keep_their_kind(
    sagemaker: Stubber, code: str, raised: type[Exception], *, tags: bool
) -> None:
    if tags:
        sagemaker.add_response("describe_training_job", described("training", "Completed"))
    sagemaker.add_client_error("list_tags" if tags else "describe_training_job", code, "not now", 400)
    with pytest.raises(raised):
        follow(sagemaker, "training")


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "processing"}, {"tags": []}, {"tags": [{"Key": "a"}]}, {"jobName": "a/b"}, {"timeoutSeconds": "60"}],
    ids=["kind", "no tags", "half a tag", "name", "text for a number"],
)
def test_a_wrong_event_is_refused(wrong: dict[str, Any]) -> None:
    event = {
        "kind": "training", "item": "item1", "runId": RUN, "jobName": "t", "tags": as_tags(OWN), "timeoutSeconds": 60,
    }  # fmt: skip
    assert parse_event(FollowJobEvent, event)
    with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
        parse_event(FollowJobEvent, event | wrong)
