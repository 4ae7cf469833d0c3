"""Manifests: every item exactly once, with one verdict, and the run's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import Caught, PreparedRun, Record, as_json, read_document
from pipeline.manifest import Manifest
from pipeline.stored.run_files import BrokenRecord
from pipeline.summary.write_manifest import Summary, answer_of, make_manifest, write_manifest
from pipeline.work_list import Line, read_work_list
from tests.unit.pipeline.stored_documents import BUCKET, Bucket, failure, line, success

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
RUN = "20261122T094236123Z-x"
UNCHANGED = {
    "runId": "20261121T094236123Z-y",
    "predictionsUri": "s3://out/y/sample_prediction.csv.out",
    "modelDataUrl": "s3://out/y/model.tar.gz",
    "metrics": {"customers": 8},
}
NO_JOBS: dict[str, Any] = {"trainingJob": None, "model": None, "transformJob": None, "trainedIn": None}


def prepared(count: int, tolerated: float = 0.0, **others: Any) -> PreparedRun:
    return PreparedRun(
        run_id=RUN,
        execution_arn="arn:x",
        started_at="2026-11-22T09:42:36.123Z",
        items_key=f"runs/{RUN}/items.json",
        item_count=count,
        max_concurrency=5,
        tolerated_failure_percentage=tolerated,
        **others,
    )


def manifest_of(lines: list[Any], records: list[Any], tolerated: float = 0.0, **others: Any) -> Any:
    """Return the manifest as it is stored."""
    return as_json(made(lines, records, tolerated, **others))


def made(lines: list[Any], records: list[Any], tolerated: float = 0.0, **others: Any) -> Manifest:
    return make_manifest(
        prepared(len(lines), tolerated, **others),
        read_lines(lines),
        {record["index"]: record_of(record) for record in records},
        None,
        NOW,
    )


def record_of(record: dict[str, Any]) -> Record:
    return read_document(Record, json.dumps(record).encode())


def read_lines(lines: list[Any]) -> list[Line]:
    return read_work_list(json.dumps(lines).encode())


def lines_of(count: int) -> list[dict[str, Any]]:
    return [line(index, RUN) for index in range(count)]


def test_each_item_has_the_verdict_of_its_record_and_none_means_unfinished() -> None:
    manifest = manifest_of(lines_of(3), [success(0), failure(1)])
    assert [item["status"] for item in manifest["items"]] == ["SUCCEEDED", "FAILED", "UNFINISHED"]
    assert manifest["counts"] == {"total": 3, "succeeded": 1, "failed": 1, "unfinished": 1, "unchanged": 0}
    assert manifest["verdict"] == "FAILED"
    good, bad, cut = manifest["items"]
    assert good == {
        "index": 0,
        "item": "item0",
        "status": "SUCCEEDED",
        "stage": "StartBatchTransformJob",
        "error": None,
        "reason": None,
        "trainingJobName": "t-item0-20261122T094236123Z",
        "modelName": "m-item0-20261122T094236123Z",
        "transformJobName": "b-item0-20261122T094236123Z",
        "trainedIn": RUN,
        "unchangedSince": None,
        "modelDataUrl": "s3://out/model.tar.gz",
        "predictionsUri": f"s3://{BUCKET}/analysis_predicted_out/item0/{RUN}/sample_prediction.csv.out",
        "metrics": {"customers": 3},
        "durationSeconds": 60.0,
        "training": {
            "name": "t0",
            "arn": "arn:t",
            "status": "Completed",
            "createdAt": "2026-11-22T09:42:36.123Z",
            "startedAt": "2026-11-22T09:42:46.123Z",
            "endedAt": "2026-11-22T09:42:56.123Z",
            "billableSeconds": 10,
        },
        "transform": {
            "name": "b0",
            "arn": "arn:b",
            "status": "Completed",
            "createdAt": "2026-11-22T09:43:06.123Z",
            "startedAt": None,
            "endedAt": None,
        },
    }
    assert (bad["stage"], bad["error"], bad["reason"]) == ("StartTrainingJob", "States.TaskFailed", "no rows")
    assert cut["predictionsUri"] is bad["predictionsUri"] is None
    assert cut.keys() == bad.keys() == good.keys()


def test_the_manifest_tells_mode_and_the_run_that_was_completed() -> None:
    manifest = manifest_of(lines_of(1), [success(0)], mode="score", rerun_of="20261121T094236123Z-y")
    assert (manifest["mode"], manifest["rerunOf"]) == ("score", "20261121T094236123Z-y")
    assert (manifest["startedAt"], manifest["endedAt"]) == ("2026-11-22T09:42:36.123Z", "2026-11-22T10:00:00.000Z")


def test_an_unchanged_item_points_to_its_last_predictions() -> None:
    record = {"index": 1, "item": "item1", "endedAt": "2026-11-22T09:43:36.123Z", "unchanged": UNCHANGED}
    manifest = manifest_of([line(0, RUN), line(1, RUN, **NO_JOBS, unchanged=UNCHANGED)], [success(0), record])
    assert manifest["counts"] == {"total": 2, "succeeded": 2, "failed": 0, "unfinished": 0, "unchanged": 1}
    assert manifest["verdict"] == "SUCCEEDED"
    item = manifest["items"][1]
    assert item["unchangedSince"] == UNCHANGED["runId"]
    assert {key: item[key] for key in ("predictionsUri", "modelDataUrl", "metrics")} == {
        key: UNCHANGED[key] for key in ("predictionsUri", "modelDataUrl", "metrics")
    }
    assert [item[key] for key in ("trainingJobName", "modelName", "transformJobName", "durationSeconds")] == [
        None
    ] * 4


def test_a_refused_item_has_no_jobs() -> None:
    error = {"Error": "DataEmptyError", "Cause": "x is empty"}
    refused = failure(0, stage="PrepareRun", error=error)
    item = manifest_of([line(0, RUN, **NO_JOBS, error=error)], [refused])["items"][0]
    assert (item["stage"], item["reason"], item["trainingJobName"]) == ("PrepareRun", "x is empty", None)


def test_a_kept_training_is_named_and_its_time_not_counted_again() -> None:
    kept = {"name": "t-of-yesterday", "arn": "arn:t", "status": "Completed", "createdAt": 1795200000000}
    before = "20261121T094236123Z-y"
    record = success(0) | {"training": kept}
    item = manifest_of([line(0, RUN, trainingJob=None, training=kept, trainedIn=before)], [record])["items"][0]
    assert (item["trainingJobName"], item["trainedIn"]) == ("t-of-yesterday", before)
    assert item["durationSeconds"] == 30.0


def test_an_item_scored_without_training_took_as_long_as_its_transform() -> None:
    whole = line(0, RUN, trainingJob=None, trainedIn=None)
    item = manifest_of([whole], [success(0) | {"training": None}])["items"][0]
    assert (item["trainingJobName"], item["trainedIn"], item["durationSeconds"]) == (None, None, 30.0)


def test_a_failed_jobs_times_and_billed_seconds_are_those_of_its_description() -> None:
    described = {
        "TrainingJobName": "t0",
        "TrainingJobArn": "arn:t",
        "TrainingJobStatus": "Failed",
        "FailureReason": "AlgorithmError: no rows",
        "CreationTime": 1795340556123,
        "TrainingStartTime": 1795340566123,
        "TrainingEndTime": 1795340576123,
        "BillableTimeInSeconds": 10,
    }
    error = {"Error": "States.TaskFailed", "Cause": json.dumps(described)}
    item = manifest_of(lines_of(1), [failure(0, error=error)])["items"][0]
    assert item["training"] == {
        "name": "t0",
        "arn": "arn:t",
        "status": "Failed",
        "createdAt": "2026-11-22T09:42:36.123Z",
        "startedAt": "2026-11-22T09:42:46.123Z",
        "endedAt": "2026-11-22T09:42:56.123Z",
        "billableSeconds": 10,
    }
    assert (item["transform"], item["reason"], item["durationSeconds"]) == (None, "no rows", 60.0)


def test_a_failed_transforms_times_are_told_beside_those_of_its_training() -> None:
    described = {
        "TransformJobName": "b0",
        "TransformJobArn": "arn:b",
        "TransformJobStatus": "Failed",
        "CreationTime": 1795340586123,
    }
    error = {"Error": "States.TaskFailed", "Cause": json.dumps(described)}
    item = manifest_of(lines_of(1), [failure(0, stage="StartBatchTransformJob", error=error)])["items"][0]
    assert (item["training"]["status"], item["transform"]["status"]) == ("Completed", "Failed")
    assert item["transform"]["createdAt"] == "2026-11-22T09:43:06.123Z"


@pytest.mark.parametrize(
    ("failed", "tolerated", "verdict"),
    [(0, 0, "SUCCEEDED"), (1, 0, "FAILED"), (1, 25, "SUCCEEDED"), (2, 25, "FAILED"), (4, 100, "SUCCEEDED")],
)
def test_the_run_fails_when_more_items_fail_than_are_tolerated(
    failed: int, tolerated: float, verdict: str
) -> None:
    records = [failure(index) if index < failed else success(index) for index in range(4)]
    assert manifest_of(lines_of(4), records, tolerated)["verdict"] == verdict


@given(statuses=st.lists(st.sampled_from(["SUCCEEDED", "FAILED", "broken", "none"]), min_size=1, max_size=30))
def test_every_item_is_counted_exactly_once(statuses: list[str]) -> None:
    makers: dict[str, Any] = {"SUCCEEDED": success, "FAILED": failure}
    found: dict[int, Record | BrokenRecord] = {
        index: BrokenRecord("x") if status == "broken" else record_of(makers[status](index))
        for index, status in enumerate(statuses)
        if status != "none"
    }
    lines = read_lines(lines_of(len(statuses)))
    manifest = as_json(make_manifest(prepared(len(statuses)), lines, found, None, NOW))
    assert [item["item"] for item in manifest["items"]] == [f"item{index}" for index in range(len(statuses))]
    counts = manifest["counts"]
    assert counts["succeeded"] + counts["failed"] + counts["unfinished"] == counts["total"] == len(statuses)
    assert counts["unfinished"] == statuses.count("none") + statuses.count("broken")


@pytest.fixture
def stored() -> Bucket:
    """Return a bucket with a run of two items, of which one has failed."""
    s3 = Bucket()
    s3.add_run(RUN, lines_of(2))
    s3.add_record(RUN, success(0))
    s3.add_record(RUN, failure(1))
    return s3


def write(s3: Bucket, ended: datetime = NOW, error: Caught | None = None) -> Summary:
    return write_manifest(prepared(2), BUCKET, s3, error, ended)  # type: ignore[arg-type]


def test_the_manifest_is_written_and_answered(stored: Bucket) -> None:
    found = write(stored)
    assert stored.json(f"runs/{RUN}/manifest.json") == as_json(found.manifest)
    answer = answer_of(found, BUCKET)
    assert answer["Error"] == "RunFailed"
    assert answer["Cause"].splitlines() == [
        f"1 of 2 items failed and 0 did not finish; see s3://{BUCKET}/runs/{RUN}/manifest.json",
        "item1: FAILED: no rows",
    ]
    assert {key: answer[key] for key in ("runId", "verdict", "manifestKey")} == {
        "runId": RUN,
        "verdict": "FAILED",
        "manifestKey": f"runs/{RUN}/manifest.json",
    }


def test_a_second_summary_gives_the_same_manifest(stored: Bucket) -> None:
    first = as_json(write(stored).manifest)
    later = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    assert as_json(write(stored, later).manifest) == first | {"endedAt": "2026-11-22T11:00:00.000Z"}


def test_a_broken_record_does_not_keep_the_others_from_their_verdicts(stored: Bucket) -> None:
    stored.add(f"runs/{RUN}/records/1.json", b"{")
    good, broken = write(stored).manifest.items
    assert (good.status, broken.status) == ("SUCCEEDED", "UNFINISHED")
    assert f"runs/{RUN}/records/1.json" in str(broken.reason)


def test_a_broken_map_run_is_told_beside_the_verdicts(stored: Bucket) -> None:
    manifest = write(stored, error=Caught(error="States.ItemReaderFailed", cause="gone")).manifest
    assert as_json(manifest)["mapRunError"] == {"Error": "States.ItemReaderFailed", "Cause": "gone"}


def test_a_run_that_succeeded_answers_no_error(stored: Bucket) -> None:
    stored.add_record(RUN, success(1))
    answer = answer_of(write(stored), BUCKET)
    assert answer["verdict"] == "SUCCEEDED"
    assert answer.keys().isdisjoint({"Error", "Cause"})


def test_the_cause_of_ten_thousand_failures_stays_short() -> None:
    name = "台" * 128
    lines = [line(index, RUN, item=name) for index in range(10_000)]
    long = {"Error": "States.TaskFailed", "Cause": "客" * 5000}
    manifest = made(lines, [failure(index, name, error=long) for index in range(10_000)])
    cause = answer_of(Summary(manifest, "key", [], []), BUCKET)["Cause"]
    assert "and 9980 more" in cause
    # Step Functions cuts a Cause at 32,768 characters.
    assert len(cause) < 16_000
