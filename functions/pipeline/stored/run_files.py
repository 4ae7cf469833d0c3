"""Reads what a run has left in S3, its work list and its records, and gives an item its verdict from both."""

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

# Key of items.json's metadata that holds the PreparedRun.
RUN_METADATA = "run"
# And the one that says, by "true", that the run's training jobs have no network.
ISOLATION_METADATA = "isolated"


class BrokenRecord(NamedTuple):
    """A record that says nothing: no JSON, or not this item's.

    Attributes:
        reason: what is wrong with which object.
    """

    reason: str


class Records(NamedTuple):
    """The records of a run.

    Attributes:
        by_index: item's index to its record; none where none was written.
        ignored: keys of what else is in the records' folder.
    """

    by_index: dict[int, Record | BrokenRecord]
    ignored: list[str]


def read_prepared_run(s3: S3Client, bucket: str, run_id: str) -> PreparedRun:
    """What was asked of the run, from the metadata of its items.json.

    Raises:
        RunNotFoundError: there is no such run, or it is not one that this version can read.
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
            f"s3://{bucket}/{key} does not tell what was asked of run {run_id}: another version of this application"
            " wrote it; start a new run of its items"
        ) from error


def require_as_prepared(s3: S3Client, bucket: str, told: PreparedRun) -> None:
    """Makes sure that a run is told of as prepare_run has answered.

    Raises:
        InvalidRequestError: it is told of otherwise; names every key.
        RunNotFoundError: there is no such run, or it is not one that this version can read.
    """
    prepared = read_prepared_run(s3, bucket, told.run_id).model_dump(by_alias=True)
    found = told.model_dump(by_alias=True)
    problems = [
        f"{key}: must be {json.dumps(value)}, as prepare_run answered"
        for key, value in prepared.items()
        if found[key] != value
    ]
    if problems:
        raise InvalidRequestError(problems)


def parse_prepared_run(metadata: dict[str, str]) -> PreparedRun:
    """The run that the metadata of an items.json describes; a ValueError says why it describes none."""
    return read_document(PreparedRun, metadata.get(RUN_METADATA, "").encode())


def trains_without_network(metadata: dict[str, str]) -> bool:
    """Whether the training jobs of the run whose items.json has this metadata have no network."""
    return metadata.get(ISOLATION_METADATA) == "true"


def read_lines(s3: S3Client, bucket: str, run_id: str) -> list[Line]:
    """The run's work list, in the order of the items' indices.

    Raises:
        RunNotFoundError: it is gone.
        DataNotReadableError: it is not one that this application wrote.
    """
    key = layout.items_key(run_id)
    body = s3_objects.read_bytes(s3, bucket, key)
    if body is None:
        raise RunNotFoundError(f"s3://{bucket}/{key} is gone; nothing can be told of run {run_id} without it")
    try:
        return read_work_list(body)
    except ValueError as error:
        raise DataNotReadableError(f"s3://{bucket}/{key} is not a run's work list: {error}") from error


def read_records(s3: S3Client, bucket: str, run_id: str, lines: Iterable[Line]) -> Records:
    """The records of `lines`, all at once as far as S3 takes it."""
    by_key = {layout.record_key(run_id, line.index): line for line in lines}
    keys = s3_objects.list_keys(s3, bucket, layout.records_prefix(run_id))

    def read(key: str) -> Record | BrokenRecord | None:
        body = s3_objects.read_bytes(s3, bucket, key)
        return None if body is None else parse_record(body, by_key[key], key)

    present = [key for key in keys if key in by_key]
    with ThreadPoolExecutor(clients.PARALLEL_REQUESTS) as pool:
        found = dict(zip(present, pool.map(read, present), strict=True))
    return Records(
        {by_key[key].index: record for key, record in found.items() if record is not None},
        [key for key in keys if key not in by_key],
    )


def parse_record(body: bytes, line: Line, key: str) -> Record | BrokenRecord:
    """The record that `body` is.

    Args:
        body: content of the object.
        line: the item that it must be of.
        key: where it was read.
    """
    try:
        record = read_document(Record, body)
    # A record of any make must not keep the other items from their verdicts.
    except ValueError as error:
        return BrokenRecord(f"the item's record {key} cannot be read: {error}")
    if (record.index, record.item) != (line.index, line.item):
        return BrokenRecord(f"the item's record {key} is of item {record.item!r}, number {record.index}")
    if record.error is None and record.transform is None and record.unchanged is None:
        return BrokenRecord(f"the item's record {key} tells of success, but of no batch transform job")
    return record
