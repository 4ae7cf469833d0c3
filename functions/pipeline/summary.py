"""Sums up a run: from items.json and the records to exactly one verdict per item, and the manifest."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import aws, layout
from pipeline.errors import DataNotFoundError
from pipeline.reasons import reason_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import CaughtError, PreparedRun, SummarizeRunEvent

SCHEMA_VERSION = 1
SUCCEEDED, FAILED, UNFINISHED = "SUCCEEDED", "FAILED", "UNFINISHED"
# Named in the cause of a failed run; the manifest has them all.
FAILURES_SHOWN = 20

Manifest = dict[str, Any]


def summarize_run(event: SummarizeRunEvent, bucket: str, s3: S3Client, now: datetime) -> dict[str, Any]:
    """Writes the run's manifest.json into the output bucket.

    Returns:
        runId, verdict, manifestKey, counts and, where the verdict is FAILED, the Error and Cause that the
        execution ends with.

    Raises:
        DataNotFoundError: the run's items.json is gone.
    """
    stored = aws.read_json(s3, bucket, event.items_key)
    if stored is None:
        raise DataNotFoundError(f"s3://{bucket}/{event.items_key} is gone; the run cannot be summed up without it")
    records = read_records(s3, bucket, event.run_id)
    manifest = make_manifest(event, stored.content, records, event.map_run_error, now)
    key = layout.manifest_key(event.run_id)
    aws.write_json(s3, bucket, key, manifest)
    answer: dict[str, Any] = {
        "runId": event.run_id,
        "verdict": manifest["verdict"],
        "manifestKey": key,
        "counts": manifest["counts"],
    }
    if manifest["verdict"] == FAILED:
        answer |= {"Error": "RunFailed", "Cause": _cause(manifest, f"s3://{bucket}/{key}")}
    return answer


def read_records(s3: S3Client, bucket: str, run_id: str) -> dict[int, dict[str, Any]]:
    """The run's records by item index."""
    keys = aws.list_keys(s3, bucket, layout.records_prefix(run_id))
    return {record["index"]: record for record in aws.read_all_json(s3, bucket, keys) if record is not None}


def make_manifest(
    run: PreparedRun,
    lines: list[dict[str, Any]],
    records: dict[int, dict[str, Any]],
    map_run_error: CaughtError | None,
    now: datetime,
) -> Manifest:
    """The run's manifest.

    Args:
        run: what prepare_run answered.
        lines: content of items.json.
        records: the records that exist, by index.
        map_run_error: why the map run itself broke, if it did.
        now: when the run ended.
    """
    items = [_item_of(line, records.get(line["index"])) for line in lines]
    counts = Counter(item["status"] for item in items)
    bad = counts[FAILED] + counts[UNFINISHED]
    return {
        "schemaVersion": SCHEMA_VERSION,
        "runId": run.run_id,
        "executionArn": run.execution_arn,
        "startedAt": run.started_at,
        "endedAt": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "verdict": FAILED if bad * 100 > run.tolerated_failure_percentage * len(items) else SUCCEEDED,
        "toleratedFailurePercentage": run.tolerated_failure_percentage,
        "counts": {
            "total": len(items),
            "succeeded": counts[SUCCEEDED],
            "failed": counts[FAILED],
            "unfinished": counts[UNFINISHED],
        },
        "mapRunError": {"Error": map_run_error.error, "Cause": map_run_error.cause} if map_run_error else None,
        "items": items,
    }


def _item_of(line: dict[str, Any], record: dict[str, Any] | None) -> dict[str, Any]:
    """One item's entry of the manifest."""
    entry: dict[str, Any] = {
        "index": line["index"],
        "item": line["item"],
        "status": UNFINISHED,
        "stage": None,
        "error": None,
        "reason": None,
        "trainingJobName": line["trainingJob"]["TrainingJobName"],
        "modelName": line["model"]["name"],
        "transformJobName": line["transformJob"]["TransformJobName"],
        "modelDataUrl": None,
        "predictionsUri": None,
        "metrics": None,
        "durationSeconds": None,
    }
    if record is None:
        entry["reason"] = "no record was written: the item was never started, or was cut off"
        return entry
    entry |= {"status": record["status"], "stage": record["stage"]}
    model = record.get("model") or {}
    entry["modelDataUrl"], entry["metrics"] = model.get("modelDataUrl"), model.get("metrics")
    entry["durationSeconds"] = _duration(record)
    if record["status"] == FAILED:
        caught = record.get("error") or {}
        entry["error"] = caught.get("Error", "")
        entry["reason"] = _timeout_reason(line, record) or reason_of(entry["error"], caught.get("Cause", ""))
    # A stopped job must never pass for a success.
    elif (status := record["transform"]["status"]) != "Completed":
        entry |= {"status": FAILED, "stage": "StartBatchTransformJob", "error": f"TransformJob{status}"}
        entry["reason"] = f"batch transform job {entry['transformJobName']} ended as {status}"
    else:
        entry["predictionsUri"] = _predictions_uri(line)
    return entry


def _timeout_reason(line: dict[str, Any], record: dict[str, Any]) -> str | None:
    """Of a job that took too long Step Functions says nothing but States.Timeout."""
    if (record.get("error") or {}).get("Error") != "States.Timeout":
        return None
    kind, name, limit = {
        "StartTrainingJob": ("training", line["trainingJob"]["TrainingJobName"], line["trainingTimeoutSeconds"]),
        "StartBatchTransformJob": (
            "transform",
            line["transformJob"]["TransformJobName"],
            line["transformTimeoutSeconds"],
        ),
    }.get(record["stage"], (None, None, None))
    if kind is None:
        return None
    return (
        f"job {name} had not ended after {limit} s and was stopped; raise {kind}.maxRuntimeInSeconds of the item"
    )


def _predictions_uri(line: dict[str, Any]) -> str:
    """Where the item's predictions are: a file where one file was scored, else the folder."""
    job = line["transformJob"]
    folder: str = job["TransformOutput"]["S3OutputPath"]
    source: str = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    return folder if source.endswith("/") else f"{folder}{source.rsplit('/', 1)[1]}.out"


def _duration(record: dict[str, Any]) -> float | None:
    """Seconds from the start of training to the record, where both are known."""
    created = (record.get("training") or {}).get("createdAt")
    if created is None:
        return None
    started = (
        datetime.fromisoformat(created)
        if isinstance(created, str)
        else datetime.fromtimestamp(created / 1000, UTC)
    )
    return round((datetime.fromisoformat(record["endedAt"]) - started).total_seconds(), 3)


def _cause(manifest: Manifest, manifest_uri: str) -> str:
    counts = manifest["counts"]
    bad = [item for item in manifest["items"] if item["status"] != SUCCEEDED]
    bad_counts = f"{counts['failed']} of {counts['total']} items failed and {counts['unfinished']} did not finish"
    lines = [f"{bad_counts}; see {manifest_uri}"]
    lines += [f"{item['item']}: {item['status']}: {item['reason'][:300]}" for item in bad[:FAILURES_SHOWN]]
    if len(bad) > FAILURES_SHOWN:
        lines.append(f"… and {len(bad) - FAILURES_SHOWN} more")
    return "\n".join(lines)
