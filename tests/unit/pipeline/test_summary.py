"""Verdicts: every item exactly one, from items.json and the records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import CaughtError, PreparedRun
from pipeline.reasons import reason_of
from pipeline.summary import make_manifest

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def prepared(count: int, tolerated: float = 0.0) -> PreparedRun:
    return PreparedRun(
        run_id="20261122T094236123Z-x",
        execution_arn="arn:x",
        started_at="2026-11-22T09:42:36.123Z",
        items_key="runs/x/items.json",
        item_count=count,
        max_concurrency=5,
        tolerated_failure_percentage=tolerated,
    )


def line(index: int, source: str = "s3://out/in/sample_prediction.csv") -> dict[str, Any]:
    return {
        "index": index,
        "item": f"item{index}",
        "trainingJob": {"TrainingJobName": f"t{index}"},
        "model": {"name": f"m{index}"},
        "transformJob": {
            "TransformJobName": f"b{index}",
            "TransformOutput": {"S3OutputPath": "s3://out/p/"},
            "TransformInput": {"DataSource": {"S3DataSource": {"S3Uri": source}}},
        },
    }


def success(index: int, status: str = "Completed") -> dict[str, Any]:
    return {
        "index": index,
        "item": f"item{index}",
        "status": "SUCCEEDED",
        "stage": "StartBatchTransformJob",
        "endedAt": "2026-11-22T09:43:36.123Z",
        "training": {"name": f"t{index}", "status": "Completed", "createdAt": 1795340556123},
        "model": {"modelDataUrl": "s3://out/model.tar.gz", "metrics": {"customers": 3}},
        "transform": {"name": f"b{index}", "status": status},
    }


def failure(index: int) -> dict[str, Any]:
    return {
        "index": index,
        "item": f"item{index}",
        "status": "FAILED",
        "stage": "StartTrainingJob",
        "endedAt": "2026-11-22T09:43:36.123Z",
        "error": {"Error": "States.TaskFailed", "Cause": json.dumps({"FailureReason": "AlgorithmError: no rows"})},
    }


def manifest_of(lines: list[Any], records: list[Any], tolerated: float = 0.0, **kwargs: Any) -> dict[str, Any]:
    by_index = {record["index"]: record for record in records}
    return make_manifest(
        prepared(len(lines), tolerated), lines, by_index, kwargs.get("map_run_error"), kwargs.get("now", NOW)
    )


def test_each_item_has_the_verdict_of_its_record_and_none_means_unfinished() -> None:
    manifest = manifest_of([line(0), line(1), line(2)], [success(0), failure(1)])
    assert [item["status"] for item in manifest["items"]] == ["SUCCEEDED", "FAILED", "UNFINISHED"]
    assert manifest["counts"] == {"total": 3, "succeeded": 1, "failed": 1, "unfinished": 1}
    assert manifest["verdict"] == "FAILED"
    good, bad, cut = manifest["items"]
    assert good["predictionsUri"] == "s3://out/p/sample_prediction.csv.out"
    assert good["durationSeconds"] == 60.0
    assert good["metrics"] == {"customers": 3}
    assert (bad["stage"], bad["error"], bad["reason"]) == (
        "StartTrainingJob",
        "States.TaskFailed",
        "no rows",
    )
    assert "never started, or was cut off" in cut["reason"]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (
            "StartTrainingJob",
            "job t0 had not ended after 7200 s and was stopped; raise training.maxRuntimeInSeconds",
        ),
        (
            "StartBatchTransformJob",
            "job b0 had not ended after 3600 s and was stopped; raise transform.maxRuntime",
        ),
        ("CreateModel", "States.Timeout"),
    ],
)
def test_a_job_that_took_too_long_is_told_in_words(stage: str, said: str) -> None:
    record = failure(0) | {"stage": stage, "error": {"Error": "States.Timeout", "Cause": ""}}
    limits = {"trainingTimeoutSeconds": 7200, "transformTimeoutSeconds": 3600}
    assert said in manifest_of([line(0) | limits], [record])["items"][0]["reason"]


@pytest.mark.parametrize("status", ["Stopped", "Failed"])
def test_a_transform_that_did_not_complete_is_a_failure_whatever_the_record_says(status: str) -> None:
    item = manifest_of([line(0)], [success(0, status)])["items"][0]
    assert item["status"] == "FAILED"
    assert item["predictionsUri"] is None
    assert status in item["reason"]


def test_a_scored_folder_has_a_folder_of_predictions() -> None:
    item = manifest_of([line(0, "s3://out/in/")], [success(0)])["items"][0]
    assert item["predictionsUri"] == "s3://out/p/"


@pytest.mark.parametrize(
    ("failed", "tolerated", "verdict"),
    [(0, 0, "SUCCEEDED"), (1, 0, "FAILED"), (1, 25, "SUCCEEDED"), (2, 25, "FAILED"), (4, 100, "SUCCEEDED")],
)
def test_the_run_fails_when_more_items_fail_than_are_tolerated(
    failed: int, tolerated: float, verdict: str
) -> None:
    records = [failure(index) if index < failed else success(index) for index in range(4)]
    assert manifest_of([line(index) for index in range(4)], records, tolerated)["verdict"] == verdict


def test_a_broken_map_run_is_told_beside_the_verdicts() -> None:
    error = CaughtError(error="States.ItemReaderFailed", cause="gone")
    manifest = manifest_of([line(0)], [], map_run_error=error)
    assert manifest["mapRunError"] == {"Error": "States.ItemReaderFailed", "Cause": "gone"}
    assert manifest["verdict"] == "FAILED"


@given(statuses=st.lists(st.sampled_from(["SUCCEEDED", "FAILED", "none"]), min_size=1, max_size=30))
def test_every_item_is_counted_exactly_once(statuses: list[str]) -> None:
    makers = {"SUCCEEDED": success, "FAILED": failure}
    records = [makers[status](index) for index, status in enumerate(statuses) if status != "none"]
    manifest = manifest_of([line(index) for index in range(len(statuses))], records)
    assert [item["item"] for item in manifest["items"]] == [f"item{index}" for index in range(len(statuses))]
    counts = manifest["counts"]
    assert counts["succeeded"] + counts["failed"] + counts["unfinished"] == counts["total"] == len(statuses)
    assert counts["unfinished"] == statuses.count("none")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (
            json.dumps({"TrainingJobName": "t", "FailureReason": "AlgorithmError: no, none., exit code: 1"}),
            "no, none.",
        ),
        (
            json.dumps({"TrainingJobName": "t", "FailureReason": "AlgorithmError: , exit code: 137"}),
            "the image ended with exit code 137 and wrote no reason; see job t's log in CloudWatch",
        ),
        (
            json.dumps({"TrainingJobName": "t", "FailureReason": "ClientError: Data download failed"}),
            "ClientError: Data download failed",
        ),
        (json.dumps({"errorMessage": "no metrics", "errorType": "X"}), "no metrics"),
        (
            json.dumps(
                {"TrainingJobName": "t", "TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
            ),
            "job t ended as Stopped (MaxRuntimeExceeded)",
        ),
        ("Rate exceeded (Service: AmazonSageMaker)", "Rate exceeded (Service: AmazonSageMaker)"),
        ('{"TrainingJobName":"t","Fai', '{"TrainingJobName":"t","Fai'),
        ("[1]", "[1]"),
        ("", "States.Timeout"),
        ("x" * 5000, "x" * 1999 + "…"),
    ],
    ids=[
        "job",
        "wordless image",
        "platform",
        "function",
        "stopped job",
        "plain text",
        "cut json",
        "other json",
        "no cause",
        "long",
    ],
)
def test_the_reason_is_the_sentence_a_person_should_read(cause: str, reason: str) -> None:
    assert reason_of("States.Timeout", cause) == reason
