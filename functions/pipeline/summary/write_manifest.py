"""Sums up a run: gives every item its verdict from items.json and the records, and writes the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import layout
from pipeline.aws import s3_objects
from pipeline.caught_errors import job_of
from pipeline.documents import (
    FAILED,
    SUCCEEDED,
    UNFINISHED,
    Caught,
    Job,
    PreparedRun,
    Record,
    TrainingJob,
    as_json,
)
from pipeline.fields import iso_text
from pipeline.manifest import Counts, Manifest, ManifestItem
from pipeline.stored import run_files
from pipeline.stored.run_files import BrokenRecord
from pipeline.summary import scored_data
from pipeline.summary.verdicts import verdict_of
from pipeline.work_list import Line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Failures that the Cause of a failed run names; the manifest has all of them.
FAILURES_SHOWN = 20


class Summary(NamedTuple):
    """The summary of a run.

    Attributes:
        manifest: the manifest.
        key: its key in the output bucket.
        lines: the run's work list.
        ignored: keys of objects in the records' folder that belong to no item of the run.
    """

    manifest: Manifest
    key: str
    lines: list[Line]
    ignored: list[str]


def write_manifest(
    run: PreparedRun, bucket: str, s3: S3Client, map_run_error: Caught | None, ended: datetime
) -> Summary:
    """Read the run's files in the output bucket, and write its manifest.json there.

    An item that has scored other data than PrepareRun found for it fails. A second call gives the same verdicts.

    Raises:
        RunNotFoundError: the run's items.json does not exist.
        DataNotReadableError: it is not one that this application wrote.
    """
    lines = run_files.read_lines(s3, bucket, run.run_id)
    records = run_files.read_records(s3, bucket, run.run_id, lines)
    key = layout.manifest_key(run.run_id)
    # Records that an earlier call has verified are not verified again, because old versions of objects may expire.
    manifest_written = s3_objects.find_last_modified(s3, bucket, key)
    verified = scored_data.verify_records(s3, bucket, run.run_id, lines, records.by_index, manifest_written)
    manifest = make_manifest(run, lines, verified, map_run_error, ended)
    s3_objects.write_document(s3, bucket, key, manifest)
    return Summary(manifest, key, lines, records.ignored)


def answer_of(summary: Summary, bucket: str) -> dict[str, Any]:
    """Return the response of SummarizeRun: runId, verdict, manifestKey, counts and, for a failed run, Error and Cause."""
    manifest = summary.manifest
    answer: dict[str, Any] = {
        "runId": manifest.run_id,
        "verdict": manifest.verdict,
        "manifestKey": summary.key,
        "counts": as_json(manifest.counts),
    }
    if manifest.verdict == FAILED:
        answer |= as_json(Caught(error="RunFailed", cause=_cause(manifest, f"s3://{bucket}/{summary.key}")))
    return answer


def make_manifest(
    run: PreparedRun,
    lines: Sequence[Line],
    records: Mapping[int, Record | BrokenRecord],
    map_run_error: Caught | None,
    ended: datetime,
) -> Manifest:
    """Return the run's manifest.

    Args:
        run: the prepared run.
        lines: the run's work list.
        records: the existing records, by index.
        map_run_error: the error of the map run itself, if it failed.
        ended: when the run ended.
    """
    items = [_item_of(line, records.get(line.index)) for line in lines]
    counts = Counter(item.status for item in items)
    not_succeeded = counts[FAILED] + counts[UNFINISHED]
    return Manifest(
        run_id=run.run_id,
        execution_arn=run.execution_arn,
        mode=run.mode,
        rerun_of=run.rerun_of,
        started_at=run.started_at,
        ended_at=iso_text(ended),
        verdict=FAILED if not_succeeded * 100 > run.tolerated_failure_percentage * len(items) else SUCCEEDED,
        tolerated_failure_percentage=run.tolerated_failure_percentage,
        counts=Counts(
            total=len(items),
            succeeded=counts[SUCCEEDED],
            failed=counts[FAILED],
            unfinished=counts[UNFINISHED],
            # These also count as succeeded.
            unchanged=sum(item.unchanged_since is not None for item in items),
        ),
        map_run_error=map_run_error,
        items=items,
    )


def _item_of(line: Line, record: Record | BrokenRecord | None) -> ManifestItem:
    """Return one item's entry of the manifest."""
    verdict = verdict_of(line, record)
    valid = record if isinstance(record, Record) else None
    # An unchanged item keeps the model and the predictions of its earlier success.
    earlier = valid.unchanged if valid else None
    model = earlier or (valid.model if valid else None)
    predictions_uri: str | None = None
    if verdict.status == SUCCEEDED:
        predictions_uri = earlier.predictions_uri if earlier else line.predictions_uri
    training, transform = _jobs_of(line, valid)
    return ManifestItem(
        index=line.index,
        item=line.item,
        status=verdict.status,
        stage=verdict.stage,
        error=verdict.error,
        reason=verdict.reason,
        training_job_name=line.training_job_name,
        model_name=line.model_name,
        transform_job_name=line.transform_job_name,
        trained_in=line.trained_in,
        unchanged_since=earlier.run_id if earlier else None,
        model_data_url=model.model_data_url if model else None,
        predictions_uri=predictions_uri,
        metrics=model.metrics if model else None,
        duration_seconds=_duration(line, training, transform, valid.ended_at) if valid else None,
        training=training,
        transform=transform,
    )


def _jobs_of(line: Line, record: Record | None) -> tuple[TrainingJob | None, Job | None]:
    """Return the item's jobs that have ended; a failed job's description is in the Cause."""
    if record is None:
        return line.training, None
    failed = job_of(record.error.cause) if record.error else None
    training = record.training or (failed if isinstance(failed, TrainingJob) else None)
    transform = record.transform or (failed if not isinstance(failed, TrainingJob) else None)
    return training, transform


def _duration(line: Line, training: TrainingJob | None, transform: Job | None, ended: datetime) -> float | None:
    """Return the seconds from the creation of the item's first job in this run to its record, if both are known."""
    first = training if line.training_job is not None else transform
    started = first.created_at if first else None
    return None if started is None else round((ended - started).total_seconds(), 3)


def _cause(manifest: Manifest, manifest_uri: str) -> str:
    counts = manifest.counts
    not_succeeded = [item for item in manifest.items if item.status != SUCCEEDED]
    overview = f"{counts.failed} of {counts.total} items failed and {counts.unfinished} did not finish"
    lines = [f"{overview}; see {manifest_uri}"]
    shown = not_succeeded[:FAILURES_SHOWN]
    lines += [f"{item.item}: {item.status}: {(item.reason or '')[:300]}" for item in shown]
    if len(not_succeeded) > len(shown):
        lines.append(f"… and {len(not_succeeded) - len(shown)} more")
    return "\n".join(lines)
