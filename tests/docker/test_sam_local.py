"""`sam local`: the functions in Lambda's container, with the sample events, against the stack on an emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from emulator.endpoint import isolated_session
from tests.live.stack import Looks, Stack

from .conftest import Sam

Answer = dict[str, Any]
Call = Callable[[str, object], Any]

# Without it, a job is named after the moment of the call.
TIMESTAMP = "20261122T094236123Z"
EVENTS = {
    "PrepareRun": "prepare_run.json",
    "TrainingJob": "aws_training_job.json",
    "CreateModel": "aws_create_model.json",
    "BatchTransform": "aws_batch_transform.json",
    "SummarizeRun": "summarize_run.json",
}


def event_of(root: Path, name: str) -> Any:
    return json.loads((root / "events" / EVENTS[name]).read_text())


def items_are_written(stack: Stack, answer: Answer) -> None:
    items = json.loads(stack.read(f"runs/{answer['runId']}/items.json"))
    assert [entry["item"] for entry in items] == ["item1", "item2"]


def training_completes(stack: Stack, answer: Answer) -> None:
    looks = Looks(120)
    sagemaker = stack.client("sagemaker")
    while (job := sagemaker.describe_training_job(TrainingJobName=answer["trainingJobName"]))[
        "TrainingJobStatus"
    ] == "InProgress":
        looks.pause("the training job did not end")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def model_exists(stack: Stack, answer: Answer) -> None:
    model = stack.client("sagemaker").describe_model(ModelName=answer["modelName"])
    assert model["PrimaryContainer"]["ModelDataUrl"].endswith("/output/model.tar.gz")


def transform_completes(stack: Stack, answer: Answer) -> None:
    looks = Looks(120)
    sagemaker = stack.client("sagemaker")
    while (job := sagemaker.describe_transform_job(TransformJobName=answer["transformJobName"]))[
        "TransformJobStatus"
    ] == "InProgress":
        looks.pause("the transform job did not end")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")


def nothing_ran(stack: Stack, _answer: Answer) -> None:
    manifest = json.loads(stack.read("runs/20261122T094236123Z-first-run/manifest.json"))
    assert manifest["counts"] == {
        "total": 2,
        "succeeded": 0,
        "failed": 0,
        "unfinished": 2,
        "unchanged": 0,
    }


# What is true on the emulator once the function has answered.
EFFECTS: dict[str, Callable[[Stack, Answer], None]] = {
    "PrepareRun": items_are_written,
    "TrainingJob": training_completes,
    "CreateModel": model_exists,
    "BatchTransform": transform_completes,
    "SummarizeRun": nothing_ran,
}


@pytest.mark.parametrize("name", EVENTS)
def test_each_function_does_its_work_from_a_container(root: Path, ready: Stack, sam: Sam, name: str) -> None:
    if name == "SummarizeRun":
        ready.invoke("PrepareRun", event_of(root, "PrepareRun"))
    if name == "BatchTransform":
        # The run has removed its model.
        ready.invoke("CreateModel", event_of(root, "CreateModel"))
    answer = sam.invoke(f"{name}Function", root / "events" / EVENTS[name])
    assert "errorMessage" not in answer, answer
    EFFECTS[name](ready, answer)


def test_a_wrong_event_is_refused_by_name(sam: Sam, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"item": "nobody"}')
    assert sam.invoke("TrainingJobFunction", event)["errorType"] == "DataNotFoundError"


@pytest.fixture(scope="module")
def call(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    """Invoke a function through `sam local start-lambda`."""
    with sam.serving(tmp_path_factory.mktemp("start-lambda") / "log") as url:
        # A call again would be a second invocation.
        config = Config(retries={"total_max_attempts": 1}, read_timeout=120)
        make: Any = isolated_session().client
        client = make("lambda", endpoint_url=url, config=config)

        def invoke(function: str, event: object) -> Any:
            answer = client.invoke(FunctionName=f"{function}Function", Payload=json.dumps(event).encode())
            return json.loads(answer["Payload"].read())

        yield invoke
        client.close()


@pytest.mark.parametrize("name", EVENTS)
def test_each_function_answers_as_on_the_emulator(root: Path, ready: Stack, call: Call, name: str) -> None:
    ready.invoke("PrepareRun", event_of(root, "PrepareRun"))
    if name == "BatchTransform":
        ready.invoke("CreateModel", event_of(root, "CreateModel"))
    event = event_of(root, name)
    if name not in {"PrepareRun", "SummarizeRun"}:
        event["timestamp"] = TIMESTAMP
    answer = call(name, event)
    assert "errorMessage" not in answer, answer
    # Each names its work after the event, so that the second call finds what the first has made.
    assert answer == ready.invoke(name, event)


@pytest.mark.parametrize(
    ("name", "event", "error"),
    [
        ("PrepareRun", {}, "InvalidRequestError"),
        ("TrainingJob", {"item": "a/b"}, "InvalidRequestError"),
        ("CreateModel", {"item": "nobody"}, "DataNotFoundError"),
        ("FollowJob", {"kind": "training"}, "InvalidRequestError"),
        (
            "BatchTransform",
            {"item": "item1", "modelName": "nothing", "timestamp": "20260101T000000000Z"},
            "ServiceRefusedError",
        ),
    ],
)
def test_errors_keep_their_names(ready: Stack, call: Call, name: str, event: object, error: str) -> None:
    answer = call(name, event)
    assert answer["errorType"] == error
    assert answer["errorMessage"] == ready.invoke(name, event)["errorMessage"]
