"""Starts one job for one item outside a run: a training, or the scoring of one file."""

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
    """Start the item's training job; the same timestamp means the same job.

    Returns:
        trainingJobName, trainingJobArn, runId (part of the folder to which training writes) and modelDataUrl (the URI of
        the artifact, for aws_create_model).

    Raises:
        InvalidRequestError: the stack does not allow the request; see `pipeline.limits`.
        ImageNotSetError: the stack has no image.
        DataNotFoundError, DataEmptyError, DataNotReadableError, DataAmbiguousError: the job could not read the data as
            intended.
        NameTakenError: there is a job of this name with another request.
    """
    stack_limits = limits.Limits.from_settings(settings)
    limits.require([*limits.timestamp_problems(event.timestamp, now), *stack_limits.entry_problems(event)])
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
    """Start a batch transform job; model and file default to the item's last; the same timestamp means the same job.

    Returns:
        transformJobName, transformJobArn and outputUri, the folder of the predictions.

    Raises:
        InvalidRequestError: the stack does not allow the request; see `pipeline.limits`.
        DataNotFoundError, DataEmptyError, DataNotReadableError, DataAmbiguousError: the job could not read the file as
            intended, or the item has no accepted model.
        ModelNotFoundError: the item's last accepted model is no longer in SageMaker.
        ServiceRefusedError: there is no model of the given name.
        NameTakenError: there is a job of this name with another request.
    """
    stack_limits = limits.Limits.from_settings(settings)
    limits.require(
        [
            *limits.timestamp_problems(event.timestamp, now),
            *stack_limits.input_problems(event.input),
            *stack_limits.transform_problems(event.transform, "transform"),
        ]
    )
    started = event.timestamp or naming.timestamp(now)
    if event.model_name and event.input:
        model_name, input_uri = event.model_name, event.input
    else:
        latest = read_latest(s3, settings.output_bucket, event.item)
        sample_key = layout.sample_key(event.item, latest.trained_in or latest.run_id)
        model_name = event.model_name or latest.model_name
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
