"""Starts one job for one item outside any run: a single retraining, or scoring one file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline import layout, limits, naming
from pipeline.aws import sagemaker_api
from pipeline.data import input_data
from pipeline.errors import ImageNotSetError, ModelNotFoundError, ServiceRefusedError
from pipeline.jobs import sagemaker_requests
from pipeline.stored.latest_model import read_latest

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.contracts import BatchTransformEvent, TrainingJobEvent
    from pipeline.settings import TrainingSettings, TransformSettings

Answer = dict[str, Any]


def start_training_job(
    event: TrainingJobEvent, settings: TrainingSettings, s3: S3Client, sagemaker: SageMakerClient, now: datetime
) -> Answer:
    """Starts the item's training job; the same timestamp means the same job.

    Returns:
        trainingJobName, trainingJobArn, runId, the folder of what training writes, and modelDataUrl, where the
        artifact will be: what aws_create_model takes.

    Raises:
        InvalidRequestError: the stack does not let this be asked for; see `pipeline.limits`.
        ImageNotSetError: the stack has no image.
        DataNotFoundError and its kin: the data cannot be read as meant.
        NameTakenError: a job of this name was asked for otherwise.
    """
    allowed = limits.Limits.of_settings(settings)
    limits.require([*limits.timestamp_problems(event.timestamp, now), *allowed.entry_problems(event)])
    if not settings.image_uri:
        raise ImageNotSetError("this stack has no image to train with: deploy it with parameter ImageUri")
    started = event.timestamp or naming.timestamp(now)
    run_id = naming.run_id(started, "aws_training_job")
    data_uri = input_data.data_uri_of(event, settings.data_bucket, settings.dataset_file_name)
    input_data.find_input(s3, data_uri)
    request = sagemaker_requests.training_job_request(
        event,
        settings,
        job_name=naming.training_job_name(event.item, started),
        run_id=run_id,
        data_uri=data_uri,
    )
    arn = sagemaker_api.start_training_job(sagemaker, request)
    job_name = request["TrainingJobName"]
    artifact = layout.S3Location(settings.output_bucket, layout.model_artifact_key(event.item, job_name))
    return {"trainingJobName": job_name, "trainingJobArn": arn, "runId": run_id, "modelDataUrl": artifact.uri}


def start_transform_job(
    event: BatchTransformEvent,
    settings: TransformSettings,
    s3: S3Client,
    sagemaker: SageMakerClient,
    now: datetime,
) -> Answer:
    """Scores the file with the model, the item's last ones unless named; the same timestamp means the same job.

    Returns:
        transformJobName, transformJobArn and outputUri, the folder of the predictions.

    Raises:
        InvalidRequestError: the stack does not let this be asked for; see `pipeline.limits`.
        DataNotFoundError and its kin: the file cannot be read as meant, or the item has no accepted model.
        ModelNotFoundError: the item's last accepted model is no longer in SageMaker.
        ServiceRefusedError: there is no model of the name given.
        NameTakenError: a job of this name was asked for otherwise.
    """
    allowed = limits.Limits.of_settings(settings)
    limits.require(
        [
            *limits.timestamp_problems(event.timestamp, now),
            *allowed.input_problems(event.input),
            *allowed.transform_problems(event.transform, "transform"),
        ]
    )
    started = event.timestamp or naming.timestamp(now)
    if event.model_name and event.input:
        model_name, input_uri = event.model_name, event.input
    else:
        last = read_latest(s3, settings.output_bucket, event.item)
        sample_key = layout.sample_key(event.item, last.trained_in or last.run_id)
        model_name = event.model_name or last.model_name
        input_uri = event.input or layout.S3Location(settings.output_bucket, sample_key).uri
    input_data.find_input(s3, input_uri)
    request = sagemaker_requests.transform_job_request(
        event.transform,
        settings,
        job_name=naming.transform_job_name(event.item, started),
        model_name=model_name,
        input_uri=input_uri,
        item=event.item,
        run_id=naming.run_id(started, "aws_batch_transform"),
    )
    try:
        arn = sagemaker_api.start_transform_job(sagemaker, request)
    except ServiceRefusedError as error:
        if event.model_name or sagemaker_api.model_exists(sagemaker, model_name):
            raise
        raise ModelNotFoundError(
            f"item {event.item!r}'s last accepted model {model_name} is not in SageMaker: runs remove their models"
            f' after scoring. Make it again with aws_create_model {{"item": {json.dumps(event.item)}}}, or name another'
            " as modelName; to keep all models, deploy with KeepModels=true"
        ) from error
    return {
        "transformJobName": request["TransformJobName"],
        "transformJobArn": arn,
        "outputUri": request["TransformOutput"]["S3OutputPath"],
    }
