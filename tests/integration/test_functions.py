"""The functions on their own, with the sample events, and twice each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.live.plans import starts
from tests.live.stack import Looks, Stack

pytestmark = pytest.mark.live

FUNCTIONS = {
    "PrepareRun": "prepare_run.json",
    "TrainingJob": "aws_training_job.json",
    "CreateModel": "aws_create_model.json",
    "BatchTransform": "aws_batch_transform.json",
    "SummarizeRun": "summarize_run.json",
}


@pytest.fixture(scope="module")
@starts(runs=1, items=2, training_jobs=2, transform_jobs=2)
def ready(deployed: Stack, small_csv: bytes) -> Stack:
    """Return the stack after a first run of the items that the sample events name."""
    items = [deployed.own("item1"), deployed.own("item2")]
    for item in items:
        deployed.upload(item, small_csv)
    run = deployed.run({"itemList": items}, deployed.own("functions-first"))
    assert run.description["status"] == "SUCCEEDED"
    return deployed


def made_own(stack: Stack, event: Any) -> Any:
    """Return the event with the names of items and executions made the session's own, and `BUCKET` the output bucket's."""
    text = json.dumps(event).replace("BUCKET", stack.outputs["OutputBucketName"])
    for name in ("item1", "item2", "nobody", "first-run"):
        text = text.replace(name, stack.own(name))
    return json.loads(text)


def event_of(root: Path, stack: Stack, name: str) -> Any:
    return made_own(stack, json.loads((root / "events" / FUNCTIONS[name]).read_text()))


def check_that_it_answers_twice(root: Path, ready: Stack, name: str) -> None:
    event = event_of(root, ready, name)
    assert "errorMessage" not in ready.invoke(name, event)
    if name not in {"PrepareRun", "SummarizeRun"}:
        event["timestamp"] = "20261122T094236123Z"
    first = ready.invoke(name, event)
    assert "errorMessage" not in first, first
    assert ready.invoke(name, event) == first


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"TrainingJob", "BatchTransform"}))
def test_each_function_answers_its_sample_event_and_the_same_twice(root: Path, ready: Stack, name: str) -> None:
    if name == "SummarizeRun":
        ready.invoke("PrepareRun", event_of(root, ready, "PrepareRun"))
    check_that_it_answers_twice(root, ready, name)


@starts(training_jobs=2)
def test_the_training_function_answers_its_sample_event_and_the_same_twice(root: Path, ready: Stack) -> None:
    check_that_it_answers_twice(root, ready, "TrainingJob")


@starts(training_jobs=1)
def test_the_following_function_answers_of_a_job_once_it_has_ended(root: Path, ready: Stack) -> None:
    started = ready.invoke("TrainingJob", {"item": ready.own("item1"), "timestamp": "20261122T094236123Z"})
    event = json.loads((root / "events" / "follow_job.json").read_text())
    event |= {"item": ready.own("item1"), "jobName": started["trainingJobName"]}
    event["tags"] = [{"Key": "automlops:run", "Value": started["runId"]}]
    job = ready.wait_for_training(started["trainingJobName"])
    answer = ready.invoke("FollowJob", event)
    assert (answer["name"], answer["status"]) == (started["trainingJobName"], "Completed")
    assert answer["billableSeconds"] == job["BillableTimeInSeconds"]
    another = event | {"tags": [{"Key": "automlops:run", "Value": "another"}]}
    assert ready.invoke("FollowJob", another)["errorType"] == "NameTakenError"


@starts(transform_jobs=2)
def test_the_transform_function_answers_its_sample_event_and_the_same_twice(root: Path, ready: Stack) -> None:
    # The run has removed its model.
    assert "modelArn" in ready.invoke("CreateModel", event_of(root, ready, "CreateModel"))
    check_that_it_answers_twice(root, ready, "BatchTransform")


def test_a_model_that_a_run_removed_is_asked_for_with_what_to_do(ready: Stack) -> None:
    if ready.description.parameters["KeepModels"] == "true":
        pytest.skip("this stack keeps its models")
    answer = ready.invoke("BatchTransform", {"item": ready.own("item2")})
    assert answer["errorType"] == "ModelNotFoundError"
    assert "Make it again with aws_create_model" in answer["errorMessage"]


@starts(training_jobs=1)
def test_a_single_retraining_runs_to_its_end(ready: Stack) -> None:
    item = ready.own("item2")
    answer = ready.invoke("TrainingJob", {"item": item})
    assert answer["trainingJobName"].startswith(f"training-job-{item}-")
    job = ready.wait_for_training(answer["trainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert ready.read(f"analysis_predicted/{item}/{answer['runId']}/metrics.json")


@pytest.mark.parametrize(
    ("name", "event", "error", "said"),
    [
        ("TrainingJob", {"item": "nobody"}, "DataNotFoundError", "there is no object"),
        ("TrainingJob", {"item": "item1/b"}, "InvalidRequestError", "must not contain"),
        ("CreateModel", {"item": "nobody"}, "DataNotFoundError", "no accepted model yet"),
        (
            "CreateModel",
            {"modelDataUrl": "s3://BUCKET/analysis_predicted/nobody/model.tar.gz"},
            "DataNotFoundError",
            "no model artifact",
        ),
        ("BatchTransform", {"item": "nobody"}, "DataNotFoundError", "no accepted model yet"),
        (
            "BatchTransform",
            {"item": "item1", "modelName": "model-nobody"},
            "ServiceRefusedError",
            "Could not find model",
        ),
        (
            "TrainingJob",
            {
                "item": "item1",
                "training": {
                    "instanceType": "ml.p5.48xlarge",
                    "instanceCount": 20,
                    "maxRuntimeInSeconds": 2_419_200,
                },
            },
            "InvalidRequestError",
            "training.instanceType: this stack lets requests ask for ml.m5.large",
        ),
        (
            "CreateModel",
            {"item": "item1", "image": "docker.io/library/python:3.13"},
            "InvalidRequestError",
            "in none of the registries that this stack takes images from",
        ),
        (
            "PrepareRun",
            {
                "request": {"itemList": ["item1"]},
                "execution": {"id": "arn:forged", "name": "forged", "startTime": "9999-12-31T23:59:59.999Z"},
            },
            "InvalidRequestError",
            "execution.startTime: 99991231T235959999Z is in the future",
        ),
        (
            "SummarizeRun",
            {
                "runId": "99991231T235959999Z-forged",
                "executionArn": "arn:forged",
                "startedAt": "9999-12-31T23:59:59.999Z",
                "itemsKey": "runs/99991231T235959999Z-forged/items.json",
                "itemCount": 1,
                "maxConcurrency": 1,
                "toleratedFailurePercentage": 100.0,
            },
            "InvalidRequestError",
            "runId: 99991231T235959999Z is in the future",
        ),
        ("BatchTransform", {}, "InvalidRequestError", "item: this key is required"),
        ("PrepareRun", {}, "InvalidRequestError", "request: this key is required"),
        ("FollowJob", {"kind": "training"}, "InvalidRequestError", "jobName: this key is required"),
    ],
)
def test_a_wrong_event_is_refused_by_name(ready: Stack, name: str, event: Any, error: str, said: str) -> None:
    answer = ready.invoke(name, made_own(ready, event))
    assert answer["errorType"] == error
    assert said in answer["errorMessage"]


@starts(training_jobs=1)
def test_a_name_that_was_asked_for_otherwise_is_taken(ready: Stack) -> None:
    event = {"item": ready.own("item1"), "timestamp": "20260101T000000000Z"}
    assert "trainingJobArn" in ready.invoke("TrainingJob", event)
    other = ready.invoke("TrainingJob", {**event, "hyperparameters": {"horizon_days": "60"}})
    assert other["errorType"] == "NameTakenError"
    assert "HyperParameters" in other["errorMessage"]


def step(stack: Stack, **others: Any) -> dict[str, Any]:
    """Return the event of the first run's step with item1, as the state machine has sent it."""
    item = stack.own("item1")
    latest = json.loads(stack.read(f"analysis_predicted/{item}/latest.json"))
    job = stack.client("sagemaker").describe_training_job(TrainingJobName=latest["trainingJobName"])
    (run,) = latest["lastRuns"]["train"]
    return {
        "item": item,
        **run,
        "mode": "train",
        "trainedIn": latest["trainedIn"],
        "modelName": latest["modelName"],
        "modelDataUrl": latest["modelDataUrl"],
        "training": {"name": latest["trainingJobName"], "arn": job["TrainingJobArn"], "status": "Completed"},
        **others,
    }


