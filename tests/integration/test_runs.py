"""Runs of the whole pipeline on our own image: what ends well, what fails, and what is left behind."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Run, Stack

TASK = ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"]
JOB = ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"]
FAILED_JOB = ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed", "TaskStateExited"]
CHOICE = ["ChoiceStateEntered", "ChoiceStateExited"]
MAP = [
    "MapStateEntered",
    "MapStateStarted",
    "MapRunStarted",
    "MapRunSucceeded",
    "MapStateSucceeded",
    "MapStateExited",
]
UP_TO_THE_VERDICT = ["ExecutionStarted", *TASK, *MAP, *TASK, *CHOICE]


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def states(events: list[dict[str, Any]]) -> list[str]:
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


@pytest.fixture(scope="module")
def good(deployed: Stack, sample: dict[str, bytes]) -> Run:
    """A run of three good items, one of them under a name with a space."""
    for item, content in sample.items():
        deployed.upload(item, content)
    return deployed.run({"itemList": list(sample)}, "good")


def test_every_item_of_the_list_ends_with_predictions_for_its_customers(
    deployed: Stack, sample: dict[str, bytes], good: Run
) -> None:
    assert good.description["status"] == "SUCCEEDED", good.description.get("cause")
    assert good.manifest is not None
    assert good.manifest["counts"] == {"total": 3, "succeeded": 3, "failed": 0, "unfinished": 0}
    for item, content in sample.items():
        bought = {
            row["CustomerID"]
            for row in rows_of(content)
            if row["CustomerID"] and not row["InvoiceNo"].startswith("C") and int(row["Quantity"]) > 0
        }
        run_id = good.manifest["runId"]
        predictions = rows_of(deployed.read(f"analysis_predicted_out/{item}/{run_id}/sample_prediction.csv.out"))
        assert {f"{float(row['CustomerID']):.1f}" for row in predictions} == bought
        assert len(predictions) == len(bought) == good.items[item]["metrics"]["customers"]
        for row in predictions:
            assert float(row["predicted_days"]) > 0
            assert row["predicted_date"] > row["last_order_date"]


def test_a_run_writes_what_the_layout_says_and_nothing_else(
    deployed: Stack, sample: dict[str, bytes], good: Run
) -> None:
    assert good.manifest is not None
    run_id = good.manifest["runId"]
    written = {key for key in deployed.keys() if run_id in key or run_id.split("-")[0].lower() in key.lower()}  # noqa: SIM118
    expected = {f"runs/{run_id}/items.json", f"runs/{run_id}/manifest.json"}
    for index, item in enumerate(sample):
        job = good.items[item]["trainingJobName"]
        expected |= {
            f"runs/{run_id}/records/{index}.json",
            f"analysis_predicted/{item}/{job}/output/model.tar.gz",
            f"analysis_predicted/{item}/{run_id}/sample_prediction.csv",
            f"analysis_predicted/{item}/{run_id}/metrics.json",
            f"analysis_predicted_out/{item}/{run_id}/sample_prediction.csv.out",
        }
    # What training leaves in /opt/ml/output/data is SageMaker's to upload.
    assert {key for key in written if not key.endswith("output.tar.gz")} == expected
    for item in sample:
        latest = json.loads(deployed.read(f"analysis_predicted/{item}/latest.json"))
        assert latest["runId"] == run_id


def test_the_parents_history_is_awss(deployed: Stack, good: Run) -> None:
    assert types(deployed.history(good.arn)) == [
        *UP_TO_THE_VERDICT,
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]


def test_the_history_of_a_run_that_fails_is_awss(deployed: Stack, mixed: Run) -> None:
    assert types(deployed.history(mixed.arn)) == [
        *UP_TO_THE_VERDICT,
        "FailStateEntered",
        "ExecutionFailed",
    ]


def test_the_history_of_a_refused_request_is_awss(deployed: Stack, unique: Callable[[str], str]) -> None:
    run = deployed.run({}, unique("refused"))
    assert types(deployed.history(run.arn)) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "TaskStateExited",
        "FailStateEntered",
        "ExecutionFailed",
    ]


def test_a_good_items_history_is_awss(deployed: Stack, good: Run, sample: dict[str, bytes]) -> None:
    children = deployed.children(good.arn)
    assert children.keys() == sample.keys()
    for child in children.values():
        events = deployed.history(child)
        assert types(events) == ["ExecutionStarted", *CHOICE, *JOB, *TASK, *JOB, *TASK, "ExecutionSucceeded"]
        assert states(events) == [
            "CheckItem",
            "StartTrainingJob",
            "CreateModel",
            "StartBatchTransformJob",
            "RecordSuccess",
        ]
        assert deployed.client("stepfunctions").describe_execution(executionArn=child)["output"] == "{}"


def test_jobs_carry_stack_run_and_item_as_tags(deployed: Stack, good: Run, sample: dict[str, bytes]) -> None:
    sagemaker = deployed.client("sagemaker")
    for item in sample:
        entry = good.items[item]
        arns = [
            sagemaker.describe_training_job(TrainingJobName=entry["trainingJobName"])["TrainingJobArn"],
            sagemaker.describe_transform_job(TransformJobName=entry["transformJobName"])["TransformJobArn"],
            sagemaker.describe_model(ModelName=entry["modelName"])["ModelArn"],
        ]
        for arn in arns:
            tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
            assert tags["automlops:item"] == item
            assert tags["automlops:stack"] == "automlops"
            assert good.manifest is not None
            assert tags["automlops:run"] == good.manifest["runId"]


HEADER = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
BROKEN = {
    "empty": (b"", "PrepareRun", "DataEmptyError", "is empty"),
    "headerless": (
        b"536365,85123A,x,6,2010-12-01 08:26:00,2.55,17850.0,France\n" * 3,
        "StartTrainingJob",
        None,
        "column",
    ),
    "columns missing": (b"InvoiceNo,Quantity\n1,2\n", "StartTrainingJob", None, "CustomerID"),
    "no repeat": (
        HEADER
        + b"1,a,b,1,2010-12-01 08:26:00,1.0,17850.0,France\n2,a,b,1,2010-12-02 08:26:00,1.0,17851.0,France\n",
        "StartTrainingJob",
        None,
        "two different days",
    ),
    "bad dates": (
        HEADER + b"1,a,b,1,yesterday,1.0,17850.0,France\n",
        "StartTrainingJob",
        None,
        "yesterday",
    ),
}


@pytest.fixture(scope="module")
def mixed(deployed: Stack, small_csv: bytes) -> Run:
    """One good item among items that fail, each in its own way."""
    deployed.upload("fine", small_csv)
    for item, (content, *_) in BROKEN.items():
        deployed.upload(item, content)
    return deployed.run({"itemList": ["fine", "missing", *BROKEN], "maxConcurrency": 4}, "mixed")


def test_failed_items_leave_the_others_running(mixed: Run) -> None:
    assert mixed.items["fine"]["status"] == "SUCCEEDED"
    assert mixed.description["status"] == "FAILED"
    assert mixed.description["error"] == "RunFailed"
    assert mixed.manifest is not None
    assert mixed.manifest["counts"] == {"total": 7, "succeeded": 1, "failed": 6, "unfinished": 0}


@pytest.mark.parametrize("item", BROKEN)
def test_a_broken_item_fails_alone_with_stage_and_reason(mixed: Run, item: str) -> None:
    _, stage, error, said = BROKEN[item]
    entry = mixed.items[item]
    assert (entry["status"], entry["stage"]) == ("FAILED", stage)
    assert entry["error"] == (error or "States.TaskFailed")
    assert said in entry["reason"]


def test_an_item_without_data_fails_before_any_job_starts(deployed: Stack, mixed: Run) -> None:
    entry = mixed.items["missing"]
    assert (entry["stage"], entry["error"]) == ("PrepareRun", "DataNotFoundError")
    assert "upload the item's data there" in entry["reason"]
    jobs = deployed.client("sagemaker").list_training_jobs(NameContains="training-job-missing")
    assert jobs["TrainingJobSummaries"] == []
    events = deployed.history(deployed.children(mixed.arn)["missing"])
    assert types(events) == ["ExecutionStarted", *CHOICE, *TASK, "ExecutionSucceeded"]
    assert states(events) == ["CheckItem", "RecordRefusedItem"]


def test_the_history_of_an_item_whose_training_fails_is_awss(deployed: Stack, mixed: Run) -> None:
    events = deployed.history(deployed.children(mixed.arn)["bad dates"])
    assert types(events) == ["ExecutionStarted", *CHOICE, *FAILED_JOB, *TASK, "ExecutionSucceeded"]
    assert states(events) == ["CheckItem", "StartTrainingJob", "RecordTrainingFailure"]


def test_failures_within_the_tolerance_do_not_fail_the_run(deployed: Stack, small_csv: bytes) -> None:
    deployed.upload("fine", small_csv)
    run = deployed.run({"itemList": ["fine", "absent"], "toleratedFailurePercentage": 50}, "tolerant")
    assert run.description["status"] == "SUCCEEDED"
    assert {entry["status"] for entry in run.items.values()} == {"SUCCEEDED", "FAILED"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"itemList": []}, "itemList: must not be empty"),
        ({"itemList": ["a", "a"]}, "listed 2 times"),
        ({"itemList": ["a", "b/c", None], "colour": 1}, "colour: unknown key"),
        (["a"], "must be an object"),
        ("a", "must be an object"),
    ],
    ids=["empty", "equal items", "several problems", "a list", "a string"],
)
def test_a_wrong_request_is_refused_whole_before_anything_starts(
    deployed: Stack, unique: Callable[[str], str], request_: Any, said: str
) -> None:
    run = deployed.run(request_, unique("refused"))
    assert run.description["status"] == "FAILED"
    assert run.description["error"] == "InvalidRequestError"
    assert said in json.loads(run.description["cause"])["errorMessage"]
    assert not [key for key in deployed.keys("runs/") if run.description["name"] in key]


FORMS: dict[str, Callable[[str], bytes]] = {
    "latin-1": lambda text: text.replace("Description", "Descripción").encode("latin-1"),
    "bom": lambda text: text.encode("utf-8-sig"),
    "integer ids": lambda text: text.replace(".0,", ",").encode(),
    "online retail ii": lambda text: (
        text.replace("InvoiceNo", "Invoice")
        .replace("UnitPrice", "Price")
        .replace("CustomerID", "Customer ID")
        .encode()
    ),
}


def test_the_forms_people_have_give_the_same_predictions(deployed: Stack, small_csv: bytes) -> None:
    deployed.upload("plain", small_csv)
    for name, change in FORMS.items():
        deployed.upload(name, change(small_csv.decode()))
    run = deployed.run({"itemList": ["plain", *FORMS]}, "forms")
    assert run.manifest is not None
    answers = {item: deployed.read(entry["predictionsUri"].split("/", 3)[3]) for item, entry in run.items.items()}
    assert answers["plain"]
    assert set(answers.values()) == {answers["plain"]}


def test_unusual_names_are_items_like_any_other(deployed: Stack, small_csv: bytes) -> None:
    items = ["台北 101", "a" * 128, "50% & more", "Case", "case", "..."]
    for item in items:
        deployed.upload(item, small_csv)
    run = deployed.run({"itemList": items}, "unusual")
    assert [run.items[item]["status"] for item in items] == ["SUCCEEDED"] * len(items), run.items
