"""Sums up a run: from items.json and the records to exactly one verdict per item, and the manifest."""

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

# Named in the cause of a failed run; the manifest has them all.
FAILURES_SHOWN = 20


class Summary(NamedTuple):
    """A run that was summed up.

    Attributes:
        manifest: what was written.
        key: where, in the output bucket.
        lines: the run's work list.
        ignored: keys among the records that are of no item of the run.
    """

    manifest: Manifest
    key: str
    lines: list[Line]
    ignored: list[str]


def write_manifest(
    run: PreparedRun, bucket: str, s3: S3Client, map_run_error: Caught | None, ended: datetime
) -> Summary:
    """Reads what the run has left in the output bucket, and writes its manifest.json there.

    The record of an item that has scored other data than the run had found for it becomes that of a failure. Called
    again, it gives the same verdicts.

    Raises:
        RunNotFoundError: the run's items.json is gone.
        DataNotReadableError: it is not one that this application wrote.
    """
    lines = run_files.read_lines(s3, bucket, run.run_id)
    found = run_files.read_records(s3, bucket, run.run_id, lines)
    key = layout.manifest_key(run.run_id)
    # What an earlier call has looked at is not looked at again: old versions of objects expire.
    written = s3_objects.find_write(s3, bucket, key)
    by_index = scored_data.checked_records(s3, bucket, run.run_id, lines, found.by_index, written)
    manifest = make_manifest(run, lines, by_index, map_run_error, ended)
    s3_objects.write_document(s3, bucket, key, manifest)
    return Summary(manifest, key, lines, found.ignored)


def answer_of(summary: Summary, bucket: str) -> dict[str, Any]:
    """What SummarizeRun answers: runId, verdict, manifestKey, counts and, of a failed run, Error and Cause."""
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
    found: Mapping[int, Record | BrokenRecord],
    map_run_error: Caught | None,
    ended: datetime,
) -> Manifest:
    """The run's manifest.

    Args:
        run: what prepare_run answered.
        lines: content of items.json.
        found: the records that exist, by index.
        map_run_error: why the map run itself broke, if it did.
        ended: when the run ended.
    """
    items = [_item_of(line, found.get(line.index)) for line in lines]
    counts = Counter(item.status for item in items)
    bad = counts[FAILED] + counts[UNFINISHED]
    return Manifest(
        run_id=run.run_id,
        execution_arn=run.execution_arn,
        mode=run.mode,
        rerun_of=run.rerun_of,
        started_at=run.started_at,
        ended_at=iso_text(ended),
        verdict=FAILED if bad * 100 > run.tolerated_failure_percentage * len(items) else SUCCEEDED,
        tolerated_failure_percentage=run.tolerated_failure_percentage,
        counts=Counts(
            total=len(items),
            succeeded=counts[SUCCEEDED],
            failed=counts[FAILED],
            unfinished=counts[UNFINISHED],
            # Of those that succeeded: left as they are.
            unchanged=sum(item.unchanged_since is not None for item in items),
        ),
        map_run_error=map_run_error,
        items=items,
    )


def _item_of(line: Line, record: Record | BrokenRecord | None) -> ManifestItem:
    """One item's entry of the manifest."""
    verdict = verdict_of(line, record)
    known = record if isinstance(record, Record) else None
    # What an unchanged item has is what it had.
    before = known.unchanged if known else None
    model = before or (known.model if known else None)
    predictions_uri: str | None = None
    if verdict.status == SUCCEEDED:
        predictions_uri = before.predictions_uri if before else line.predictions_uri
    training, transform = _jobs_of(line, known)
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
        unchanged_since=before.run_id if before else None,
        model_data_url=model.model_data_url if model else None,
        predictions_uri=predictions_uri,
        metrics=model.metrics if model else None,
        duration_seconds=_duration(line, training, transform, known.ended_at) if known else None,
        training=training,
        transform=transform,
    )


def _jobs_of(line: Line, record: Record | None) -> tuple[TrainingJob | None, Job | None]:
    """The item's jobs that have ended; of one that failed, only the Cause has the description."""
    if record is None:
        return line.training, None
    failed = job_of(record.error.cause) if record.error else None
    training = record.training or (failed if isinstance(failed, TrainingJob) else None)
    transform = record.transform or (failed if not isinstance(failed, TrainingJob) else None)
    return training, transform


def _duration(line: Line, training: TrainingJob | None, transform: Job | None, ended: datetime) -> float | None:
    """Seconds from the creation of the item's first job in this run to its record, where both are known."""
    first = training if line.training_job is not None else transform
    started = first.created_at if first else None
    return None if started is None else round((ended - started).total_seconds(), 3)


def _cause(manifest: Manifest, manifest_uri: str) -> str:
    counts = manifest.counts
    bad = [item for item in manifest.items if item.status != SUCCEEDED]
    bad_counts = f"{counts.failed} of {counts.total} items failed and {counts.unfinished} did not finish"
    lines = [f"{bad_counts}; see {manifest_uri}"]
    lines += [f"{item.item}: {item.status}: {(item.reason or '')[:300]}" for item in bad[:FAILURES_SHOWN]]
    if len(bad) > FAILURES_SHOWN:
        lines.append(f"… and {len(bad) - FAILURES_SHOWN} more")
    return "\n".join(lines)
