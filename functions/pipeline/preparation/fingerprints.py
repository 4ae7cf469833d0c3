"""Tells whether an item's result would be made of the same things as an earlier one, by a fingerprint of them all."""

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

# Settings that say where things are and who may read them, not what becomes of an item; data and image count anyway.
PLACES = {"dataset_file_name", "sagemaker_role_arn", "image_uri", "isolate_training"}
# What an entry says of scoring alone; the rest is of the training.
SCORING_KEYS = {"transform", "predictInput"}


def training_fingerprint(
    entry: ItemRequest, settings: PrepareRunSettings, data: Iterable[s3_objects.DataObject]
) -> str:
    """SHA-256, in hex digits, of all that shapes the item's model when it is trained by the stack's image.

    Args:
        entry: the item and its own settings; those of scoring do not count.
        settings: the stack's.
        data: every object that training reads.
    """
    requested = as_requested(entry)
    return _digest(
        {
            "image": settings.image_uri,
            "entry": {key: value for key, value in requested.items() if key not in SCORING_KEYS},
            "settings": _shaping(settings, TrainingSettings),
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
    """SHA-256, in hex digits, of all that shapes the item's result.

    Args:
        entry: the item and its own settings; those of training count as part of `model`.
        settings: the stack's.
        data: every object that is scored, but what training writes.
        mode: the run's.
        model: the fingerprint of its training, and in mode score its artifact, image and environment.
    """
    requested = as_requested(entry)
    return _digest(
        {
            "mode": mode,
            "model": model,
            "entry": {key: requested[key] for key in SCORING_KEYS & requested.keys()},
            "settings": _shaping(settings, TransformSettings),
            "data": _contents(data),
        }
    )


class ManifestTimes:
    """When runs' manifests were written; asked once of each run.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
    """

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._known: dict[str, datetime | None] = {}

    def of(self, run_id: str) -> datetime | None:
        """When the run's manifest was written, to the second; None if it has none."""
        if run_id not in self._known:
            self._known[run_id] = s3_objects.find_write(self._s3, self._bucket, layout.manifest_key(run_id))
        return self._known[run_id]


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
    """The item's last success, if it was made of the same things and its predictions are still there.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        item: the item.
        latest: its last accepted model, with the runs that are noted there.
        mode: the run's.
        fingerprint: what the item's result would be made of now.
        scored_uri: what would be scored now.
        manifests: given where that is users' data: only SummarizeRun looks whether it was read as it was promised, so a
            run without a manifest, or a record that is younger, tells of no success.
    """
    runs = latest.last_runs.get(mode, [])
    if fingerprint not in {run.fingerprint for run in runs}:
        return None
    for run in runs:
        # The run is noted before it has scored; how that ended, only its record tells.
        record = _success(s3, bucket, item, run)
        if record is None or record.model is None:
            continue
        if run.fingerprint != fingerprint:
            break
        if manifests and (record.input_unverified or not scored_data.is_known(record, manifests.of(run.run_id))):
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
    """The record of the run, if it has scored the item."""
    body = s3_objects.read_bytes(s3, bucket, run.record_key)
    try:
        record = read_document(Record, body or b"")
    # Broken, it says nothing, and the item is done again.
    except ValueError:
        return None
    scored = record.item == item and record.transform is not None and succeeded(record)
    return record if scored else None


def _contents(data: Iterable[s3_objects.DataObject]) -> list[tuple[str, str, int]]:
    """What of the data counts: the same bytes, uploaded again, are unchanged."""
    return [(found.uri, found.etag, found.size) for found in data]


def _shaping(settings: PrepareRunSettings, kind: type[StackSettings]) -> dict[str, Any]:
    """The settings of this kind of job that say what becomes of an item."""
    names = kind.model_fields.keys() - StackSettings.model_fields.keys() - PLACES
    return {name: getattr(settings, name) for name in names}


def _digest(made_of: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
