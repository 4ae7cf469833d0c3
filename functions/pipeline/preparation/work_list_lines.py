"""Builds an item's line of items.json with everything that its child execution needs, as JSONPath cannot compute names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import layout, naming
from pipeline.contracts import as_requested
from pipeline.data import input_data
from pipeline.documents import Caught, Latest, Unchanged
from pipeline.fields import MAX_PAYLOAD_IN_MB
from pipeline.jobs import sagemaker_requests
from pipeline.work_list import Line, LineModel

if TYPE_CHECKING:
    from pipeline.contracts import ItemRequest, TransformChoices
    from pipeline.documents import InputVersion
    from pipeline.errors import UserError
    from pipeline.fields import Mode
    from pipeline.jobs.sagemaker_requests import EarlierPredictions
    from pipeline.preparation.reruns import KeptTraining
    from pipeline.settings import PrepareRunSettings

Fields = dict[str, Any]

# With fewer items at once, few calls are throttled, and a delay would cost more than it saves.
MIN_AT_ONCE = 10
# SageMaker accepts about one create call a second. With gaps of three seconds, the calls for the items' second jobs fit
# between those for their first jobs, and throttled calls succeed at a retry.
GAP_IN_SECONDS = 3.0
# If the run has at least two waves, that is, twice as many items as run at once, larger gaps pay: the items' jobs stay
# apart although their durations vary, and fewer jobs request an instance while the quota is used up. But the first wave
# must start within the time that an item takes: two jobs of five minutes.
MIN_WAVES = 2
MAX_GAP_IN_SECONDS = 7.5
MAX_WAVE_IN_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """The values that all lines of a run share.

    Attributes:
        settings: the stack's settings.
        run_id: the run.
        started: timestamp of its start, part of all names.
        digits: how many hash digits make its names distinct.
        mode: the run's mode.
    """

    settings: PrepareRunSettings
    run_id: str
    started: str
    digits: int
    mode: Mode


class Provenance(NamedTuple):
    """The origin of an item's result (`pipeline.preparation.fingerprints`, `pipeline.data.input_versions`).

    Attributes:
        fingerprint: the result's fingerprint.
        scored_input: the data that the batch transform job must read, unless training writes it.
        training_fingerprint: the model's fingerprint; None in mode score.
        training_input: the data that the training job must read; None if this run does not train the item.
    """

    fingerprint: str
    scored_input: InputVersion | None = None
    training_fingerprint: str | None = None
    training_input: InputVersion | None = None


def refused_line(run: Run, index: int, entry: ItemRequest, error: UserError) -> Line:
    """Return the line of an item that fails without starting a job."""
    caught = Caught(error=type(error).__name__, cause=str(error))
    return Line(**_common(run, index, entry), error=caught)


def unchanged_line(run: Run, index: int, entry: ItemRequest, fingerprint: str, last_success: Unchanged) -> Line:
    """Return the line of an item that is skipped as unchanged."""
    return Line(**_common(run, index, entry), fingerprint=fingerprint, unchanged=last_success)


def train_line(
    run: Run, index: int, entry: ItemRequest, provenance: Provenance, earlier: EarlierPredictions | None = None
) -> Line:
    """Return the line of an item that is trained and scored.

    Args:
        run: the run.
        index: the item's number.
        entry: the item.
        provenance: the origin of its result.
        earlier: its predictions of an earlier run, which do not change the result.
    """
    settings = run.settings
    job_name = naming.training_job_name(entry.item, run.started, run.digits)
    training_job = sagemaker_requests.training_job_request(
        entry,
        settings,
        job_name=job_name,
        run_id=run.run_id,
        data_uri=input_data.data_uri_of(entry, settings.data_bucket, settings.dataset_file_name),
        earlier=earlier,
    )
    return Line(
        **_common(run, index, entry),
        **provenance._asdict(),
        trained_in=run.run_id,
        training_job_name=job_name,
        training_job=training_job,
        training_timeout_seconds=sagemaker_requests.training_timeout_in_seconds(training_job),
        model=_model(run, entry, image=settings.image_uri, training_job_name=job_name),
        **_scoring(run, entry, entry.transform, scored_uri(run, entry, run.run_id)),
    )


def kept_line(run: Run, index: int, entry: ItemRequest, provenance: Provenance, kept: KeptTraining) -> Line:
    """Return the line of an item that is scored with the model of a training that an earlier run has completed."""
    return Line(
        **_common(run, index, entry),
        **provenance._asdict(),
        trained_in=kept.trained_in,
        training_job_name=kept.training.name,
        training=kept.training,
        model=_model(run, entry, image=kept.image, training_job_name=kept.training.name),
        **_scoring(run, entry, entry.transform, scored_uri(run, entry, kept.trained_in)),
    )


def score_line(
    run: Run, index: int, entry: ItemRequest, provenance: Provenance, latest: Latest, input_uri: str
) -> Line:
    """Return the line of an item that is scored with its last accepted model.

    Args:
        run: the run.
        index: the item's number.
        entry: the item.
        provenance: the origin of its result.
        latest: the model.
        input_uri: the entry's predict_input, else the item's data, one file that is sent in one request.
    """
    model = LineModel(
        image=latest.image,
        model_data_url=latest.model_data_url,
        environment=latest.environment | entry.environment,
    )
    choices = entry.transform
    if entry.predict_input is None:
        # The settings for a file of features, which is split into lines, do not fit a file of data, which is sent whole.
        choices = choices.model_copy(
            update={
                "split_type": "None",
                "max_payload_in_mb": MAX_PAYLOAD_IN_MB,
                "max_concurrent_transforms": 1,
            }
        )
    return Line(
        **_common(run, index, entry),
        **provenance._asdict(),
        model=model,
        **_scoring(run, entry, choices, input_uri),
    )


def scored_uri(run: Run, entry: ItemRequest, trained_in: str) -> str:
    """Return the URI to score after a training: the entry's predict_input, else the file that training wrote."""
    sample = layout.S3Location(run.settings.output_bucket, layout.sample_key(entry.item, trained_in))
    return entry.predict_input or sample.uri


