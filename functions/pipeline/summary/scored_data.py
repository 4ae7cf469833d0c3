"""Holds the data that a run's jobs have scored against what PrepareRun had found."""

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


def checked_records(
    s3: S3Client,
    bucket: str,
    run_id: str,
    lines: Iterable[Line],
    found: Mapping[int, Record | BrokenRecord],
    manifest_written: datetime | None = None,
) -> dict[int, Record | BrokenRecord]:
    """The records; those of items that have scored other data than promised, or nobody knows which, say so here and in S3.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        run_id: the run.
        lines: its work list, or a part of it.
        found: the records that there are, by index.
        manifest_written: when its manifest was; records that it knows were looked at before.
    """
    since = naming.started_at(run_id)

    def checked(line: Line) -> Record | BrokenRecord | None:
        record = found.get(line.index)
        if not isinstance(record, Record) or is_known(record, manifest_written):
            return record
        finding = _finding(s3, line, record, since)
        if not finding:
            return record
        logger.warning("scored data", extra={"run_id": run_id, "item": line.item, **finding})
        looked_at = record.model_copy(update=finding)
        s3_objects.write_document(s3, bucket, layout.record_key(run_id, line.index), looked_at)
        return looked_at

    lines = list(lines)
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        records = zip(lines, pool.map(checked, lines), strict=True)
        return {line.index: record for line, record in records if record is not None}


def _finding(s3: S3Client, line: Line, record: Record, since: datetime) -> dict[str, Any]:
    """What the record must say besides: why the item has failed although its jobs have not, or that nobody can tell."""
    if line.scored_input is None or record.transform is None or not succeeded(record):
        return {}
    try:
        is_known = input_versions.check_then(
            s3, line.scored_input, record.transform.ended_at or record.ended_at, since
        )
    except (DataChangedError, UserError) as error:
        return {"error": Caught(error=type(error).__name__, cause=str(error))}
    return {} if is_known else {"input_unverified": True}


def is_known(record: Record, manifest_written: datetime | None) -> bool:
    """Whether the run was summed up after the record was written, so that what it has scored was looked at."""
    return manifest_written is not None and record.ended_at.replace(microsecond=0) <= manifest_written
