"""Times and billed seconds of jobs, in every form in which Step Functions and SageMaker give them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.documents import Job, Record, read_document
from tests.unit.pipeline.stored_documents import success


def job(created: Any) -> Job:
    return read_document(Job, json.dumps({"status": "Completed", "createdAt": created}).encode())


@pytest.mark.parametrize(
    "created",
    [1795340556123, 1795340556123.0, "2026-11-22T09:42:36.123Z", "2026-11-22T10:42:36.123+01:00"],
    ids=["milliseconds", "float", "text", "another zone"],
)
def test_a_jobs_start_is_read_in_every_format(created: float | str) -> None:
    found = job(created).created_at
    assert found is not None
    assert found.isoformat(timespec="milliseconds") == "2026-11-22T09:42:36.123+00:00"


@pytest.mark.parametrize("created", [None, "", "yesterday", 1e300, 10**30], ids=str)
def test_a_jobs_start_may_be_unknown(created: Any) -> None:
    assert job(created).created_at is None


@pytest.mark.parametrize(("value", "seconds"), [(65, 65), (65.0, 65), (None, None), ("many", None), (True, None)])
def test_billed_seconds_that_are_no_number_leave_the_record_readable(value: Any, seconds: int | None) -> None:
    content = success(0)
    content["training"] |= {"billableSeconds": value}
    record = read_document(Record, json.dumps(content).encode())
    assert record.training is not None
    assert record.training.billable_seconds == seconds
