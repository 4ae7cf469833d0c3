"""Tells whether an item's result would be made of the same things as its last one, by a fingerprint of them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline import aws, inputs, layout
from pipeline.contracts import as_asked
from pipeline.records import COMPLETED, SUCCEEDED, Record
from pipeline.settings import StackSettings, TrainingSettings, TransformSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import ItemRequest
    from pipeline.fields import Mode
    from pipeline.latest import Latest
    from pipeline.settings import PrepareRunSettings

# Settings that say where things are and who may read them, not what becomes of an item; data and image count anyway.
PLACES = {"data_bucket", "dataset_file_name", "sagemaker_role_arn", "image_uri"}


def fingerprint_of(
    entry: ItemRequest,
    settings: PrepareRunSettings,
    data: Sequence[inputs.DataObject],
    *,
    mode: Mode,
    model: Mapping[str, Any],
) -> str:
    """SHA-256, in hex digits, of all that shapes the item's result.

    Args:
        entry: the item and its own settings.
        settings: the stack's.
        data: every object that training and transform read.
        mode: the run's.
        model: what else makes the model: the image, and in mode score the artifact.
    """
    kinds: tuple[type[StackSettings], ...] = (TransformSettings,)
    if mode == "train":
        kinds = (TrainingSettings, TransformSettings)
    shaping = {field.name for kind in kinds for field in fields(kind)} - PLACES
    shaping -= {field.name for field in fields(StackSettings)}
    made_of = {
        "mode": mode,
        "model": model,
        "entry": as_asked(entry),
        "settings": {name: getattr(settings, name) for name in shaping},
        "data": data,
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def last_success(
    s3: S3Client, bucket: str, item: str, latest: Latest, *, mode: Mode, fingerprint: str, scored_uri: str
) -> dict[str, Any] | None:
    """The item's last success, if it was made of the same things and its predictions are still there.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        item: the item.
        latest: its last accepted model.
        mode: the run's.
        fingerprint: what the item's result would be made of now.
        scored_uri: what would be scored now.

    Returns:
        runId, predictionsUri, modelDataUrl and metrics, or None.
    """
    last = latest.last_runs.get(mode)
    if last is None or last.fingerprint != fingerprint:
        return None
    # The run is noted before it has scored; how that ended, only its record tells.
    body = aws.read_bytes(s3, bucket, last.record_key)
    if body is None or not _is_success(body, item):
        return None
    folder = layout.S3Location(bucket, layout.predictions_prefix(item, last.run_id))
    predictions_uri = layout.predictions_uri(folder.uri, scored_uri)
    if not inputs.has_objects(s3, predictions_uri):
        return None
    return {
        "runId": last.run_id,
        "predictionsUri": predictions_uri,
        "modelDataUrl": latest.model_data_url,
        "metrics": latest.metrics,
    }


def _is_success(body: bytes, item: str) -> bool:
    try:
        record = msgspec.json.decode(body, type=Record)
    # Broken, it says nothing, and the item is done again.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    scored = record.transform is not None and record.transform.status == COMPLETED
    return (record.item, record.status) == (item, SUCCEEDED) and scored
