"""Makes SageMaker models of model artifacts; as a run's step, of the trainings that pass the gate."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import layout, limits, naming
from pipeline.aws import s3_objects, sagemaker_api
from pipeline.data import input_versions
from pipeline.documents import COMPLETED, LastRun, Latest, MetricsFile
from pipeline.errors import DataNotFoundError, ImageNotSetError, TrainingNotCompletedError
from pipeline.jobs import sagemaker_requests
from pipeline.model import gate, training_output
from pipeline.stored import latest_model, run_files

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.contracts import CreateModelEvent
    from pipeline.settings import ModelSettings

Answer = dict[str, Any]

# Our image tells some 40. Of ten thousand items, each number takes half a megabyte of the manifest.
MAX_METRICS = 50
NAME_LENGTH = 100
# A sentence for people, `note`, is the longest text.
METRIC_LENGTH = 200


class _Parts(NamedTuple):
    """What a model is made of."""

    name: str
    image: str
    model_data_url: str
    environment: dict[str, str]
    metrics: Answer | None


def create_model(
    event: CreateModelEvent, settings: ModelSettings, s3: S3Client, sagemaker: SageMakerClient, now: datetime
) -> Answer:
    """Creates the model asked for.

    As a step of a run that trains, it judges the training first, and makes the model the item's last accepted one after;
    as a step of a run that only scores, it notes that the run uses that model.

    Returns:
        modelName, modelArn, modelDataUrl, image and metrics (what training said of the model, or None).

    Raises:
        InvalidRequestError: the stack does not let this be asked for, or it is no step of a run; see `pipeline.limits`.
        TrainingNotCompletedError: the training job ended otherwise, for example Stopped at its runtime limit.
        DataChangedError: what the training was to read has changed since the run found it.
        ModelWorseThanBaselineError: the model errs more than the stack's limit allows.
        DataNotFoundError: there is no artifact, no prediction input of a training without a network, or the item has
            no accepted model yet.
        DataNotReadableError, DataTooLargeError: what such a training has left cannot be handed over.
        ImageNotSetError: neither event, artifact nor stack names an image.
        NameTakenError: another model has this name.
    """
    allowed = limits.Limits.of_settings(settings)
    limits.require(allowed.model_problems(event, now))
    bucket = settings.output_bucket
    isolated = event.record_key is not None and _require_prepared(event, s3, bucket)
    _check_training(event)
    if event.training_input is not None:
        # Before the model is judged: of other data, it says nothing of the item's.
        input_versions.check_now(s3, event.training_input)
    if isolated and event.item and event.trained_in and event.training:
        training_output.hand_over(s3, bucket, event.item, event.trained_in, event.training.name)
    if event.item is not None and event.model_data_url is None:
        last = latest_model.read_latest(s3, bucket, event.item)
        parts = _parts_of_latest(event, last, now)
        source = latest_model.described(event.item)
        limits.require(allowed.made_of_problems(parts.image, last.environment, source))
    else:
        parts = _parts_of_artifact(event, settings, s3, now)
    request = sagemaker_requests.model_request(
        settings,
        model_name=parts.name,
        image=parts.image,
        model_data_url=parts.model_data_url,
        environment=parts.environment,
        run_id=event.run_id,
        item=event.item,
    )
    answer: Answer = {
        "modelName": parts.name,
        "modelArn": sagemaker_api.create_model(sagemaker, request),
        "modelDataUrl": parts.model_data_url,
        "image": parts.image,
        "metrics": parts.metrics,
    }
    _remember(event, parts, s3, bucket)
    return answer


def _require_prepared(event: CreateModelEvent, s3: S3Client, bucket: str) -> bool:
    """Refuse a step of a run that prepare_run never prepared: without its files, the model would pass unjudged.

    Returns:
        Whether the item's training had no network. The run's own files tell it, since an event can be made up.
    """
    runs = {"runId": event.run_id, "trainedIn": event.trained_in}
    keys = {place: layout.items_key(run_id) for place, run_id in runs.items() if run_id is not None}
    found = {key: s3_objects.find_metadata(s3, bucket, key) for key in set(keys.values())}
    limits.require(
        [f"{place}: there is no s3://{bucket}/{key}" for place, key in keys.items() if found[key] is None]
    )
    return run_files.trains_without_network(found.get(keys.get("trainedIn", "")) or {})


def _check_training(event: CreateModelEvent) -> None:
    if event.training is not None and event.training.status != COMPLETED:
        raise TrainingNotCompletedError(
            f"training job {event.training.name} ended as {event.training.status}, not Completed;"
            " if it reached its limit, raise maxRuntimeInSeconds"
        )


def _parts_of_latest(event: CreateModelEvent, last: Latest, now: datetime) -> _Parts:
    """The item's last accepted model once more; under its own name, if it is to be the same."""
    name = event.model_name
    if name is None and not (event.image or event.environment or event.timestamp):
        name = last.model_name
    return _Parts(
        name=name or _name_of(event, now),
        image=event.image or last.image,
        model_data_url=last.model_data_url,
        environment=last.environment | event.environment,
        metrics=last.metrics,
    )


