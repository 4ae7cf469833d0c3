"""Reads the files that a run has written to S3: its work list and its records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from pipeline import layout
from pipeline.aws import clients, s3_objects
from pipeline.documents import PreparedRun, Record, read_document
from pipeline.errors import DataNotReadableError, InvalidRequestError, RunNotFoundError
from pipeline.work_list import Line, read_work_list

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Metadata key of items.json that holds the PreparedRun.
RUN_METADATA = "run"
# Metadata key of items.json that is "true" if the run's training jobs have no network.
ISOLATION_METADATA = "isolated"


class BrokenRecord(NamedTuple):
    """A record that cannot be used: it is not JSON, or not of this item.

    Attributes:
        reason: the object and what is wrong with it.
    """

    reason: str


class Records(NamedTuple):
    """The records of a run.

    Attributes:
        by_index: an item's index to its record; an item without a record is absent.
        ignored: keys of other objects in the records' folder.
    """

    by_index: dict[int, Record | BrokenRecord]
    ignored: list[str]


def read_prepared_run(s3: S3Client, bucket: str, run_id: str) -> PreparedRun:
    """Return the prepared run from the metadata of its items.json.

    Raises:
        RunNotFoundError: there is no such run, or this version cannot read it.
    """
    key = layout.items_key(run_id)
    metadata = s3_objects.find_metadata(s3, bucket, key)
    if metadata is None:
        raise RunNotFoundError(
            f"there is no run {run_id} in s3://{bucket}/{layout.RUNS_PREFIX}/; a run whose request was refused has no"
            " items and leaves none"
        )
    try:
        return parse_prepared_run(metadata)
    except ValueError as error:
        raise RunNotFoundError(
            f"s3://{bucket}/{key} does not hold the request of run {run_id}: another version of this application"
            " wrote it; start a new run of its items"
        ) from error


def require_prepared_values(s3: S3Client, bucket: str, received: PreparedRun) -> None:
    """Raise an error unless the run in an event has the values that prepare_run stored.

    Raises:
        InvalidRequestError: values differ; the message names every key.
        RunNotFoundError: there is no such run, or this version cannot read it.
    """
    prepared_values = read_prepared_run(s3, bucket, received.run_id).model_dump(by_alias=True)
    received_values = received.model_dump(by_alias=True)
    problems = [
        f"{key}: must be {json.dumps(value)}, as prepare_run answered"
        for key, value in prepared_values.items()
        if received_values[key] != value
    ]
    if problems:
        raise InvalidRequestError(problems)


def parse_prepared_run(metadata: dict[str, str]) -> PreparedRun:
    """Return the run in the metadata of an items.json; raise a ValueError if it holds none."""
    return read_document(PreparedRun, metadata.get(RUN_METADATA, "").encode())


def trains_without_network(metadata: dict[str, str]) -> bool:
    """Return whether the run's training jobs have no network, from the metadata of its items.json."""
    return metadata.get(ISOLATION_METADATA) == "true"


def read_lines(s3: S3Client, bucket: str, run_id: str) -> list[Line]:
    """Return the run's work list, in the order of the items' indices.

    Raises:
        RunNotFoundError: the file does not exist.
        DataNotReadableError: the file is not one that this application wrote.
    """
    key = layout.items_key(run_id)
    body = s3_objects.read_bytes(s3, bucket, key)
    if body is None:
        raise RunNotFoundError(f"s3://{bucket}/{key} does not exist; run {run_id} cannot be read without it")
    try:
        return read_work_list(body)
    except ValueError as error:
        raise DataNotReadableError(f"s3://{bucket}/{key} is not a run's work list: {error}") from error


def read_records(s3: S3Client, bucket: str, run_id: str, lines: Iterable[Line]) -> Records:
    """Return the records of `lines`, read in parallel."""
    by_key = {layout.record_key(run_id, line.index): line for line in lines}
    keys = s3_objects.list_keys(s3, bucket, layout.records_prefix(run_id))

    def read(key: str) -> Record | BrokenRecord | None:
        body = s3_objects.read_bytes(s3, bucket, key)
        return None if body is None else parse_record(body, by_key[key], key)

    present = [key for key in keys if key in by_key]
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        records = dict(zip(present, pool.map(read, present), strict=True))
    return Records(
        {by_key[key].index: record for key, record in records.items() if record is not None},
        [key for key in keys if key not in by_key],
    )


def parse_record(body: bytes, line: Line, key: str) -> Record | BrokenRecord:
    """Return the record in `body`.

    Args:
        body: content of the object.
        line: the line of the item whose record it must be.
        key: the object's key.
    """
    try:
        record = read_document(Record, body)
    # One broken record must not prevent the verdicts of the other items.
    except ValueError as error:
        return BrokenRecord(f"the item's record {key} cannot be read: {error}")
    if (record.index, record.item) != (line.index, line.item):
        return BrokenRecord(f"the item's record {key} is of item {record.item!r}, number {record.index}")
    if record.error is None and record.transform is None and record.unchanged is None:
        return BrokenRecord(f"the item's record {key} has no error, and no batch transform job either")
    return record
