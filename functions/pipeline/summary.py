"""Sums up a run: from items.json and the records to exactly one verdict per item, and the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import aws, layout, records
from pipeline.records import FAILED, SUCCEEDED, UNFINISHED, BrokenRecord, Line, Record, verdict_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import CaughtError, PreparedRun

SCHEMA_VERSION = 1
# Named in the cause of a failed run; the manifest has them all.
FAILURES_SHOWN = 20

Manifest = dict[str, Any]


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
    run: PreparedRun, bucket: str, s3: S3Client, map_run_error: CaughtError | None, ended: datetime
) -> Summary:
    """Reads what the run has left in the output bucket, and writes its manifest.json there.

    Called again, it gives the same verdicts.

    Raises:
        RunNotFoundError: the run's items.json is gone.
        DataNotReadableError: it is not one that this application wrote.
    """
    lines = records.read_lines(s3, bucket, run.run_id)
    found = records.read_records(s3, bucket, run.run_id, lines)
    manifest = make_manifest(run, lines, found.by_index, map_run_error, ended)
    key = layout.manifest_key(run.run_id)
    aws.write_json(s3, bucket, key, manifest)
    return Summary(manifest, key, lines, found.ignored)


def answer_of(summary: Summary, bucket: str) -> dict[str, Any]:
    """What SummarizeRun answers: runId, verdict, manifestKey, counts and, of a failed run, Error and Cause."""
    manifest = summary.manifest
    answer: dict[str, Any] = {
        "runId": manifest["runId"],
        "verdict": manifest["verdict"],
        "manifestKey": summary.key,
        "counts": manifest["counts"],
    }
    if manifest["verdict"] == FAILED:
        answer |= {"Error": "RunFailed", "Cause": _cause(manifest, f"s3://{bucket}/{summary.key}")}
    return answer


def make_manifest(
    run: PreparedRun,
    lines: Sequence[Line],
    found: Mapping[int, Record | BrokenRecord],
    map_run_error: CaughtError | None,
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
    counts = Counter(item["status"] for item in items)
    bad = counts[FAILED] + counts[UNFINISHED]
    return {
        "schemaVersion": SCHEMA_VERSION,
        "runId": run.run_id,
        "executionArn": run.execution_arn,
        "mode": run.mode,
        "rerunOf": run.rerun_of,
        "startedAt": run.started_at,
        "endedAt": ended.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "verdict": FAILED if bad * 100 > run.tolerated_failure_percentage * len(items) else SUCCEEDED,
        "toleratedFailurePercentage": run.tolerated_failure_percentage,
        "counts": {
            "total": len(items),
            "succeeded": counts[SUCCEEDED],
            "failed": counts[FAILED],
            "unfinished": counts[UNFINISHED],
            # Of those that succeeded: left as they are.
            "unchanged": sum(item["unchangedSince"] is not None for item in items),
        },
        "mapRunError": {"Error": map_run_error.error, "Cause": map_run_error.cause} if map_run_error else None,
        "items": items,
    }


def _item_of(line: Line, record: Record | BrokenRecord | None) -> dict[str, Any]:
    """One item's entry of the manifest."""
    verdict = verdict_of(line, record)
    told = record if isinstance(record, Record) else None
    # What an unchanged item has is what it had.
    before = told.unchanged if told else None
    model = before or (told.model if told else None)
    predictions_uri: str | None = None
    if verdict.status == SUCCEEDED:
        predictions_uri = before.predictions_uri if before else line.predictions_uri
    return {
        "index": line.index,
        "item": line.item,
        "status": verdict.status,
        "stage": verdict.stage,
        "error": verdict.error,
        "reason": verdict.reason,
        "trainingJobName": line.training_job_name,
        "modelName": line.model_name,
        "transformJobName": line.transform_job_name,
        "trainedIn": line.trained_in,
        "unchangedSince": before.run_id if before else None,
        "modelDataUrl": model.model_data_url if model else None,
        "predictionsUri": predictions_uri,
        "metrics": model.metrics if model else None,
        "durationSeconds": _duration(line, told) if told else None,
    }


def _duration(line: Line, record: Record) -> float | None:
    """Seconds from the start of the item's first job in this run to its record, where both are known."""
    first = record.training if line.training_job else record.transform
    started = first.created if first else None
    return None if started is None else round((record.ended_at - started).total_seconds(), 3)


def _cause(manifest: Manifest, manifest_uri: str) -> str:
    counts = manifest["counts"]
    bad = [item for item in manifest["items"] if item["status"] != SUCCEEDED]
    bad_counts = f"{counts['failed']} of {counts['total']} items failed and {counts['unfinished']} did not finish"
    lines = [f"{bad_counts}; see {manifest_uri}"]
    lines += [f"{item['item']}: {item['status']}: {item['reason'][:300]}" for item in bad[:FAILURES_SHOWN]]
    if len(bad) > FAILURES_SHOWN:
        lines.append(f"… and {len(bad) - FAILURES_SHOWN} more")
    return "\n".join(lines)
