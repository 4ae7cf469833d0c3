"""Runs of the whole pipeline on our own image: what ends well, what fails, and what is left behind."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.documents import Record, parse_body
from tests.live.plans import starts
from tests.live.stack import Run, Stack

pytestmark = pytest.mark.live

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
def shops(deployed: Stack, sample: dict[str, bytes]) -> dict[str, bytes]:
    """Three good items, one of them under a name with a space: name to CSV."""
    return {deployed.own(country): content for country, content in sample.items()}


@pytest.fixture(scope="module")
@starts(runs=1, items=3, training_jobs=3, transform_jobs=3)
def good(deployed: Stack, shops: dict[str, bytes]) -> Run:
    """Return a run of the good items."""
    for item, content in shops.items():
        deployed.upload(item, content)
    return deployed.run({"itemList": list(shops)}, deployed.own("good"))


def test_every_item_of_the_list_ends_with_predictions_for_its_customers(
    deployed: Stack, shops: dict[str, bytes], good: Run
) -> None:
    assert good.description["status"] == "SUCCEEDED", good.description.get("cause")
    assert good.manifest is not None
    assert good.manifest["counts"] == {"total": 3, "succeeded": 3, "failed": 0, "unfinished": 0, "unchanged": 0}
    for item, content in shops.items():
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
            assert 1 <= float(row["lower_days"]) <= float(row["predicted_days"]) <= float(row["upper_days"] or 90)
            assert not row["predicted_date"] or row["predicted_date"] > row["as_of"] >= row["last_order_date"]
        assert any(row["predicted_date"] for row in predictions)


def test_a_run_writes_what_the_layout_says_and_nothing_else(
    deployed: Stack, shops: dict[str, bytes], good: Run
) -> None:
    assert good.manifest is not None
    run_id = good.manifest["runId"]
    places = [f"runs/{run_id}/", *(f"analysis_predicted{end}/{deployed.prefix}" for end in ("", "_out"))]
    keys = [key for place in places for key in deployed.keys(place)]
    written = {key for key in keys if run_id in key or run_id.split("-")[0].lower() in key.lower()}
    expected = {f"runs/{run_id}/items.json", f"runs/{run_id}/manifest.json"}
    for index, item in enumerate(shops):
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
    for item in shops:
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


@starts(runs=1)
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


def test_a_good_items_history_is_awss(deployed: Stack, good: Run, shops: dict[str, bytes]) -> None:
    children = deployed.children(good.arn)
    assert children.keys() == shops.keys()
    for child in children.values():
        events = deployed.history(child)
        assert types(events) == [
            "ExecutionStarted",
            *CHOICE,
            *JOB,
            *TASK,
            *JOB,
            *TASK,
            *TASK,
            "ExecutionSucceeded",
        ]
        assert states(events) == [
            "CheckItem",
            "StartTrainingJob",
            "CreateModel",
            "StartBatchTransformJob",
            "DeleteModel",
            "RecordSuccess",
        ]
        assert deployed.client("stepfunctions").describe_execution(executionArn=child)["output"] == "{}"


def test_jobs_carry_stack_run_and_item_as_tags(deployed: Stack, good: Run, shops: dict[str, bytes]) -> None:
    sagemaker = deployed.client("sagemaker")
    for item in shops:
        entry = good.items[item]
        arns = [
            sagemaker.describe_training_job(TrainingJobName=entry["trainingJobName"])["TrainingJobArn"],
            sagemaker.describe_transform_job(TransformJobName=entry["transformJobName"])["TransformJobArn"],
        ]
        for arn in arns:
            tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
            assert tags["automlops:item"] == item
            assert tags["automlops:stack"] == deployed.name
            assert good.manifest is not None
            assert tags["automlops:run"] == good.manifest["runId"]


def test_step_functions_tags_the_jobs_that_it_starts(deployed: Stack, good: Run) -> None:
    sagemaker = deployed.client("sagemaker")
    for entry in good.items.values():
        for arn in (
            sagemaker.describe_training_job(TrainingJobName=entry["trainingJobName"])["TrainingJobArn"],
            sagemaker.describe_transform_job(TransformJobName=entry["transformJobName"])["TransformJobArn"],
        ):
            tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
            assert tags["MANAGED_BY_AWS"] == "STARTED_BY_STEP_FUNCTIONS"


def test_records_keep_what_the_results_of_jobs_hold(deployed: Stack, good: Run) -> None:
    assert good.manifest is not None
    for index, item in enumerate(good.items):
        # An object that was given as the body has become JSON, and a result that there is not is null in it.
        body = deployed.read(f"runs/{good.manifest['runId']}/records/{index}.json")
        assert json.loads(body)["unchanged"] is None
        record = parse_body(Record, body)
        assert record.item == item
        assert record.training is not None
        assert record.transform is not None
        for job in (record.training, record.transform):
            assert job.status == "Completed"
            assert ":sagemaker:" in job.arn
            # Each is None where its time is in no form that is known.
            assert job.created_at is not None
            assert job.started_at is not None
            assert job.ended_at is not None
            assert job.created_at <= job.started_at <= job.ended_at
        assert record.training.name == good.items[item]["trainingJobName"]
        assert record.transform.name == good.items[item]["transformJobName"]
        assert record.training.billable_seconds is not None


def test_the_cause_of_a_failed_job_is_its_description(deployed: Stack, mixed: Run) -> None:
    item = deployed.own("bad dates")
    events = deployed.history(deployed.children(mixed.arn)[item])
    (failed,) = [event["taskFailedEventDetails"] for event in events if event["type"] == "TaskFailed"]
    assert failed["error"] == "States.TaskFailed"
    described = json.loads(failed["cause"])
    assert described["TrainingJobName"] == mixed.items[item]["trainingJobName"]
    assert described["TrainingJobStatus"] == "Failed"
    assert "yesterday" in described["FailureReason"]


def test_s3_tells_versions_and_times_in_whole_seconds(deployed: Stack, unique: Callable[[str], str]) -> None:
    s3, bucket, item = deployed.client("s3"), deployed.outputs["DataBucketName"], unique("versions")
    for content in (b"first", b"second", b"first"):
        deployed.upload(item, content)
    where = {"Bucket": bucket, "Prefix": f"analysis_predict/{item}/"}
    (listed,) = s3.list_objects_v2(**where)["Contents"]
    versions = s3.list_object_versions(**where)["Versions"]
    if len(versions) == 1:
        pytest.skip("the data bucket of this stack keeps no versions")
    assert [version["IsLatest"] for version in versions] == [True, False, False]
    assert [version["ETag"] for version in versions][::2] == [listed["ETag"]] * 2
    assert versions[1]["ETag"] != listed["ETag"]
    described = s3.head_object(Bucket=bucket, Key=listed["Key"])
    for told in (listed, described, *versions):
        assert told["LastModified"].microsecond == 0


def test_a_stack_tells_the_values_of_all_its_parameters(root: Path, deployed: Stack) -> None:
    of_template = re.findall(r"(?m)^  (\w+):$", (root / "template.yaml").read_text().split("\nConditions:")[0])
    parameters = deployed.description.parameters
    assert len(of_template) > 20
    assert parameters.keys() == set(of_template)
    # A list with a default.
    assert parameters["AllowedInstanceTypes"].startswith("ml.")


def models_of(deployed: Stack) -> list[str]:
    models = deployed.client("sagemaker").list_models(NameContains=f"model-{deployed.prefix}")["Models"]
    return [model["ModelName"] for model in models]


def test_the_models_of_a_run_are_removed_and_the_artifacts_stay(deployed: Stack, good: Run, mixed: Run) -> None:
    run_models = {entry["modelName"] for run in (good, mixed) for entry in run.items.values()}
    assert run_models
    assert not run_models & set(models_of(deployed))
    for entry in good.items.values():
        assert deployed.read(entry["modelDataUrl"].split("/", 3)[3])


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
        "none came back",
    ),
    "bad dates": (
        HEADER + b"1,a,b,1,yesterday,1.0,17850.0,France\n",
        "StartTrainingJob",
        None,
        "yesterday",
    ),
}


@pytest.fixture(scope="module")
@starts(runs=1, items=7, training_jobs=5, transform_jobs=1)
def mixed(deployed: Stack, small_csv: bytes) -> Run:
    """One good item among items that fail, each in its own way."""
    deployed.upload(deployed.own("fine"), small_csv)
    for stem, (content, *_) in BROKEN.items():
        deployed.upload(deployed.own(stem), content)
    items = [deployed.own(stem) for stem in ("fine", "missing", *BROKEN)]
    return deployed.run({"itemList": items, "maxConcurrency": 4}, deployed.own("mixed"))


def test_failed_items_leave_the_others_running(deployed: Stack, mixed: Run) -> None:
    assert mixed.items[deployed.own("fine")]["status"] == "SUCCEEDED"
    assert mixed.description["status"] == "FAILED"
    assert mixed.description["error"] == "RunFailed"
    assert mixed.manifest is not None
    counts = mixed.manifest["counts"]
    assert counts == {"total": 7, "succeeded": 1, "failed": 6, "unfinished": 0, "unchanged": 0}


@pytest.mark.parametrize("stem", BROKEN)
def test_a_broken_item_fails_alone_with_stage_and_reason(deployed: Stack, mixed: Run, stem: str) -> None:
    _, stage, error, said = BROKEN[stem]
    entry = mixed.items[deployed.own(stem)]
    assert (entry["status"], entry["stage"]) == ("FAILED", stage)
    assert entry["error"] == (error or "States.TaskFailed")
    assert said in entry["reason"]


def test_an_item_without_data_fails_before_any_job_starts(deployed: Stack, mixed: Run) -> None:
    missing = deployed.own("missing")
    entry = mixed.items[missing]
    assert (entry["stage"], entry["error"]) == ("PrepareRun", "DataNotFoundError")
    assert "upload the item's data there" in entry["reason"]
    jobs = deployed.client("sagemaker").list_training_jobs(NameContains=f"training-job-{missing}")
    assert jobs["TrainingJobSummaries"] == []
    events = deployed.history(deployed.children(mixed.arn)[missing])
    assert types(events) == ["ExecutionStarted", *CHOICE, *TASK, "FailStateEntered", "ExecutionFailed"]
    assert states(events) == ["CheckItem", "RecordFailure", "ItemFailed"]


def test_the_history_of_an_item_whose_training_fails_is_awss(deployed: Stack, mixed: Run) -> None:
    events = deployed.history(deployed.children(mixed.arn)[deployed.own("bad dates")])
    assert types(events) == [
        "ExecutionStarted",
        *CHOICE,
        *FAILED_JOB,
        *TASK,
        "FailStateEntered",
        "ExecutionFailed",
    ]
    assert states(events) == ["CheckItem", "StartTrainingJob", "RecordFailure", "ItemFailed"]


@starts(runs=1, items=2, training_jobs=1, transform_jobs=1)
def test_failures_within_the_tolerance_do_not_fail_the_run(deployed: Stack, small_csv: bytes) -> None:
    items = [deployed.own("fine"), deployed.own("absent")]
    deployed.upload(items[0], small_csv)
    run = deployed.run({"itemList": items, "toleratedFailurePercentage": 50}, deployed.own("tolerant"))
    assert run.description["status"] == "SUCCEEDED"
    assert {entry["status"] for entry in run.items.values()} == {"SUCCEEDED", "FAILED"}


@pytest.mark.parametrize(
    ("stems", "others", "said"),
    [
        ([], {}, "itemList: List should have at least 1 item"),
        (["a", "a"], {}, "listed 2 times"),
        (["a", "b/c", None], {"colour": 1}, "colour: unknown key"),
    ],
    ids=["empty", "equal items", "several problems"],
)
@starts(runs=1)
def test_a_wrong_request_is_refused_whole_before_anything_starts(
    deployed: Stack, unique: Callable[[str], str], stems: list[str | None], others: dict[str, Any], said: str
) -> None:
    items = [None if stem is None else deployed.own(stem) for stem in stems]
    run = deployed.run({"itemList": items, **others}, unique("refused"))
    assert run.description["status"] == "FAILED"
    assert run.description["error"] == "InvalidRequestError"
    assert said in json.loads(run.description["cause"])["errorMessage"]
    assert not [key for key in deployed.keys("runs/") if run.description["name"] in key]


@pytest.mark.parametrize("request_", [["a"], "a"], ids=["a list", "a string"])
@starts(runs=1)
def test_a_request_that_is_no_object_is_refused(
    deployed: Stack, unique: Callable[[str], str], request_: object
) -> None:
    run = deployed.run(request_, unique("refused"))
    assert run.description["error"] == "InvalidRequestError"
    assert "must be an object" in json.loads(run.description["cause"])["errorMessage"]


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


@starts(runs=1, items=5, training_jobs=5, transform_jobs=5)
def test_the_forms_people_have_give_the_same_predictions(deployed: Stack, small_csv: bytes) -> None:
    contents = {"plain": small_csv} | {form: change(small_csv.decode()) for form, change in FORMS.items()}
    for form, content in contents.items():
        deployed.upload(deployed.own(form), content)
    run = deployed.run({"itemList": [deployed.own(form) for form in contents]}, deployed.own("forms"))
    answers = {item: deployed.predictions(entry) for item, entry in run.items.items()}
    assert answers[deployed.own("plain")]
    assert set(answers.values()) == {answers[deployed.own("plain")]}


@starts(runs=1, items=5, training_jobs=5, transform_jobs=5)
def test_unusual_names_are_items_like_any_other(deployed: Stack, small_csv: bytes) -> None:
    items = [deployed.own(stem) for stem in ("台北 101", "50% & more", "Case", "case")]
    items.append(deployed.own("").ljust(128, "a"))
    for item in items:
        deployed.upload(item, small_csv)
    run = deployed.run({"itemList": items}, deployed.own("unusual"))
    assert [run.items[item]["status"] for item in items] == ["SUCCEEDED"] * len(items), run.items


def within(sent: object, told: object) -> bool:
    """Whether everything that was sent is told again; AWS adds defaults."""
    if isinstance(sent, dict):
        return isinstance(told, dict) and all(within(value, told.get(key)) for key, value in sent.items())
    if isinstance(sent, list):
        return isinstance(told, list) and len(sent) == len(told) and all(map(within, sent, told))
    return sent == told


def test_jobs_are_those_of_the_work_list(deployed: Stack, good: Run) -> None:
    # AWS's state machine takes only the members that it knows: CheckpointConfig, MetricDefinitions and so on must arrive.
    assert good.manifest is not None
    sagemaker = deployed.client("sagemaker")
    lines = json.loads(deployed.read(f"runs/{good.manifest['runId']}/items.json"))
    assert len(lines) == len(good.items)
    for line in lines:
        for key, describe in (
            ("trainingJob", sagemaker.describe_training_job),
            ("transformJob", sagemaker.describe_transform_job),
        ):
            sent = {name: value for name, value in line[key].items() if name != "Tags"}
            named = {name: value for name, value in sent.items() if name.endswith("JobName")}
            told = describe(**named)
            assert {
                name: told.get(name) for name, value in sent.items() if not within(value, told.get(name))
            } == {}


def test_training_jobs_log_where_sagemaker_logs(deployed: Stack, good: Run) -> None:
    for entry in good.items.values():
        streams = deployed.client("logs").describe_log_streams(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{entry['trainingJobName']}/"
        )["logStreams"]
        assert len(streams) == 1
