"""Another image's code, unchanged, and every way in which its items can fail."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.emulated import OTHER_COMMAND, OTHER_IMAGE, stack_of_image
from tests.live.stack import Run, Stack

from .test_runs import CHOICE, FAILED_JOB, JOB, TASK, states, types

BEHAVIOURS = ("good", "fail", "no model", "refuse", "hang", "slow answer")
# What an item's training says of its model, where the limit of the error is 1.25 times the baseline.
METRICS = {
    "broken metrics": "not json",
    "metrics of its own": '{"mean_absolute_error": "26.5 %", "baseline_mean_absolute_error": 20, "rows": 2}',
    "worse": '{"mean_absolute_error": 26.5, "baseline_mean_absolute_error": 20}',
    "within the limit": '{"mean_absolute_error": 24.5, "baseline_mean_absolute_error": 20}',
}


@pytest.fixture(scope="module")
def other() -> Iterator[Stack]:
    """Return the stack deployed with another image, whose command the emulator is told."""
    with stack_of_image(OTHER_IMAGE, OTHER_COMMAND, ImageUri=OTHER_IMAGE, MaximumErrorRatio="1.25") as stack:
        yield stack


@pytest.fixture(scope="module")
def run(other: Stack) -> Run:
    """One item for each way to end."""
    entries: list[dict[str, object]] = []
    for behaviour in BEHAVIOURS:
        other.upload(behaviour, b"one\ntwo\n")
        entries.append(
            {
                "item": behaviour,
                "hyperparameters": {"behaviour": behaviour},
                "training": {"maxRuntimeInSeconds": 2 if behaviour == "hang" else 60},
                "transform": {"maxRuntimeInSeconds": 8 if behaviour == "slow answer" else 60},
            }
        )
    for item, metrics in METRICS.items():
        other.upload(item, b"one\ntwo\n")
        entries.append({"item": item, "hyperparameters": {"metrics": metrics}})
    # A live session's items begin with letters; here one may leave nothing to make a job's name of.
    other.upload("...", b"one\ntwo\n")
    return other.run({"itemList": [*entries, "..."], "maxConcurrency": 8}, "ways")


def test_another_image_runs_unchanged_and_is_not_judged(other: Stack, run: Run) -> None:
    entry = run.items["good"]
    assert entry["status"] == "SUCCEEDED", f"{entry['error']}: {entry['reason']}"
    assert entry["metrics"] is None
    assert other.predictions(entry) == b"3\n3\n"


@pytest.mark.parametrize(
    ("item", "metrics"),
    [
        ("within the limit", {"mean_absolute_error": 24.5, "baseline_mean_absolute_error": 20}),
        (
            "metrics of its own",
            {"mean_absolute_error": "26.5 %", "baseline_mean_absolute_error": 20, "rows": 2},
        ),
    ],
)
def test_a_model_that_is_not_too_bad_passes_beside_one_that_is(
    other: Stack, run: Run, item: str, metrics: dict[str, object]
) -> None:
    entry = run.items[item]
    assert entry["status"] == "SUCCEEDED", f"{entry['error']}: {entry['reason']}"
    assert entry["metrics"] == metrics
    assert other.predictions(entry) == b"3\n3\n"


def test_earlier_predictions_are_left_aside_by_an_image_that_knows_none(other: Stack, run: Run) -> None:
    again = other.run({"itemList": ["good"]}, "good-again").items["good"]
    assert again["status"] == "SUCCEEDED", f"{again['error']}: {again['reason']}"
    job = other.client("sagemaker").describe_training_job(TrainingJobName=again["trainingJobName"])
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["training", "predictions"]
    assert job["InputDataConfig"][1]["DataSource"]["S3DataSource"]["S3Uri"] == run.items["good"]["predictionsUri"]
    # One line of text for each of the data alone.
    assert other.predictions(again) == b"3\n3\n"


def test_a_model_worse_than_the_limit_is_refused_with_both_numbers_and_leaves_nothing(
    other: Stack, run: Run
) -> None:
    entry = run.items["worse"]
    assert (entry["status"], entry["stage"], entry["error"]) == (
        "FAILED",
        "CreateModel",
        "ModelWorseThanBaselineError",
    )
    for said in (
        "mean_absolute_error 26.5 is more than 1.25 (parameter MaximumErrorRatio) times",
        "baseline_mean_absolute_error 20.0;",
        "more data",
        "larger MaximumErrorRatio",
    ):
        assert said in entry["reason"]
    assert (entry["modelDataUrl"], entry["predictionsUri"]) == (None, None)
    models = other.client("sagemaker").list_models(NameContains=entry["modelName"])["Models"]
    assert models == []
    assert other.keys("analysis_predicted_out/worse/") == []
    assert {key.rsplit("/", 1)[1] for key in other.keys("analysis_predicted/worse/")} == {
        "model.tar.gz",
        "sample_prediction.csv",
        "metrics.json",
    }


def test_a_name_without_a_letter_is_an_item_like_any_other(run: Run) -> None:
    assert run.items["..."]["status"] == "SUCCEEDED", run.items["..."]


@pytest.mark.parametrize(
    ("item", "stage", "error", "said"),
    [
        ("fail", "StartTrainingJob", "States.TaskFailed", "the shop was closed"),
        ("hang", "StartTrainingJob", "States.TaskFailed", "ended as Stopped (MaxRuntimeExceeded)"),
        ("no model", "CreateModel", "DataNotFoundError", "training must write its model to /opt/ml/model"),
        ("broken metrics", "CreateModel", "DataNotReadableError", "metrics.json cannot be read: Invalid JSON"),
        ("refuse", "StartBatchTransformJob", "States.TaskFailed", "See job logs for more information"),
        ("slow answer", "StartBatchTransformJob", "States.Timeout", "had not ended after 8 s and was stopped"),
    ],
)
def test_each_way_to_fail_is_recorded_with_its_stage(
    run: Run, item: str, stage: str, error: str, said: str
) -> None:
    entry = run.items[item]
    assert (entry["status"], entry["stage"], entry["error"]) == ("FAILED", stage, error)
    assert said in entry["reason"]


@pytest.mark.parametrize(
    ("item", "events", "entered"),
    [
        ("fail", [*FAILED_JOB, *TASK], ["StartTrainingJob"]),
        ("hang", [*FAILED_JOB, *TASK], ["StartTrainingJob"]),
        (
            "broken metrics",
            [*JOB, "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "TaskStateExited", *TASK],
            ["StartTrainingJob", "CreateModel"],
        ),
        (
            "refuse",
            [*JOB, *TASK, *FAILED_JOB, *TASK],
            [
                "StartTrainingJob",
                "CreateModel",
                "StartBatchTransformJob",
            ],
        ),
        (
            "slow answer",
            [
                *JOB,
                *TASK,
                "TaskStateEntered",
                "TaskScheduled",
                "TaskStarted",
                "TaskSubmitted",
                "TaskTimedOut",
                "TaskStateExited",
                *TASK,
                *TASK,
            ],
            [
                "StartTrainingJob",
                "CreateModel",
                "StartBatchTransformJob",
                "StopBatchTransformJob",
            ],
        ),
    ],
    ids=["training fails", "training overruns", "model refused", "transform fails", "transform overruns"],
)
def test_the_history_of_each_failure_is_awss(
    other: Stack, run: Run, item: str, events: list[str], entered: list[str]
) -> None:
    history = other.history(other.children(run.arn)[item])
    assert types(history) == ["ExecutionStarted", *CHOICE, *events, "FailStateEntered", "ExecutionFailed"]
    assert states(history) == ["CheckItem", *entered, "RecordFailure", "ItemFailed"]


def test_a_failed_item_is_a_failed_execution_that_names_its_record(other: Stack, run: Run) -> None:
    assert run.manifest is not None
    children = other.children(run.arn)
    describe = other.client("stepfunctions").describe_execution
    for entry in run.manifest["items"]:
        child = describe(executionArn=children[entry["item"]])
        if entry["status"] == "SUCCEEDED":
            assert child["status"] == "SUCCEEDED"
            continue
        record = f"runs/{run.manifest['runId']}/records/{entry['index']}.json"
        assert (child["status"], child["error"]) == ("FAILED", "ItemFailed")
        assert child["cause"] == (f"Why the item failed is in s3://{other.outputs['OutputBucketName']}/{record}")
        assert json.loads(other.read(record))["error"]["Error"] == entry["error"]


def test_no_model_is_left_however_scoring_ended(other: Stack, run: Run) -> None:
    assert run.manifest is not None
    started = run.manifest["runId"].partition("-")[0]
    assert other.client("sagemaker").list_models(NameContains=started)["Models"] == []


def test_the_manifest_keeps_when_jobs_ran_and_what_was_billed(other: Stack, run: Run) -> None:
    sagemaker = other.client("sagemaker")
    for item in ("fail", "hang", "refuse"):
        entry = run.items[item]
        job = sagemaker.describe_training_job(TrainingJobName=entry["trainingJobName"])
        told = entry["training"]
        assert (told["name"], told["status"]) == (job["TrainingJobName"], job["TrainingJobStatus"])
        assert told["billableSeconds"] == job["BillableTimeInSeconds"]
        for key, name in (
            ("createdAt", "CreationTime"),
            ("startedAt", "TrainingStartTime"),
            ("endedAt", "TrainingEndTime"),
        ):
            assert abs(datetime.fromisoformat(told[key]) - job[name]).total_seconds() < 0.01, (item, key)
    transform = run.items["refuse"]["transform"]
    assert transform["status"] == "Failed"
    assert transform["createdAt"] <= transform["startedAt"] <= transform["endedAt"]


def test_no_job_is_left_running(other: Stack, run: Run) -> None:
    assert run.manifest is not None
    sagemaker = other.client("sagemaker")
    for status in ("InProgress", "Stopping"):
        assert not sagemaker.list_training_jobs(StatusEquals=status)["TrainingJobSummaries"]
    (overrun,) = [item for item in run.manifest["items"] if item["item"] == "slow answer"]
    job = sagemaker.describe_transform_job(TransformJobName=overrun["transformJobName"])
    assert job["TransformJobStatus"] in {"Stopping", "Stopped"}


def test_training_that_outlasts_its_task_is_stopped(other: Stack) -> None:
    # The real definition, but for a limit that a test can wait for.
    client = other.client("stepfunctions")
    deployed = client.describe_state_machine(stateMachineArn=other.outputs["StateMachineArn"])
    definition = json.loads(deployed["definition"])
    task = definition["States"]["ProcessItems"]["ItemProcessor"]["States"]["StartTrainingJob"]
    del task["TimeoutSecondsPath"]
    task["TimeoutSeconds"] = 3
    machine = changed(other, definition, deployed["roleArn"])
    other.upload("endless", b"one\n")
    entry = {"item": "endless", "hyperparameters": {"behaviour": "hang"}}
    run = machine.run({"itemList": [entry]}, "endless")
    assert run.items["endless"]["error"] == "States.Timeout"
    assert states_of(machine, run, "endless") == [
        "CheckItem",
        "StartTrainingJob",
        "StopTrainingJob",
        "RecordFailure",
        "ItemFailed",
    ]
    name = run.items["endless"]["trainingJobName"]
    job = other.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] in {"Stopping", "Stopped"}


def test_a_map_run_that_breaks_is_summed_up_all_the_same(other: Stack) -> None:
    client = other.client("stepfunctions")
    deployed = client.describe_state_machine(stateMachineArn=other.outputs["StateMachineArn"])
    definition = json.loads(deployed["definition"])
    definition["States"]["ProcessItems"]["ItemReader"]["Parameters"] = {
        "Bucket": other.outputs["OutputBucketName"],
        "Key": "nothing-here.json",
    }
    machine = changed(other, definition, deployed["roleArn"])
    other.upload("lost", b"one\n")
    run = machine.run({"itemList": ["lost"]}, "broken-map")
    assert run.description["status"] == "FAILED"
    assert run.manifest is not None
    assert run.manifest["mapRunError"]["Error"] == "States.ItemReaderFailed"
    assert run.items["lost"]["status"] == "UNFINISHED"
    assert types(machine.history(run.arn)) == [
        "ExecutionStarted",
        *TASK,
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunFailed",
        "MapStateFailed",
        "MapStateExited",
        *TASK,
        *CHOICE,
        "FailStateEntered",
        "ExecutionFailed",
    ]


def changed(stack: Stack, definition: dict[str, Any], role: str) -> Stack:
    """Return the same stack, started through a machine of another definition."""
    answer = stack.client("stepfunctions").create_state_machine(
        name=f"changed-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=role
    )
    return stack.with_machine(answer["stateMachineArn"])


def states_of(stack: Stack, run: Run, item: str) -> list[str]:
    return states(stack.history(stack.children(run.arn)[item]))
