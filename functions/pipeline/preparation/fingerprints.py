"""Computes fingerprints of everything that an item's result depends on, and finds an earlier result with the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline import layout
from pipeline.aws import s3_objects
from pipeline.contracts import as_requested
from pipeline.data import input_data
from pipeline.documents import Record, Unchanged, read_document
from pipeline.settings import StackSettings, TrainingSettings, TransformSettings
from pipeline.summary import scored_data
from pipeline.summary.verdicts import succeeded

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import ItemRequest
    from pipeline.documents import LastRun, Latest
    from pipeline.fields import Mode
    from pipeline.settings import PrepareRunSettings

# Settings that do not change an item's result, or that fingerprints hold separately (data and image).
EXCLUDED_SETTINGS = {"dataset_file_name", "sagemaker_role_arn", "image_uri", "isolate_training"}
# Keys of an entry that concern scoring only; the others concern training.
SCORING_KEYS = {"transform", "predictInput"}


def training_fingerprint(
    entry: ItemRequest, settings: PrepareRunSettings, data: Iterable[s3_objects.DataObject]
) -> str:
    """Return the SHA-256, in hex digits, of everything that the item's model depends on.

    Args:
        entry: the item and its settings; those for scoring are not included.
        settings: the stack's settings, with the image.
        data: all objects that training reads.
    """
    requested = as_requested(entry)
    return _digest(
        {
            "image": settings.image_uri,
            "entry": {key: value for key, value in requested.items() if key not in SCORING_KEYS},
            "settings": _result_settings(settings, TrainingSettings),
            "data": _contents(data),
        }
    )


def result_fingerprint(
    entry: ItemRequest,
    settings: PrepareRunSettings,
    data: Iterable[s3_objects.DataObject],
    *,
    mode: Mode,
    model: str | Mapping[str, Any],
) -> str:
    """Return the SHA-256, in hex digits, of everything that the item's predictions depend on.

    Args:
        entry: the item and its settings; those for training are part of `model`.
        settings: the stack's settings.
        data: all objects that are scored, except the file that training writes.
        mode: the run's mode.
        model: the training's fingerprint; in mode score the model's artifact, image and environment.
    """
    requested = as_requested(entry)
    return _digest(
        {
            "mode": mode,
            "model": model,
            "entry": {key: requested[key] for key in SCORING_KEYS & requested.keys()},
            "settings": _result_settings(settings, TransformSettings),
            "data": _contents(data),
        }
    )


class ManifestTimes:
    """The times at which runs' manifests were written, read once for each run.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
    """

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._times: dict[str, datetime | None] = {}

    def of(self, run_id: str) -> datetime | None:
        """Return when the run's manifest was written, to the second; None if there is no manifest."""
        if run_id not in self._times:
            self._times[run_id] = s3_objects.find_last_modified(
                self._s3, self._bucket, layout.manifest_key(run_id)
            )
        return self._times[run_id]


def last_success(
    s3: S3Client,
    bucket: str,
    item: str,
    latest: Latest,
    *,
    mode: Mode,
    fingerprint: str,
    scored_uri: str,
    manifests: ManifestTimes | None = None,
) -> Unchanged | None:
    """Return the item's last success, if it has the same fingerprint and its predictions still exist.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        item: the item.
        latest: its last accepted model, with its last runs.
        mode: the run's mode.
        fingerprint: the fingerprint that the item's result would have now.
        scored_uri: URI of the data that would be scored now.
        manifests: given if that is users' data, which may be replaced. Only SummarizeRun verifies that the job has read
            the data that PrepareRun found, so then a record counts only if its run's manifest is not older.
    """
    runs = latest.last_runs.get(mode, [])
    if fingerprint not in {run.fingerprint for run in runs}:
        return None
    for run in runs:
        # latest.json names a run before it has scored; whether it succeeded is in its record.
        record = _success(s3, bucket, item, run)
        if record is None or record.model is None:
            continue
        if run.fingerprint != fingerprint:
            break
        if manifests and (
            record.input_unverified or not scored_data.was_verified(record, manifests.of(run.run_id))
        ):
            continue
        model = record.model
        folder = layout.S3Location(bucket, layout.predictions_prefix(item, run.run_id))
        predictions_uri = layout.predictions_uri(folder.uri, scored_uri)
        if input_data.exists(s3, predictions_uri):
            return Unchanged(
                run_id=run.run_id,
                predictions_uri=predictions_uri,
                model_data_url=model.model_data_url,
                metrics=model.metrics,
            )
    return None


def _success(s3: S3Client, bucket: str, item: str, run: LastRun) -> Record | None:
    """Return the run's record of the item, if the run has scored it."""
    body = s3_objects.read_bytes(s3, bucket, run.record_key)
    try:
        record = read_document(Record, body or b"")
    # With a broken record, the item is run again.
    except ValueError:
        return None
    scored = record.item == item and record.transform is not None and succeeded(record)
    return record if scored else None


def _contents(data: Iterable[s3_objects.DataObject]) -> list[tuple[str, str, int]]:
    """Return URI, ETag and size of each object, without times: the same content, uploaded again, is unchanged."""
    return [(found.uri, found.etag, found.size) for found in data]


def _result_settings(settings: PrepareRunSettings, kind: type[StackSettings]) -> dict[str, Any]:
    """Return the stack's settings for this kind of job that may change an item's result."""
    names = kind.model_fields.keys() - StackSettings.model_fields.keys() - EXCLUDED_SETTINGS
    return {name: getattr(settings, name) for name in names}


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
