"""What a run left is read whole, whatever one of its records says; an item's verdict follows from line and record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.documents import Job, Record, read_document
from pipeline.errors import DataNotReadableError, RunNotFoundError
from pipeline.stored import run_files
from pipeline.stored.run_files import BrokenRecord, parse_record
from pipeline.summary import verdicts
from pipeline.summary.verdicts import verdict_of
from pipeline.work_list import Line, read_work_list, work_list_bytes
from tests.unit.pipeline.stored_documents import BUCKET, Bucket, failure, line, success

RUN = "20261122T094236123Z-x"
KEY = f"runs/{RUN}/records/0.json"


def line_of(**others: Any) -> Line:
    (read,) = read_work_list(json.dumps([line(0, RUN, **others)]).encode())
    return read


def verdict(record: dict[str, Any], **others: Any) -> verdicts.Verdict:
    wanted = line_of(**others)
    return verdict_of(wanted, parse_record(json.dumps(record).encode(), wanted, KEY))


def test_a_run_is_read_as_it_was_prepared() -> None:
    s3 = Bucket()
    s3.add_run(RUN, [line(0, RUN)], mode="score", rerunOf="20261121T094236123Z-y", maxConcurrency=7)
    run = run_files.read_prepared_run(s3, BUCKET, RUN)  # type: ignore[arg-type]
    assert (run.run_id, run.execution_arn, run.mode) == (RUN, f"arn:{RUN}", "score")
    assert (run.rerun_of, run.max_concurrency) == ("20261121T094236123Z-y", 7)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [(None, "there is no run"), ({}, "another version"), ({"run": "{}"}, "another version")],
    ids=["no run", "an older version's", "no PreparedRun"],
)
def test_a_run_that_cannot_be_read_is_not_found(metadata: dict[str, str] | None, said: str) -> None:
    s3 = Bucket()
    if metadata is not None:
        s3.add(f"runs/{RUN}/items.json", [])
        s3.metadata[f"runs/{RUN}/items.json"] = metadata
    with pytest.raises(RunNotFoundError, match=said):
        run_files.read_prepared_run(s3, BUCKET, RUN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (None, RunNotFoundError, "does not exist"),
        (b"{", DataNotReadableError, "items.json is not a run's work list"),
        (b'[{"index": 0}]', DataNotReadableError, "items.json is not a run's work list"),
    ],
    ids=["gone", "no JSON", "other JSON"],
)
def test_a_work_list_that_cannot_be_read_is_told(content: bytes | None, kind: type[Exception], said: str) -> None:
    s3 = Bucket()
    if content is not None:
        s3.add(f"runs/{RUN}/items.json", content)
    with pytest.raises(kind, match=said):
        run_files.read_lines(s3, BUCKET, RUN)  # type: ignore[arg-type]


def test_the_records_of_the_lines_are_read_and_others_ignored() -> None:
    s3 = Bucket()
    s3.add_run(RUN, [line(index, RUN) for index in range(4)])
    for index in (0, 2, 7):
        s3.add_record(RUN, success(index))
    s3.add(f"runs/{RUN}/records/notes.txt", b"not ours")
    # Another run's, whose id begins like this one's.
    s3.add_record(f"{RUN}2", success(1))
    lines = run_files.read_lines(s3, BUCKET, RUN)  # type: ignore[arg-type]
    found = run_files.read_records(s3, BUCKET, RUN, lines)  # type: ignore[arg-type]
    assert {
        index: record.item for index, record in found.by_index.items() if not isinstance(record, BrokenRecord)
    } == {
        0: "item0",
        2: "item2",
    }
    assert found.ignored == [f"runs/{RUN}/records/7.json", f"runs/{RUN}/records/notes.txt"]
    assert f"runs/{RUN}/records/7.json" not in s3.read


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
    record = parse_record(body, line_of(), KEY)
    assert isinstance(record, BrokenRecord)
    found = verdict_of(line_of(), record)
    assert found.status == "UNFINISHED"
    assert found.reason is not None
    assert KEY in found.reason
    assert said in found.reason


def test_an_item_without_record_is_unfinished() -> None:
    found = verdict_of(line_of(), None)
    assert (found.status, found.stage, found.error) == ("UNFINISHED", None, None)
    assert "never started, or was cut off" in str(found.reason)


def test_a_failed_item_tells_stage_error_and_reason() -> None:
    assert verdict(failure(0)) == ("FAILED", "StartTrainingJob", "States.TaskFailed", "no rows")


def test_a_failure_of_which_nothing_is_told_is_one_all_the_same() -> None:
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


def test_a_refused_item_tells_what_was_wrong_with_it() -> None:
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
def test_a_job_that_took_too_long_is_told_in_words(stage: str, said: str) -> None:
    record = failure(0, stage=stage, error={"Error": "States.Timeout", "Cause": ""})
    assert str(verdict(record).reason).startswith(said)


@pytest.mark.parametrize(
    "created",
    [1795340556123, 1795340556123.0, "2026-11-22T09:42:36.123Z", "2026-11-22T10:42:36.123+01:00"],
    ids=["milliseconds", "float", "text", "another zone"],
)
def test_a_jobs_start_is_read_in_each_of_its_spellings(created: float | str) -> None:
    found = job(created).created_at
    assert found is not None
    assert found.isoformat(timespec="milliseconds") == "2026-11-22T09:42:36.123+00:00"


@pytest.mark.parametrize("created", [None, "", "yesterday", 1e300, 10**30], ids=str)
def test_a_jobs_start_may_be_unknown(created: Any) -> None:
    assert job(created).created_at is None


def job(created: Any) -> Job:
    return read_document(Job, json.dumps({"status": "Completed", "createdAt": created}).encode())


@pytest.mark.parametrize(("given", "seconds"), [(65, 65), (65.0, 65), (None, None), ("many", None), (True, None)])
def test_billed_seconds_that_cannot_be_read_cost_no_verdict(given: Any, seconds: int | None) -> None:
    record = success(0)
    record["training"] |= {"billableSeconds": given}
    read = parse_record(json.dumps(record).encode(), line_of(), KEY)
    assert isinstance(read, Record)
    assert read.training is not None
    assert read.training.billable_seconds == seconds


def test_a_work_list_is_json_with_a_line_of_text_for_each_item() -> None:
    lines = [line_of(request={"item": "a\n]", "hyperparameters": {"b": "},\n{"}}), line_of(item="[台北]")]
    body = work_list_bytes(lines)
    assert [entry["request"] for entry in json.loads(body)] == [entry.request for entry in lines]
    assert len(body.split(b"\n")) == len(lines)
    assert read_work_list(body) == lines
    assert read_work_list(work_list_bytes([])) == []


@pytest.mark.parametrize("body", [b"", b"[", b"[}]", b"[1]", b'["a"]', b"[{}]", b"\xff", b'{"index": 0}'])
def test_what_is_no_work_list_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a JSON array|item 0: |Expecting|decode"):
        read_work_list(body)
