"""The functions on their own, with the sample events, and twice each."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import Stack

FUNCTIONS = {
    "PrepareRun": "prepare_run.json",
    "TrainingJob": "aws_training_job.json",
    "CreateModel": "aws_create_model.json",
    "BatchTransform": "aws_batch_transform.json",
    "SummarizeRun": "summarize_run.json",
}


@pytest.fixture(scope="module")
def ready(deployed: Stack, small_csv: bytes) -> Stack:
    """The stack after a first run of the items that the sample events name."""
    for item in ("item1", "item2"):
        deployed.upload(item, small_csv)
    run = deployed.run({"itemList": ["item1", "item2"]}, "first")
    assert run.description["status"] == "SUCCEEDED"
    return deployed


def event_of(root: Path, name: str) -> Any:
    return json.loads((root / "events" / FUNCTIONS[name]).read_text())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_answers_its_sample_event_and_the_same_twice(root: Path, ready: Stack, name: str) -> None:
    if name == "SummarizeRun":
        ready.invoke("PrepareRun", event_of(root, "PrepareRun"))
    assert "errorMessage" not in ready.invoke(name, event_of(root, name))
    event = event_of(root, name)
    if name not in {"PrepareRun", "SummarizeRun"}:
        event["timestamp"] = "20261122T094236123Z"
    first = ready.invoke(name, event)
    assert "errorMessage" not in first, first
    assert ready.invoke(name, event) == first


def test_a_single_retraining_runs_to_its_end(ready: Stack) -> None:
    answer = ready.invoke("TrainingJob", {"item": "item2"})
    assert answer["trainingJobName"].startswith("training-job-item2-")
    deadline = time.monotonic() + 120
    sagemaker = ready.client("sagemaker")
    while (job := sagemaker.describe_training_job(TrainingJobName=answer["trainingJobName"]))[
        "TrainingJobStatus"
    ] == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert ready.read(f"analysis_predicted/item2/{answer['runId']}/metrics.json")


@pytest.mark.parametrize(
    ("name", "event", "error", "said"),
    [
        ("TrainingJob", {"item": "nobody"}, "DataNotFoundError", "there is no object"),
        ("TrainingJob", {"item": "a/b"}, "InvalidRequestError", "must not contain"),
        ("CreateModel", {"item": "nobody"}, "DataNotFoundError", "no accepted model yet"),
        (
            "CreateModel",
            {"modelDataUrl": "s3://no-such-bucket/m.tar.gz"},
            "DataNotFoundError",
            "no model artifact",
        ),
        ("BatchTransform", {"item": "nobody"}, "DataNotFoundError", "no accepted model yet"),
        (
            "BatchTransform",
            {"item": "item1", "modelName": "nothing"},
            "ServiceRefusedError",
            "Could not find model",
        ),
        ("BatchTransform", {}, "InvalidRequestError", "item: this key is required"),
        ("PrepareRun", {}, "InvalidRequestError", "request: this key is required"),
    ],
)
def test_a_wrong_event_is_refused_by_name(ready: Stack, name: str, event: Any, error: str, said: str) -> None:
    answer = ready.invoke(name, event)
    assert answer["errorType"] == error
    assert said in answer["errorMessage"]


def test_a_name_that_was_asked_for_otherwise_is_taken(ready: Stack) -> None:
    event = {"item": "item1", "timestamp": "20260101T000000000Z"}
    assert "trainingJobArn" in ready.invoke("TrainingJob", event)
    other = ready.invoke("TrainingJob", {**event, "hyperparameters": {"seed": "2"}})
    assert other["errorType"] == "NameTakenError"
    assert "HyperParameters" in other["errorMessage"]


def test_an_older_run_never_replaces_a_younger_ones_model(ready: Stack) -> None:
    before = ready.read("analysis_predicted/item1/latest.json")
    job = json.loads(before)["trainingJobName"]
    event = {
        "item": "item1",
        "runId": "20200101T000000000Z-old",
        "modelName": "model-item1-20200101T000000000Z",
        "modelDataUrl": json.loads(before)["modelDataUrl"],
        "training": {"name": job, "arn": "arn", "status": "Completed", "createdAt": 1},
    }
    assert "modelArn" in ready.invoke("CreateModel", event)
    assert ready.read("analysis_predicted/item1/latest.json") == before


def test_training_that_did_not_complete_makes_no_model(ready: Stack) -> None:
    event = {
        "item": "item1",
        "runId": "20200101T000000000Z-x",
        "modelDataUrl": f"s3://{ready.outputs['OutputBucketName']}/m.tar.gz",
        "training": {"name": "training-job-x", "arn": "arn", "status": "Stopped", "createdAt": 1},
    }
    answer = ready.invoke("CreateModel", event)
    assert answer["errorType"] == "TrainingNotCompletedError"


def test_a_retried_prepare_run_accepts_its_own_items_and_no_others(root: Path, ready: Stack) -> None:
    event = event_of(root, "PrepareRun")
    event["execution"] = event["execution"] | {"name": "twice", "id": "arn:one"}
    assert ready.invoke("PrepareRun", event) == ready.invoke("PrepareRun", event)
    event["execution"]["id"] = "arn:two"
    assert ready.invoke("PrepareRun", event)["errorType"] == "RunConflictError"


def logged(stack: Stack, group_id: str) -> list[dict[str, Any]]:
    """Every JSON line in the function's log group."""
    logs = stack.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"automlops-{group_id}")["logGroups"]
    events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]


def test_every_log_line_of_a_step_carries_run_and_item(ready: Stack) -> None:
    lines = [line for line in logged(ready, "CreateModelLogs") if line.get("message") == "model created"]
    runs = {(line["run_id"], line["item"]) for line in lines if line.get("run_id")}
    first = {key.split("/")[1] for key in ready.keys("runs/") if "-first/" in key}
    assert {(run_id, item) for run_id in first for item in ("item1", "item2")} <= runs
    assert all(line["level"] == "INFO" and line["service"] == "automlops" for line in lines)


def test_models_are_counted_in_a_metric(ready: Stack) -> None:
    counted = [line["ModelsCreated"] for line in logged(ready, "CreateModelLogs") if "ModelsCreated" in line]
    assert sum(value for values in counted for value in values) >= 2
    namespaces = {
        directive["Namespace"]
        for line in logged(ready, "CreateModelLogs")
        if "_aws" in line
        for directive in line["_aws"]["CloudWatchMetrics"]
    }
    assert namespaces == {"AutoMLOps"}
