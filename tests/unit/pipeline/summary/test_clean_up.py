"""A run's jobs and models are removed from SageMaker, others are not, and a failure there is only reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline.summary.clean_up import Removed, clean_up
from pipeline.work_list import read_work_list
from tests.unit.pipeline.stored_documents import line

RUN = "20261122T094236123Z-x"
STARTED = "20261122T094236123Z"
KEYS: dict[str, Any] = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
WHEN = "2026-11-22T09:42:36Z"


@pytest.fixture
def stubber() -> Iterator[Stubber]:
    with Stubber(boto3.client("sagemaker", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def remove(stubber: Stubber, *, models: bool = True, jobs: bool = True, **others: Any) -> Removed:
    work = [
        line(0, RUN),
        line(1, RUN),
        # Refused: it has no jobs.
        line(2, RUN, trainingJob=None, model=None, transformJob=None),
        # The training that it keeps is of another run.
        line(3, RUN, trainingJob=None, training={"name": "t-old", "status": "Completed"}),
    ]
    lines = read_work_list(json.dumps(work).encode())
    client: Any = stubber.client
    return clean_up(client, RUN, lines, models=models, jobs=jobs, **others)


def summary(kind: str, name: str) -> dict[str, Any]:
    if kind == "Model":
        return {"ModelName": name, "ModelArn": f"arn:aws:sagemaker:::model/{name}", "CreationTime": WHEN}
    job = f"{kind}Job"
    return {
        f"{job}Name": name,
        f"{job}Arn": f"arn:aws:sagemaker:::job/{name}",
        "CreationTime": WHEN,
        f"{job}Status": "InProgress",
    }


def lists(
    stubber: Stubber, kind: str, names: list[str], token: str | None = None, asked: str | None = None
) -> None:
    """Add SageMaker's listing of `names`."""
    operation, entries = {
        "Model": ("list_models", "Models"),
        "Training": ("list_training_jobs", "TrainingJobSummaries"),
        "Transform": ("list_transform_jobs", "TransformJobSummaries"),
    }[kind]
    wanted: dict[str, Any] = {"NameContains": STARTED, "MaxResults": 100}
    if kind != "Model":
        wanted["StatusEquals"] = "InProgress"
    if asked:
        wanted["NextToken"] = asked
    answer: dict[str, Any] = {entries: [summary(kind, name) for name in names]}
    stubber.add_response(operation, answer | ({"NextToken": token} if token else {}), wanted)


def has_tags(stubber: Stubber, kind: str, name: str, run: str | None = RUN) -> None:
    """Add tags that name the run, or no run."""
    tags = [{"Key": "automlops:run", "Value": run}] if run else []
    stubber.add_response("list_tags", {"Tags": tags}, {"ResourceArn": summary(kind, name)[f"{kind}JobArn"]})


def test_models_are_deleted_that_the_work_list_names(stubber: Stubber) -> None:
    lists(stubber, "Model", [f"somebodys-{STARTED}"], token="more")
    lists(stubber, "Model", [f"m-item3-{STARTED}", f"m-item2-{STARTED}"], asked="more")
    stubber.add_response("delete_model", {}, {"ModelName": f"m-item3-{STARTED}"})
    assert remove(stubber, jobs=False) == Removed(models=[f"m-item3-{STARTED}"])


def test_jobs_are_stopped_before_models_go(stubber: Stubber) -> None:
    lists(stubber, "Training", [f"t-item1-{STARTED}", "t-old"])
    has_tags(stubber, "Training", f"t-item1-{STARTED}")
    stubber.add_response("stop_training_job", {}, {"TrainingJobName": f"t-item1-{STARTED}"})
    lists(stubber, "Transform", [f"b-item0-{STARTED}"])
    has_tags(stubber, "Transform", f"b-item0-{STARTED}")
    stubber.add_response("stop_transform_job", {}, {"TransformJobName": f"b-item0-{STARTED}"})
    lists(stubber, "Model", [f"m-item0-{STARTED}"])
    stubber.add_response("delete_model", {}, {"ModelName": f"m-item0-{STARTED}"})
    found = remove(stubber)
    assert found.training_jobs == [f"t-item1-{STARTED}"]
    assert found.transform_jobs == [f"b-item0-{STARTED}"]
    assert found.models == [f"m-item0-{STARTED}"]
    assert found.problems == []


@pytest.mark.parametrize("run", [f"{STARTED}-other", None], ids=["another run's", "no run's"])
def test_a_job_that_only_has_the_name_of_the_runs_is_left_alone(stubber: Stubber, run: str | None) -> None:
    lists(stubber, "Training", [f"t-item1-{STARTED}"])
    has_tags(stubber, "Training", f"t-item1-{STARTED}", run)
    lists(stubber, "Transform", [])
    found = remove(stubber, models=False)
    assert (found.training_jobs, len(found.problems)) == ([], 1)
    assert f"t-item1-{STARTED} was left alone" in found.problems[0]


def test_a_job_whose_tags_cannot_be_read_is_left_alone(stubber: Stubber) -> None:
    lists(stubber, "Training", [f"t-item1-{STARTED}"])
    stubber.add_client_error("list_tags", "AccessDeniedException", "not you", 400)
    lists(stubber, "Transform", [])
    found = remove(stubber, models=False)
    assert (found.training_jobs, len(found.problems)) == ([], 1)
    assert "not you" in found.problems[0]


def test_nothing_is_looked_for_that_is_not_to_be_removed(stubber: Stubber) -> None:
    assert remove(stubber, models=False, jobs=False) == Removed()


def test_resources_gone_meanwhile_are_no_problem(stubber: Stubber) -> None:
    lists(stubber, "Model", [f"m-item0-{STARTED}"])
    stubber.add_client_error("delete_model", "ValidationException", "Could not find model", 400)
    assert remove(stubber, jobs=False) == Removed()


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("list_models", "AccessDeniedException"),
        ("delete_model", "AccessDeniedException"),
        ("delete_model", "ThrottlingException"),
    ],
    ids=["listing denied", "removal denied", "removal throttled"],
)
def test_a_failed_removal_is_reported_and_the_others_go_on(stubber: Stubber, operation: str, code: str) -> None:
    stubber.add_client_error("list_training_jobs", "AccessDeniedException", "not here either", 400)
    lists(stubber, "Transform", [])
    if operation == "delete_model":
        lists(stubber, "Model", [f"m-item0-{STARTED}"])
    stubber.add_client_error(operation, code, "not you", 400)
    found = remove(stubber)
    assert (found.models, len(found.problems)) == ([], 2)
    assert "not here either" in found.problems[0]
    assert "not you" in found.problems[1]


def test_without_time_nothing_more_is_removed(stubber: Stubber) -> None:
    lists(stubber, "Model", [f"m-item0-{STARTED}"])
    found = remove(stubber, jobs=False, seconds_left=lambda: 0.0)
    assert found.models == []
    assert found.problems == [f"model m-item0-{STARTED}: no time was left to remove it"]
