"""An item's verdict follows from its line and its record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.stored.run_files import BrokenRecord, parse_record
from pipeline.summary.verdicts import Verdict, verdict_of
from tests.unit.pipeline.stored_documents import failure, success, work_list_line

RUN = "20261122T094236123Z-x"
KEY = f"runs/{RUN}/records/0.json"


def verdict(record: dict[str, Any], **others: Any) -> Verdict:
    item_line = work_list_line(RUN, **others)
    return verdict_of(item_line, parse_record(json.dumps(record).encode(), item_line, KEY))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cannot be read"),
        (b'{"index": 0, "item": "ite', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"null", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (json.dumps({"index": 0, "item": "item0"}).encode(), "endedAt: Field required"),
        (json.dumps(success(0) | {"error": "no"}).encode(), "error: "),
        (json.dumps(success(0) | {"endedAt": "yesterday"}).encode(), "endedAt"),
        (json.dumps(success(0) | {"endedAt": "2026-11-22T09:43:36"}).encode(), "endedAt"),
        (json.dumps(success(0) | {"transform": "Completed"}).encode(), "transform"),
        (json.dumps(success(0) | {"transform": None}).encode(), "no batch transform job either"),
        (json.dumps(success(1)).encode(), "is of item 'item1', number 1"),
        (json.dumps(success(0, "another")).encode(), "is of item 'another', number 0"),
    ],
    ids=[
        "empty",
        "cut",
        "no UTF-8",
        "a list",
        "null",
        "too deep",
        "keys missing",
        "error that is none",
        "no date",
        "date without zone",
        "wrong type",
        "success without transform",
        "another index",
        "another item",
    ],
)
def test_a_broken_record_leaves_its_item_unfinished_and_is_named(body: bytes, said: str) -> None:
    record = parse_record(body, work_list_line(RUN), KEY)
    assert isinstance(record, BrokenRecord)
    found = verdict_of(work_list_line(RUN), record)
    assert found.status == "UNFINISHED"
    assert found.reason is not None
    assert KEY in found.reason
    assert said in found.reason


def test_an_item_without_record_is_unfinished() -> None:
    found = verdict_of(work_list_line(RUN), None)
    assert (found.status, found.stage, found.error) == ("UNFINISHED", None, None)
    assert "never started, or was cut off" in str(found.reason)


def test_a_failed_item_has_stage_error_and_reason() -> None:
    assert verdict(failure(0)) == ("FAILED", "StartTrainingJob", "States.TaskFailed", "no rows")


def test_a_failure_without_a_reason_is_a_failure() -> None:
    assert verdict(failure(0, error={})) == ("FAILED", "StartTrainingJob", "", "no reason was given")


@pytest.mark.parametrize("status", ["Stopped", "Failed"])
def test_a_transform_that_did_not_complete_is_a_failure_whatever_the_record_says(status: str) -> None:
    found = verdict(success(0, status=status))
    assert (found.status, found.stage, found.error) == (
        "FAILED",
        "StartBatchTransformJob",
        f"TransformJob{status}",
    )
    assert found.reason == f"batch transform job b-item0-20261122T094236123Z ended as {status}"


def test_an_unchanged_item_has_succeeded() -> None:
    record = {
        "index": 0,
        "item": "item0",
        "endedAt": "2026-11-22T09:43:36.123Z",
        "unchanged": {"runId": "20261121T094236123Z-y", "predictionsUri": "s3://out/p.out"},
    }
    assert verdict(record, trainingJob=None, model=None, transformJob=None) == (
        "SUCCEEDED",
        "PrepareRun",
        None,
        None,
    )


def test_a_refused_item_has_the_cause_as_its_reason() -> None:
    error = {"Error": "DataEmptyError", "Cause": "x is empty"}
    record = failure(0, stage="PrepareRun", error=error)
    found = verdict(record, trainingJob=None, model=None, transformJob=None, error=error)
    assert found == ("FAILED", "PrepareRun", "DataEmptyError", "x is empty")


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("StartTrainingJob", "job t-item0-20261122T094236123Z had not ended after 7200 s"),
        ("StartBatchTransformJob", "job b-item0-20261122T094236123Z had not ended after 3600 s"),
        ("CreateModel", "States.Timeout"),
    ],
    ids=["training", "transform", "function"],
)
def test_a_timeout_names_the_job_and_its_limit(stage: str, said: str) -> None:
    record = failure(0, stage=stage, error={"Error": "States.Timeout", "Cause": ""})
    assert str(verdict(record).reason).startswith(said)
