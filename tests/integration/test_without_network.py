"""Stacks whose trainings and models have no network: our image hands all over, another's failure says what it needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emulator.endpoint import Clients
from emulator.server import Emulator
from tests.emulated import OTHER_COMMAND, OTHER_IMAGE, deploy_stack
from tests.live.stack import Run, Stack

Deploy = Callable[..., Stack]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Emulator(images={OTHER_IMAGE: OTHER_COMMAND}) as emulator:
        yield emulator.url


@pytest.fixture(scope="module")
def deployed_with(url: str) -> Deploy:
    return lambda name, **parameters: deploy_stack(url, name, parameters)


@pytest.fixture(scope="module")
def isolated(deployed_with: Deploy) -> Stack:
    """Return a stack of our image whose trainings have no network; nor have its models."""
    return deployed_with("isolated", IsolateTraining="true")


@pytest.fixture(scope="module")
def run(isolated: Stack, small_csv: bytes) -> Run:
    isolated.upload("shop", small_csv)
    isolated.upload("broken", b"no header\n")
    return isolated.run({"itemList": ["shop", "broken"]}, "without-network")


def test_an_item_is_trained_judged_and_scored_without_a_network(isolated: Stack, run: Run, url: str) -> None:
    entry = run.items["shop"]
    assert entry["status"] == "SUCCEEDED", f"{entry['error']}: {entry['reason']}"
    job = Clients(url).get("sagemaker").describe_training_job(TrainingJobName=entry["trainingJobName"])
    assert job["EnableNetworkIsolation"] is True
    assert entry["metrics"]["customers"] > 0
    # What an upload would have put there, and the manifest says of it no less.
    folder = f"analysis_predicted/shop/{entry['trainedIn']}/"
    assert [key.removeprefix(folder) for key in isolated.keys(folder)] == ["metrics.json", "sample_prediction.csv"]
    sample = isolated.read(f"{folder}sample_prediction.csv")
    predictions = isolated.predictions(entry)
    assert predictions.count(b"\n") == sample.count(b"\n") > 1


def test_a_training_that_fails_without_a_network_says_why_as_any(run: Run) -> None:
    entry = run.items["broken"]
    assert (entry["status"], entry["stage"]) == ("FAILED", "StartTrainingJob")
    assert "header" in entry["reason"]


def test_the_same_predictions_come_with_a_network(deployed_with: Deploy, isolated: Stack, run: Run) -> None:
    stack = deployed_with("connected", IsolateModels="false")
    item = run.items["shop"]
    key = f"analysis_predict/shop/{isolated.outputs['DatasetFileName']}"
    s3 = isolated.client("s3")
    stack.upload("shop", s3.get_object(Bucket=isolated.outputs["DataBucketName"], Key=key)["Body"].read())
    other = stack.run({"itemList": ["shop"]}, "with-network").items["shop"]

    assert stack.predictions(other) == isolated.predictions(item)
    assert other["metrics"] == item["metrics"]


@pytest.mark.parametrize("isolate", ["true", "false"])
def test_an_image_that_calls_s3_when_it_serves_needs_a_stack_that_lets_it(
    deployed_with: Deploy, isolate: str
) -> None:
    parameters = {} if isolate == "true" else {"IsolateModels": isolate}
    stack = deployed_with(f"serving-{isolate}", ImageUri=OTHER_IMAGE, **parameters)
    stack.upload("shop", b"one\ntwo\n")
    entry = stack.run(
        {"itemList": [{"item": "shop", "hyperparameters": {"behaviour": "reads S3"}}]}, "reads-s3"
    ).items["shop"]
    if isolate == "false":
        assert entry["status"] == "SUCCEEDED", f"{entry['error']}: {entry['reason']}"
        return
    assert (entry["status"], entry["stage"]) == ("FAILED", "StartBatchTransformJob")
    assert "needs IsolateModels=false" in entry["reason"]
    logs = stack.client("logs")
    group = "/aws/sagemaker/TransformJobs"
    [stream] = [
        found["logStreamName"]
        for found in logs.describe_log_streams(
            logGroupName=group, logStreamNamePrefix=f"{entry['transformJobName']}/"
        )["logStreams"]
        if not found["logStreamName"].endswith("/data-log")
    ]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    assert any("NoCredentialsError" in event["message"] for event in events)


def test_another_image_leaves_its_files_where_ours_does(deployed_with: Deploy) -> None:
    stack = deployed_with("isolated-other", ImageUri=OTHER_IMAGE, IsolateTraining="true")
    worse = json.dumps({"mean_absolute_error": 30, "baseline_mean_absolute_error": 20})
    entries: list[dict[str, Any]] = [
        {"item": "leaves", "hyperparameters": {"behaviour": "leaves files", "metrics": '{"rows": 2}'}},
        {"item": "worse", "hyperparameters": {"behaviour": "leaves files", "metrics": worse}},
        {"item": "uploads", "hyperparameters": {}},
        {"item": "leaves no model", "hyperparameters": {"behaviour": "no model"}},
    ]
    for entry in entries:
        stack.upload(entry["item"], b"one\ntwo\n")
    items = stack.run({"itemList": entries, "maxConcurrency": 4}, "leaving").items
    assert items["leaves"]["status"] == "SUCCEEDED", items["leaves"]["reason"]
    assert items["leaves"]["metrics"] == {"rows": 2}
    assert stack.predictions(items["leaves"]) == b"3\n3\n"
    assert items["worse"]["error"] == "ModelWorseThanBaselineError"
    # boto3 finds no credentials, as on AWS.
    assert items["uploads"]["stage"] == "StartTrainingJob"
    assert items["leaves no model"]["error"] == "DataNotFoundError"
    assert "IsolateTraining" in items["leaves no model"]["reason"]
