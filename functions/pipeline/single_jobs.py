"""Starts one job for one item outside any run: a single retraining, or scoring one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import aws, layout, models, naming, requests
from pipeline.errors import ImageNotSetError
from pipeline.preparation import data_uri_of

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
        ImageNotSetError: the stack has no image.
        DataNotFoundError and its kin: the data cannot be read as meant.
        NameTakenError: a job of this name was asked for otherwise.
    """
    if not settings.image_uri:
        raise ImageNotSetError("this stack has no image to train with: deploy it with parameter ImageUri")
    started = event.timestamp or naming.timestamp(now)
    run_id = naming.run_id(started, "aws_training_job")
    data_uri = data_uri_of(event, settings.data_bucket, settings.dataset_file_name)
    aws.check_input(s3, data_uri)
    request = requests.training_job_request(
        event,
        settings,
        job_name=naming.training_job_name(event.item, started),
        run_id=run_id,
        data_uri=data_uri,
    )
    arn = aws.start_training_job(sagemaker, request)
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
        DataNotFoundError and its kin: the file cannot be read as meant, or the item has no accepted model.
        ServiceRefusedError: there is no such model.
        NameTakenError: a job of this name was asked for otherwise.
    """
    started = event.timestamp or naming.timestamp(now)
    bucket = settings.output_bucket
    latest = {} if event.model_name and event.input else models.read_latest(s3, bucket, event.item)
    input_uri = event.input or layout.S3Location(bucket, layout.sample_key(event.item, str(latest["runId"]))).uri
    aws.check_input(s3, input_uri)
    request = requests.transform_job_request(
        event.transform,
        settings,
        job_name=naming.transform_job_name(event.item, started),
        model_name=event.model_name or str(latest["modelName"]),
        input_uri=input_uri,
        item=event.item,
        run_id=naming.run_id(started, "aws_batch_transform"),
    )
    arn = aws.start_transform_job(sagemaker, request)
    return {
        "transformJobName": request["TransformJobName"],
        "transformJobArn": arn,
        "outputUri": request["TransformOutput"]["S3OutputPath"],
    }