FUTURE = "99991231T235959999Z-forged"


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        (
            {"runId": FUTURE, "recordKey": f"runs/{FUTURE}/records/0.json"},
            "runId: 99991231T235959999Z is in the future",
        ),
        ({"trainedIn": FUTURE}, "trainedIn: 99991231T235959999Z is in the future"),
        ({"recordKey": "runs/other/records/0.json"}, "recordKey: must be runs/"),
        ({"modelName": "model-mine"}, "modelName: "),
        ({"training": {"name": "mine", "arn": "arn", "status": "Completed"}}, "training.name: "),
        (
            {"mode": "score", "training": None, "trainedIn": None, "modelDataUrl": "s3://BUCKET/m.tar.gz"},
            "lies under",
        ),
    ],
    ids=["run", "training's run", "record", "model", "training", "artifact"],
)
def test_a_forged_step_changes_no_latest_json(ready: Stack, forged: dict[str, Any], said: str) -> None:
    key = f"analysis_predicted/{ready.own('item1')}/latest.json"
    before = ready.read(key)
    answer = ready.invoke("CreateModel", step(ready) | made_own(ready, forged))
    assert answer["errorType"] == "InvalidRequestError"
    assert said in answer["errorMessage"]
    assert ready.read(key) == before


def test_training_that_did_not_complete_makes_no_model(ready: Stack) -> None:
    event = step(ready)
    event["training"]["status"] = "Stopped"
    answer = ready.invoke("CreateModel", event)
    assert answer["errorType"] == "TrainingNotCompletedError"


