"""The files of a run are read whole, whatever one of its records holds."""

from __future__ import annotations

import pytest

from pipeline.errors import DataNotReadableError, RunNotFoundError
from pipeline.stored import run_files
from pipeline.stored.run_files import BrokenRecord
from tests.unit.pipeline.stored_documents import BUCKET, Bucket, line, success

RUN = "20261122T094236123Z-x"


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
def test_an_unreadable_work_list_raises(content: bytes | None, kind: type[Exception], said: str) -> None:
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