def seconds_to_wait(items: Sequence[int], at_once: int) -> dict[int, int]:
    """Return how long each of the first items waits before its first job; items that need not wait are absent.

    docs/decisions/0026 has the reasons for the figures.

    Args:
        items: indices of the items that start a job of either kind, in the order of the run.
        at_once: how many items may run at once.
    """
    first_wave = items[:at_once]
    if len(first_wave) < MIN_AT_ONCE:
        return {}
    gap = GAP_IN_SECONDS
    if len(items) >= MIN_WAVES * at_once:
        gap = max(gap, min(MAX_GAP_IN_SECONDS, MAX_WAVE_IN_SECONDS / at_once))
    return {index: round(position * gap) for position, index in enumerate(first_wave) if position}


def _common(run: Run, index: int, entry: ItemRequest) -> Fields:
    return {
        "index": index,
        "item": entry.item,
        "run_id": run.run_id,
        "record_key": layout.record_key(run.run_id, index),
        "mode": run.mode,
        "request": as_requested(entry),
    }


def _model(run: Run, entry: ItemRequest, *, image: str, training_job_name: str) -> LineModel:
    artifact = layout.S3Location(
        run.settings.output_bucket, layout.model_artifact_key(entry.item, training_job_name)
    )
    return LineModel(image=image, model_data_url=artifact.uri, environment=entry.environment)


def _scoring(run: Run, entry: ItemRequest, choices: TransformChoices, input_uri: str) -> Fields:
    model_name = naming.model_name(entry.item, run.started, run.digits)
    job_name = naming.transform_job_name(entry.item, run.started, run.digits)
    transform_job = sagemaker_requests.transform_job_request(
        choices,
        run.settings,
        job_name=job_name,
        model_name=model_name,
        input_uri=input_uri,
        item=entry.item,
        run_id=run.run_id,
    )
    folder = transform_job["TransformOutput"]["S3OutputPath"]
    return {
        "model_name": model_name,
        "transform_job_name": job_name,
        "predictions_uri": layout.predictions_uri(folder, input_uri),
        "transform_job": transform_job,
        "transform_timeout_seconds": sagemaker_requests.transform_timeout_in_seconds(choices, run.settings),
    }
