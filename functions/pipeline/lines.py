"""Makes an item's line of items.json: all that its child execution needs, as JSONPath cannot compute a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline import inputs, layout, naming, requests
from pipeline.contracts import as_asked

if TYPE_CHECKING:
    from pipeline.contracts import ItemRequest, TransformChoices
    from pipeline.errors import UserError
    from pipeline.fields import Mode
    from pipeline.latest import Latest
    from pipeline.reruns import KeptTraining
    from pipeline.settings import PrepareRunSettings

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all lines of a run share.

    Attributes:
        settings: the stack's.
        run_id: the run.
        started: timestamp of its start, part of all names.
        digits: how many hash digits keep its names apart.
        mode: whether it trains.
    """

    settings: PrepareRunSettings
    run_id: str
    started: str
    digits: int
    mode: Mode


def refused_line(run: Run, index: int, entry: ItemRequest, error: UserError) -> Line:
    """One whose item fails before it costs anything; the others run."""
    return _line(run, index, entry) | {"problem": {"Error": type(error).__name__, "Cause": str(error)}}


def unchanged_line(
    run: Run, index: int, entry: ItemRequest, fingerprint: str, last_success: dict[str, Any]
) -> Line:
    """One whose item is left as it is."""
    return _line(run, index, entry) | {"fingerprint": fingerprint, "unchanged": last_success}


def train_line(run: Run, index: int, entry: ItemRequest, fingerprint: str, training_fingerprint: str) -> Line:
    """One that trains, creates the model and scores; for the fingerprints see `pipeline.unchanged`."""
    settings = run.settings
    training_job = requests.training_job_request(
        entry,
        settings,
        job_name=naming.training_job_name(entry.item, run.started, run.digits),
        run_id=run.run_id,
        data_uri=inputs.data_uri_of(entry, settings.data_bucket, settings.dataset_file_name),
    )
    return (
        _line(run, index, entry)
        | {
            "fingerprint": fingerprint,
            "trainingFingerprint": training_fingerprint,
            "trainedIn": run.run_id,
            "trainingJob": training_job,
            "trainingTimeoutSeconds": requests.training_timeout_in_seconds(training_job),
        }
        | _model(run, entry, image=settings.image_uri, training_job_name=training_job["TrainingJobName"])
        | _transform(run, entry, entry.transform, scored_uri(run, entry, run.run_id))
    )


def kept_line(run: Run, index: int, entry: ItemRequest, fingerprint: str, kept: KeptTraining) -> Line:
    """One that creates the model of a training that an earlier run has finished, and scores."""
    return (
        _line(run, index, entry)
        | {
            "fingerprint": fingerprint,
            "trainingFingerprint": kept.training_fingerprint,
            "training": kept.training,
            "trainedIn": kept.trained_in,
        }
        | _model(run, entry, image=kept.image, training_job_name=kept.training["name"])
        | _transform(run, entry, entry.transform, scored_uri(run, entry, kept.trained_in))
    )


def score_line(run: Run, index: int, entry: ItemRequest, fingerprint: str, latest: Latest, input_uri: str) -> Line:
    """One that makes the item's last accepted model once more, and scores.

    Args:
        run: the run.
        index: the item's number.
        entry: the item.
        fingerprint: see `pipeline.unchanged`.
        latest: the model.
        input_uri: the entry's predict_input, else the item's data, one file that is sent in one request.
    """
    model = {
        "name": naming.model_name(entry.item, run.started, run.digits),
        "image": latest.image,
        "modelDataUrl": latest.model_data_url,
        "environment": latest.environment | entry.environment,
    }
    choices = entry.transform
    if entry.predict_input is None:
        # What was chosen for the lines of a file of features does not fit a whole file of data.
        choices = msgspec.structs.replace(
            choices, split_type="None", max_payload_in_mb=inputs.MAX_REQUEST_IN_MB, max_concurrent_transforms=1
        )
    return (
        _line(run, index, entry)
        | {"fingerprint": fingerprint, "training": None, "trainedIn": None, "model": model}
        | _transform(run, entry, choices, input_uri)
    )


def scored_uri(run: Run, entry: ItemRequest, trained_in: str) -> str:
    """What is scored after a training: what the item asks for, else what its training wrote in run `trained_in`."""
    sample = layout.S3Location(run.settings.output_bucket, layout.sample_key(entry.item, trained_in))
    return entry.predict_input or sample.uri


def _line(run: Run, index: int, entry: ItemRequest) -> Line:
    return {
        "index": index,
        "item": str(entry.item),
        "runId": run.run_id,
        "recordKey": layout.record_key(run.run_id, index),
        "mode": run.mode,
        # A rerun makes the line anew of it.
        "request": as_asked(entry),
    }


def _model(run: Run, entry: ItemRequest, *, image: str, training_job_name: str) -> Line:
    artifact = layout.S3Location(
        run.settings.output_bucket, layout.model_artifact_key(entry.item, training_job_name)
    )
    return {
        "model": {
            "name": naming.model_name(entry.item, run.started, run.digits),
            "image": image,
            "modelDataUrl": artifact.uri,
            "environment": dict(entry.environment),
        }
    }


def _transform(run: Run, entry: ItemRequest, choices: TransformChoices, input_uri: str) -> Line:
    return {
        "transformJob": requests.transform_job_request(
            choices,
            run.settings,
            job_name=naming.transform_job_name(entry.item, run.started, run.digits),
            model_name=naming.model_name(entry.item, run.started, run.digits),
            input_uri=input_uri,
            item=entry.item,
            run_id=run.run_id,
        ),
        "transformTimeoutSeconds": requests.transform_timeout_in_seconds(choices, run.settings),
    }
