"""Tells whether an item's result would be made of the same things as an earlier one, by a fingerprint of them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline import aws, inputs, layout
from pipeline.contracts import as_requested
from pipeline.documents import CreatedModel, Record, Unchanged, read_document
from pipeline.records import succeeded
from pipeline.settings import StackSettings, TrainingSettings, TransformSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import ItemRequest
    from pipeline.documents import LastRun, Latest
    from pipeline.fields import Mode
    from pipeline.settings import PrepareRunSettings

# Settings that say where things are and who may read them, not what becomes of an item; data and image count anyway.
PLACES = {"dataset_file_name", "sagemaker_role_arn", "image_uri"}
# What an entry says of scoring alone; the rest is of the training.
SCORING_KEYS = {"transform", "predictInput"}


def training_fingerprint(
    entry: ItemRequest, settings: PrepareRunSettings, data: Sequence[inputs.DataObject]
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
            "data": data,
        }
    )


def result_fingerprint(
    entry: ItemRequest,
    settings: PrepareRunSettings,
    data: Sequence[inputs.DataObject],
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
            "data": data,
        }
    )


def last_success(
    s3: S3Client, bucket: str, item: str, latest: Latest, *, mode: Mode, fingerprint: str, scored_uri: str
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
    """
    runs = latest.last_runs.get(mode, [])
    if fingerprint not in {run.fingerprint for run in runs}:
        return None
    for run in runs:
        # The run is noted before it has scored; how that ended, only its record tells.
        model = _model_of_success(s3, bucket, item, run)
        if model is None:
            continue
        if run.fingerprint != fingerprint:
            break
        folder = layout.S3Location(bucket, layout.predictions_prefix(item, run.run_id))
        predictions_uri = layout.predictions_uri(folder.uri, scored_uri)
        if inputs.has_objects(s3, predictions_uri):
            return Unchanged(
                run_id=run.run_id,
                predictions_uri=predictions_uri,
                model_data_url=model.model_data_url,
                metrics=model.metrics,
            )
    return None


def _model_of_success(s3: S3Client, bucket: str, item: str, run: LastRun) -> CreatedModel | None:
    """The model that the run has scored the item with, if it came to that."""
    body = aws.read_bytes(s3, bucket, run.record_key)
    try:
        record = read_document(Record, body or b"")
    # Broken, it says nothing, and the item is done again.
    except ValueError:
        return None
    scored = record.item == item and record.transform is not None and succeeded(record)
    return record.model if scored else None


def _shaping(settings: PrepareRunSettings, kind: type[StackSettings]) -> dict[str, Any]:
    """The settings of this kind of job that say what becomes of an item."""
    names = kind.model_fields.keys() - StackSettings.model_fields.keys() - PLACES
    return {name: getattr(settings, name) for name in names}


def _digest(made_of: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
