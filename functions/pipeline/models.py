"""Makes SageMaker models of model artifacts, and keeps each item's latest.json, its last accepted model."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import acceptance, aws, layout, naming, requests
from pipeline.errors import (
    DataNotFoundError,
    DataNotReadableError,
    ImageNotSetError,
    ServiceUnavailableError,
    TrainingNotCompletedError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.contracts import CreateModelEvent
    from pipeline.settings import ModelSettings

Answer = dict[str, Any]

# Two runs may race for an item's latest.json; each attempt of one of them settles it for that one.
LATEST_ATTEMPTS = 5
MAX_METRICS = 50
METRIC_LENGTH = 100


class Step(NamedTuple):
    """Whose model is asked for, when the pipeline asks: the item, the run and the training."""

    item: str
    run_id: str
    training_job: str


def create_model(
    event: CreateModelEvent, settings: ModelSettings, s3: S3Client, sagemaker: SageMakerClient, now: datetime
) -> Answer:
    """Creates the model asked for; as the pipeline's step, judges the training first and writes latest.json after.

    Returns:
        modelName, modelArn, modelDataUrl, image and metrics (the content of training's metrics.json, or None).

    Raises:
        TrainingNotCompletedError: the training job ended otherwise, for example Stopped at its runtime limit.
        ModelWorseThanBaselineError: the model errs more than the stack's limit allows.
        DataNotFoundError: there is no artifact, or the item has no accepted model yet.
        ImageNotSetError: neither event, artifact nor stack names an image.
        NameTakenError: another model has this name.
    """
    step = _completed_step(event)
    latest: Answer = {}
    if event.model_data_url is None and event.item is not None:
        latest = read_latest(s3, settings.output_bucket, event.item)
    model_data_url = event.model_data_url or str(latest["modelDataUrl"])
    image = event.image or latest.get("image") or settings.image_uri
    if not image:
        raise ImageNotSetError("no image is given and the stack has none: deploy it with parameter ImageUri")
    if event.model_data_url:
        _check_artifact(s3, model_data_url, event)
    metrics = _accepted_metrics(s3, settings, step) if step else latest.get("metrics")
    name = event.model_name or naming.model_name(
        event.item or model_data_url, event.timestamp or naming.timestamp(now)
    )
    request = requests.model_request(
        settings,
        model_name=name,
        image=image,
        model_data_url=model_data_url,
        environment=latest.get("environment", {}) | event.environment,
        run_id=event.run_id,
        item=event.item,
    )
    answer: Answer = {
        "modelName": name,
        "modelArn": aws.create_model(sagemaker, request),
        "modelDataUrl": model_data_url,
        "image": image,
        "metrics": metrics,
    }
    if step:
        _remember(s3, settings.output_bucket, step, answer, event.environment)
    return answer


def _completed_step(event: CreateModelEvent) -> Step | None:
    """The pipeline's step that the call is, its training completed; None for a call on its own."""
    training, item, run_id = event.training, event.item, event.run_id
    if training is None or item is None or run_id is None:
        return None
    if training.status != "Completed":
        raise TrainingNotCompletedError(
            f"training job {training.name} ended as {training.status}, not Completed;"
            " if it reached its limit, raise maxRuntimeInSeconds"
        )
    return Step(item, run_id, training.name)


def _accepted_metrics(s3: S3Client, settings: ModelSettings, step: Step) -> Answer | None:
    """What travels of the training's metrics.json, once it was found good enough; None if there is none."""
    place = layout.S3Location(settings.output_bucket, layout.metrics_key(step.item, step.run_id))
    stored = aws.read_json(s3, place.bucket, place.key)
    if stored is None:
        return None
    acceptance.check_metrics(stored.content, settings.maximum_error_ratio, place.uri)
    return _plain_values(stored.content)


def _plain_values(content: object) -> Answer | None:
    """The numbers and short texts of a metrics.json: they travel in the state, where room is short."""
    if not isinstance(content, dict):
        return None
    plain = {
        str(name)[:METRIC_LENGTH]: value[:METRIC_LENGTH] if isinstance(value, str) else value
        for name, value in content.items()
        # NaN and Infinity are no JSON, whatever Python's reader thinks, and would break the state.
        if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    }
    return dict(list(plain.items())[:MAX_METRICS])


def _check_artifact(s3: S3Client, uri: str, event: CreateModelEvent) -> None:
    """An image that writes no model still completes its training, and SageMaker names an artifact all the same."""
    if not aws.object_exists(s3, uri):
        remedy = "training must write its model to /opt/ml/model" if event.training else "check modelDataUrl"
        raise DataNotFoundError(f"there is no model artifact {uri}; {remedy}")


def read_latest(s3: S3Client, bucket: str, item: str) -> Answer:
    """The item's latest.json: what `_remember` wrote.

    Raises:
        DataNotFoundError: the item has no accepted model yet.
        DataNotReadableError: the file is not one that this application wrote.
    """
    key = layout.latest_key(item)
    stored = aws.read_json(s3, bucket, key)
    if stored is None:
        raise DataNotFoundError(
            f"item {item!r} has no accepted model yet (no s3://{bucket}/{key}); run it once, or name the model"
        )
    latest = stored.content
    wanted = {"runId", "modelName", "modelDataUrl", "image"}
    if not isinstance(latest, dict) or not wanted <= latest.keys():
        raise DataNotReadableError(
            f"s3://{bucket}/{key} lacks some of {', '.join(sorted(wanted))}; remove it and run the item again"
        )
    return latest


def _remember(s3: S3Client, bucket: str, step: Step, answer: Answer, environment: dict[str, str]) -> None:
    """Writes the item's latest.json unless a younger run has; run ids begin with their time, so they compare."""
    key = layout.latest_key(step.item)
    content = {
        "item": step.item,
        "runId": step.run_id,
        "trainingJobName": step.training_job,
        "acceptedAt": datetime.now(UTC).isoformat(),
        "environment": environment,
        **{name: answer[name] for name in ("modelName", "modelDataUrl", "image", "metrics")},
    }
    for _ in range(LATEST_ATTEMPTS):
        stored = aws.read_json(s3, bucket, key)
        if stored is None:
            if aws.write_json(s3, bucket, key, content, only_if_absent=True):
                return
        elif str(stored.content["runId"]) > step.run_id or aws.write_json(
            s3, bucket, key, content, only_if_etag=stored.etag
        ):
            return
    raise ServiceUnavailableError(f"s3://{bucket}/{key} changes too often to be written")
