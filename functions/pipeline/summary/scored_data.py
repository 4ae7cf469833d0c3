"""Checks that a run's transform jobs have scored the data that PrepareRun found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline import layout, naming
from pipeline.aws import s3_objects
from pipeline.aws.clients import PARALLEL_REQUESTS
from pipeline.data import input_versions
from pipeline.documents import Caught, Record
from pipeline.errors import DataChangedError, UserError
from pipeline.observability import logger
from pipeline.stored.run_files import BrokenRecord
from pipeline.summary.verdicts import succeeded

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.work_list import Line


def verify_records(
    s3: S3Client,
    bucket: str,
    run_id: str,
    lines: Iterable[Line],
    records: Mapping[int, Record | BrokenRecord],
    manifest_written: datetime | None = None,
) -> dict[int, Record | BrokenRecord]:
    """Return the records after a check of the scored data.

    If an item has scored other data, its record becomes that of a failure. If S3 cannot show which data was scored, the
    record becomes `input_unverified`. Both are also written to S3.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        run_id: the run.
        lines: its work list, or a part of it.
        records: the existing records, by index.
        manifest_written: when its manifest was written; records older than the manifest were checked before.
    """
    since = naming.started_at(run_id)

    def verify(line: Line) -> Record | BrokenRecord | None:
        record = records.get(line.index)
        if not isinstance(record, Record) or was_verified(record, manifest_written):
            return record
        changes = _verify_input(s3, line, record, since)
        if not changes:
            return record
        logger.warning("scored data", extra={"run_id": run_id, "item": line.item, **changes})
        verified = record.model_copy(update=changes)
        s3_objects.write_document(s3, bucket, layout.record_key(run_id, line.index), verified)
        return verified

    lines = list(lines)
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        results = zip(lines, pool.map(verify, lines), strict=True)
        return {line.index: record for line, record in results if record is not None}


def _verify_input(s3: S3Client, line: Line, record: Record, since: datetime) -> dict[str, Any]:
    """Return changes to the record: an error if the item scored other data, a mark if S3 cannot show what it scored."""
    if line.scored_input is None or record.transform is None or not succeeded(record):
        return {}
    try:
        is_verified = input_versions.check_input_at(
            s3, line.scored_input, record.transform.ended_at or record.ended_at, since
        )
    except (DataChangedError, UserError) as error:
        return {"error": Caught(error=type(error).__name__, cause=str(error))}
    return {} if is_verified else {"input_unverified": True}


def was_verified(record: Record, manifest_written: datetime | None) -> bool:
    """Return whether the manifest was written after the record: SummarizeRun has then checked the scored data."""
    return manifest_written is not None and record.ended_at.replace(microsecond=0) <= manifest_written
