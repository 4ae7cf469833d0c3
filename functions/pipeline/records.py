"""Reads what a run has left in S3, its work list and its records, and gives an item its verdict from both."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from pipeline import aws, layout
from pipeline.contracts import PreparedRun
from pipeline.errors import DataNotReadableError, RunNotFoundError
from pipeline.reasons import reason_of, timeout_reason

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Status = Literal["SUCCEEDED", "FAILED", "UNFINISHED"]
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
UNFINISHED: Final = "UNFINISHED"
COMPLETED = "Completed"
# Key of items.json's metadata that holds the PreparedRun.
RUN_METADATA = "run"
TRAINING_STAGE, TRANSFORM_STAGE = "StartTrainingJob", "StartBatchTransformJob"


class Job(Struct, frozen=True, kw_only=True, rename="camel"):
    """A job that ended, as the definition keeps it of Step Functions' answer; its times are epoch milliseconds."""

    status: str
    name: str = ""
    arn: str = ""
    created_at: int | float | str | None = None

    @property
    def created(self) -> datetime | None:
        """When the job was created, if that is told."""
        if isinstance(self.created_at, int | float):
            return datetime.fromtimestamp(self.created_at / 1000, UTC)
        try:
            return datetime.fromisoformat(self.created_at).astimezone(UTC) if self.created_at else None
        except ValueError:
            return None


class Model(Struct, frozen=True, kw_only=True, rename="camel"):
    """What aws_create_model answered."""

    model_data_url: str | None = None
    metrics: dict[str, Any] | None = None