def _parts_of_artifact(event: CreateModelEvent, settings: ModelSettings, s3: S3Client, now: datetime) -> _Parts:
    image, model_data_url = event.image or settings.image_uri, event.model_data_url or ""
    if not image:
        raise ImageNotSetError("no image is given and the stack has none: deploy it with parameter ImageUri")
    # An image that writes no model still completes its training, and SageMaker names an artifact all the same.
    if not s3_objects.object_exists(s3, model_data_url):
        remedy = "check modelDataUrl"
        if event.record_key:
            remedy = (
                "training must write its model to /opt/ml/model" if event.training else "run it with mode train"
            )
        raise DataNotFoundError(f"there is no model artifact {model_data_url}; {remedy}")
    return _Parts(
        name=event.model_name or _name_of(event, now),
        image=image,
        model_data_url=model_data_url,
        environment=event.environment,
        metrics=_metrics(event, settings, s3, model_data_url),
    )


def _name_of(event: CreateModelEvent, now: datetime) -> str:
    return naming.model_name(event.item or event.model_data_url or "", event.timestamp or naming.timestamp(now))


def _metrics(event: CreateModelEvent, settings: ModelSettings, s3: S3Client, model_data_url: str) -> Answer | None:
    """What the model's training said of it, once it was found good enough; None if it said nothing."""
    item, bucket = event.item, settings.output_bucket
    if item is None:
        return None
    if event.trained_in is None:
        last = latest_model.find_latest(s3, bucket, item)
        return last.metrics if last and last.model_data_url == model_data_url else None
    place = layout.S3Location(bucket, layout.metrics_key(item, event.trained_in))
    stored = s3_objects.read_document(s3, place.bucket, place.key, MetricsFile)
    if stored is None:
        return None
    content = stored.content.root
    gate.check_metrics(content, settings.maximum_error_ratio, place.uri)
    return _plain_values(content)


def _plain_values(content: object) -> Answer | None:
    """The numbers and short texts of a metrics.json: they travel in the state, where room is short."""
    if not isinstance(content, dict):
        return None
    plain = {
        str(name)[:NAME_LENGTH]: value[:METRIC_LENGTH] if isinstance(value, str) else value
        for name, value in content.items()
        # NaN and Infinity are no JSON, whatever Python's reader thinks, and would break the state.
        if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    }
    return dict(list(plain.items())[:MAX_METRICS])


def _remember(event: CreateModelEvent, parts: _Parts, s3: S3Client, bucket: str) -> None:
    """Writes a run's step into the item's latest_model.json; a call by itself is none."""
    if event.item is None or event.run_id is None or event.record_key is None or event.fingerprint is None:
        return
    run = LastRun(run_id=event.run_id, record_key=event.record_key, fingerprint=event.fingerprint)
    if event.training is None:
        step = latest_model.Step(event.item, "score", run)
        latest_model.remember_scoring(s3, bucket, step, parts.model_data_url)
        return
    trained = Latest(
        item=event.item,
        run_id=event.run_id,
        accepted_at=datetime.now(UTC).isoformat(),
        training_job_name=event.training.name,
        trained_in=event.trained_in,
        model_name=parts.name,
        model_data_url=parts.model_data_url,
        image=parts.image,
        environment=parts.environment,
        metrics=parts.metrics,
    )
    latest_model.remember_training(s3, bucket, latest_model.Step(event.item, "train", run), trained)
