"""Creates SageMaker models from model artifacts; in a run, only for trainings that pass the gate."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import layout, limits, naming
from pipeline.aws import s3_objects, sagemaker_api
from pipeline.data import input_versions
from pipeline.documents import JOB_COMPLETED, LastRun, Latest, MetricsFile
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

# The image in container/ writes some 40. In the manifest of ten thousand items, each metric takes half a megabyte.
MAX_METRICS = 50
MAX_METRIC_NAME_LENGTH = 100
# The longest text is the image's `note`, a sentence for people.
MAX_METRIC_TEXT_LENGTH = 200


class _Parts(NamedTuple):
    """The contents of a model."""

    name: str
    image: str
    model_data_url: str
    environment: dict[str, str]
    metrics: Answer | None


def create_model(
    event: CreateModelEvent, settings: ModelSettings, s3: S3Client, sagemaker: SageMakerClient, now: datetime
) -> Answer:
    """Create the requested model.

    As a step of a run with mode train, check the training first, and afterwards save the model as the item's last
    accepted one. As a step of a run with mode score, add the run to the last runs of that model.

    Returns:
        modelName, modelArn, modelDataUrl, image and metrics (those that training wrote, or None).

    Raises:
        InvalidRequestError: the stack does not allow the request, or it is a forged step; see `pipeline.limits`.
        TrainingNotCompletedError: the training job did not complete, for example because it reached its runtime limit.
        DataChangedError: the training's input has changed since PrepareRun found it.
        ModelWorseThanBaselineError: the model does not pass the gate.
        DataNotFoundError: there is no artifact, no prediction input of a training without a network, or the item has
            no accepted model yet.
        DataNotReadableError, DataTooLargeError: the output of such a training cannot be unpacked.
        ImageNotSetError: neither event, artifact nor stack names an image.
        NameTakenError: another model has this name.
    """
    stack_limits = limits.Limits.from_settings(settings)
    limits.require(stack_limits.model_problems(event, now))
    bucket = settings.output_bucket
    isolated = event.record_key is not None and _require_prepared(event, s3, bucket)
    _check_training(event)
    if event.training_input is not None:
        # Before the gate: the metrics of a training on other data say nothing about the item's.
        input_versions.check_current_input(s3, event.training_input)
    if isolated and event.item and event.trained_in and event.training:
        training_output.unpack_output(s3, bucket, event.item, event.trained_in, event.training.name)
    if event.item is not None and event.model_data_url is None:
        latest = latest_model.read_latest(s3, bucket, event.item)
        parts = _parts_of_latest(event, latest, now)
        source = latest_model.describe_latest(event.item)
        limits.require(stack_limits.stored_model_problems(parts.image, latest.environment, source))
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
    _save_step(event, parts, s3, bucket)
    return answer


def _require_prepared(event: CreateModelEvent, s3: S3Client, bucket: str) -> bool:
    """Refuse a step of a run that was never prepared: a forged run without metrics would pass the gate.

    Returns:
        Whether the item's training had no network, from the run's own files, because an event can be forged.
    """
    runs = {"runId": event.run_id, "trainedIn": event.trained_in}
    keys = {place: layout.items_key(run_id) for place, run_id in runs.items() if run_id is not None}
    metadata = {key: s3_objects.find_metadata(s3, bucket, key) for key in set(keys.values())}
    limits.require(
        [f"{place}: there is no s3://{bucket}/{key}" for place, key in keys.items() if metadata[key] is None]
    )
    return run_files.trains_without_network(metadata.get(keys.get("trainedIn", "")) or {})


def _check_training(event: CreateModelEvent) -> None:
    if event.training is not None and event.training.status != JOB_COMPLETED:
        raise TrainingNotCompletedError(
            f"training job {event.training.name} ended as {event.training.status}, not {JOB_COMPLETED};"
            " if it reached its limit, raise maxRuntimeInSeconds"
        )


def _parts_of_latest(event: CreateModelEvent, latest: Latest, now: datetime) -> _Parts:
    """Return the contents of the item's last accepted model; unless the event changes it, it keeps its name."""
    name = event.model_name
    if name is None and not (event.image or event.environment or event.timestamp):
        name = latest.model_name
    return _Parts(
        name=name or _name_of(event, now),
        image=event.image or latest.image,
        model_data_url=latest.model_data_url,
        environment=latest.environment | event.environment,
        metrics=latest.metrics,
    )


def _parts_of_artifact(event: CreateModelEvent, settings: ModelSettings, s3: S3Client, now: datetime) -> _Parts:
    image, model_data_url = event.image or settings.image_uri, event.model_data_url or ""
    if not image:
        raise ImageNotSetError("no image is given and the stack has none: deploy it with parameter ImageUri")
    # SageMaker names an artifact even if the image has written no model and no artifact exists.
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
    """Return the metrics that the model's training wrote, after the gate; None if it wrote none."""
    item, bucket = event.item, settings.output_bucket
    if item is None:
        return None
    if event.trained_in is None:
        latest = latest_model.find_latest(s3, bucket, item)
        return latest.metrics if latest and latest.model_data_url == model_data_url else None
    place = layout.S3Location(bucket, layout.metrics_key(item, event.trained_in))
    stored = s3_objects.read_document(s3, place.bucket, place.key, MetricsFile)
    if stored is None:
        return None
    content = stored.content.root
    gate.check_metrics(content, settings.maximum_error_ratio, place.uri)
    return _plain_values(content)


def _plain_values(content: object) -> Answer | None:
    """Return the numbers and short texts of a metrics.json; the size of the execution's state is limited."""
    if not isinstance(content, dict):
        return None
    plain = {
        str(name)[:MAX_METRIC_NAME_LENGTH]: value[:MAX_METRIC_TEXT_LENGTH] if isinstance(value, str) else value
        for name, value in content.items()
        # Python also parses NaN and Infinity, but Step Functions does not accept them.
        if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    }
    return dict(list(plain.items())[:MAX_METRICS])


def _save_step(event: CreateModelEvent, parts: _Parts, s3: S3Client, bucket: str) -> None:
    """Save a run's step in the item's latest.json; do nothing for a call that is no step of a run."""
    if event.item is None or event.run_id is None or event.record_key is None or event.fingerprint is None:
        return
    run = LastRun(run_id=event.run_id, record_key=event.record_key, fingerprint=event.fingerprint)
    if event.training is None:
        step = latest_model.Step(event.item, "score", run)
        latest_model.save_scoring_run(s3, bucket, step, parts.model_data_url)
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
    latest_model.save_trained_model(s3, bucket, latest_model.Step(event.item, "train", run), trained)