def test_a_retried_prepare_run_accepts_its_own_items_and_no_others(root: Path, ready: Stack) -> None:
    event = event_of(root, ready, "PrepareRun")
    name = ready.own("twice")
    event["execution"] = event["execution"] | {"name": name, "id": f"arn:one:{name}"}
    assert ready.invoke("PrepareRun", event) == ready.invoke("PrepareRun", event)
    event["execution"]["id"] = f"arn:two:{name}"
    assert ready.invoke("PrepareRun", event)["errorType"] == "RunConflictError"


def logged(stack: Stack, group_id: str) -> list[dict[str, Any]]:
    """Every JSON line about the first run in the function's log group; logs come a little later than the answer."""
    logs = stack.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"{stack.name}-{group_id}")["logGroups"]
    (started,) = [
        run.description["startDate"]
        for run in stack.runs
        if run.description["name"] == stack.own("functions-first")
    ]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group["logGroupName"], startTime=int(started.timestamp() * 1000) - 60_000
    )
    messages = [event["message"] for page in pages for event in page["events"]]
    return [json.loads(message) for message in messages if message.startswith("{")]


@pytest.fixture(scope="module")
def lines(ready: Stack) -> list[dict[str, Any]]:
    """Return the log of aws_create_model, once it tells of both items of the first run."""
    looks = Looks(ready.patience)
    while True:
        found = logged(ready, "CreateModelLogs")
        told = {line.get("item") for line in found if line.get("message") == "model created"}
        if {ready.own("item1"), ready.own("item2")} <= told:
            return found
        looks.pause("the log did not tell of the models")


def test_every_log_line_of_a_step_carries_run_and_item(ready: Stack, lines: list[dict[str, Any]]) -> None:
    created = [line for line in lines if line.get("message") == "model created"]
    runs = {(line["run_id"], line["item"]) for line in created if line.get("run_id")}
    (first,) = {key.split("/")[1] for key in ready.keys("runs/") if f"-{ready.own('functions-first')}/" in key}
    assert {(first, ready.own("item1")), (first, ready.own("item2"))} <= runs
    assert all(line["level"] == "INFO" and line["service"] == "automlops" for line in created)


def test_models_are_counted_in_a_metric(lines: list[dict[str, Any]]) -> None:
    counted = [line["ModelsCreated"] for line in lines if "ModelsCreated" in line]
    assert sum(value for values in counted for value in values) >= 2
    namespaces = {
        directive["Namespace"]
        for line in lines
        if "_aws" in line
        for directive in line["_aws"]["CloudWatchMetrics"]
    }
    assert namespaces == {"AutoMLOps"}