class Caught(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a Catch, or PrepareRun in its place, says of a failure."""

    error: str = ""
    cause: str = ""


class Unchanged(Struct, frozen=True, kw_only=True, rename="camel"):
    """The earlier success of an item that was left as it is."""

    run_id: str
    predictions_uri: str | None = None
    model_data_url: str | None = None
    metrics: dict[str, Any] | None = None


class Record(Struct, frozen=True, kw_only=True, rename="camel"):
    """What an item's child execution wrote as its last act; keys that these do not name are of no use here."""

    index: int
    item: str
    status: Literal["SUCCEEDED", "FAILED"]
    stage: str
    ended_at: Annotated[datetime, Meta(tz=True)]
    training: Job | None = None
    model: Model | None = None
    transform: Job | None = None
    error: Caught | None = None
    unchanged: Unchanged | None = None


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


class NamedModel(Struct, frozen=True, kw_only=True, rename="camel"):
    """The model that a line makes."""

    name: str
    image: str = ""
    model_data_url: str = ""


class NamedTrainingJob(Struct, frozen=True, kw_only=True, rename="pascal"):
    """The training job that a line starts."""

    training_job_name: str


class _Source(Struct, frozen=True, rename="pascal"):
    s3_uri: str


class _DataSource(Struct, frozen=True, rename="pascal"):
    s3_data_source: _Source


class _TransformInput(Struct, frozen=True, rename="pascal"):
    data_source: _DataSource


class _TransformOutput(Struct, frozen=True, rename="pascal"):
    s3_output_path: str


class NamedTransformJob(Struct, frozen=True, kw_only=True, rename="pascal"):
    """The transform job that a line starts."""

    transform_job_name: str
    transform_input: _TransformInput
    transform_output: _TransformOutput

    @property
    def predictions_uri(self) -> str:
        """Where the item's predictions are: a file where one file was scored, else the folder."""
        source = self.transform_input.data_source.s3_data_source.s3_uri
        return layout.predictions_uri(self.transform_output.s3_output_path, source)


class Line(Struct, frozen=True, kw_only=True, rename="camel"):
    """An item's line of items.json, as far as it is read again; refused and unchanged ones have no jobs."""

    index: int
    item: str
    request: dict[str, Any] | None = None
    training_fingerprint: str | None = None
    training: Job | None = None
    trained_in: str | None = None
    training_job: NamedTrainingJob | None = None
    training_timeout_seconds: int | None = None
    model: NamedModel | None = None
    transform_job: NamedTransformJob | None = None
    transform_timeout_seconds: int | None = None

    @property
    def training_job_name(self) -> str | None:
        """The training job that makes the item's model, or has made it in an earlier run."""
        if self.training_job:
            return self.training_job.training_job_name
        return self.training.name if self.training else None

    @property
    def transform_job_name(self) -> str | None:
        """The item's batch transform job."""
        return self.transform_job.transform_job_name if self.transform_job else None

    @property
    def predictions_uri(self) -> str | None:
        """Where its predictions are, once it has succeeded."""
        return self.transform_job.predictions_uri if self.transform_job else None

    @property
    def model_name(self) -> str | None:
        """The item's SageMaker model."""
        return self.model.name if self.model else None


class Verdict(NamedTuple):
    """What became of an item.

    Attributes:
        status: SUCCEEDED, FAILED or, if nobody can tell, UNFINISHED.
        stage: the state it ended in.
        error: the error's name, of one that failed.
        reason: the sentence a person should read, of one that did not succeed.
    """

    status: Status
    stage: str | None = None
    error: str | None = None
    reason: str | None = None


_LINES = msgspec.json.Decoder(list[Line])
_RECORD = msgspec.json.Decoder(Record)


def read_prepared_run(s3: S3Client, bucket: str, run_id: str) -> PreparedRun:
    """What was asked of the run, from the metadata of its items.json.

    Raises:
        RunNotFoundError: there is no such run, or it is not one that this version can read.
    """
    key = layout.items_key(run_id)
    metadata = aws.find_metadata(s3, bucket, key)
    if metadata is None:
        raise RunNotFoundError(
            f"there is no run {run_id} in s3://{bucket}/{layout.RUNS_PREFIX}/; a run whose request was refused has no"
            " items and leaves none"
        )
    try:
        return msgspec.json.decode(metadata.get(RUN_METADATA, ""), type=PreparedRun)
    except msgspec.DecodeError as error:
        raise RunNotFoundError(
            f"s3://{bucket}/{key} does not tell what was asked of run {run_id}: another version of this application"
            " wrote it; start a new run of its items"
        ) from error


def read_lines(s3: S3Client, bucket: str, run_id: str) -> list[Line]:
    """The run's work list, in the order of the items' indices.

    Raises:
        RunNotFoundError: it is gone.
        DataNotReadableError: it is not one that this application wrote.
    """
    key = layout.items_key(run_id)
    body = aws.read_bytes(s3, bucket, key)
    if body is None:
        raise RunNotFoundError(f"s3://{bucket}/{key} is gone; nothing can be told of run {run_id} without it")
    try:
        return _LINES.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataNotReadableError(f"s3://{bucket}/{key} is not a run's work list: {error}") from error


def read_records(s3: S3Client, bucket: str, run_id: str, lines: Iterable[Line]) -> Records:
    """The records of `lines`, all at once as far as S3 takes it."""
    by_key = {layout.record_key(run_id, line.index): line for line in lines}
    keys = aws.list_keys(s3, bucket, layout.records_prefix(run_id))

    def read(key: str) -> Record | BrokenRecord | None:
        body = aws.read_bytes(s3, bucket, key)
        return None if body is None else parse_record(body, by_key[key], key)

    wanted = [key for key in keys if key in by_key]
    with ThreadPoolExecutor(aws.PARALLEL_REQUESTS) as pool:
        found = dict(zip(wanted, pool.map(read, wanted), strict=True))
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
        record = _RECORD.decode(body)
    # A record of any make must not keep the other items from their verdicts.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BrokenRecord(f"the item's record {key} cannot be read: {error}")
    if (record.index, record.item) != (line.index, line.item):
        return BrokenRecord(f"the item's record {key} is of item {record.item!r}, number {record.index}")
    if record.status == SUCCEEDED and record.transform is None and record.unchanged is None:
        return BrokenRecord(f"the item's record {key} tells of success, but of no batch transform job")
    return record


def verdict_of(line: Line, record: Record | BrokenRecord | None) -> Verdict:
    """The one verdict of an item, from its line and, if there is one, its record."""
    if record is None:
        return Verdict(UNFINISHED, reason="no record was written: the item was never started, or was cut off")
    if isinstance(record, BrokenRecord):
        return Verdict(UNFINISHED, reason=record.reason)
    if record.status == FAILED:
        caught = record.error or Caught()
        return Verdict(
            FAILED, record.stage, caught.error, _timeout(line, record) or reason_of(caught.error, caught.cause)
        )
    # A stopped job must never pass for a success.
    if record.transform and record.transform.status != COMPLETED:
        status = record.transform.status
        reason = f"batch transform job {line.transform_job_name} ended as {status}"
        return Verdict(FAILED, TRANSFORM_STAGE, f"TransformJob{status}", reason)
    return Verdict(SUCCEEDED, record.stage)


def _timeout(line: Line, record: Record) -> str | None:
    """Of a job that took too long Step Functions says nothing but States.Timeout."""
    if record.error is None or record.error.error != "States.Timeout":
        return None
    if record.stage == TRAINING_STAGE and line.training_job_name:
        return timeout_reason("training", line.training_job_name, line.training_timeout_seconds)
    if record.stage == TRANSFORM_STAGE and line.transform_job_name:
        return timeout_reason("transform", line.transform_job_name, line.transform_timeout_seconds)
    return None
