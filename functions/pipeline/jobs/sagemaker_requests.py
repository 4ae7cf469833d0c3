"""The bodies of SageMaker's create calls: pure builders for the state machine and for the functions."""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline import layout, naming
from pipeline.contracts import ItemRequest, TransformChoices
from pipeline.settings import ModelSettings, TrainingSettings, TransformSettings

Request = dict[str, Any]

# SageMaker ends a job at its own limit. The state waits longer by this much, for capacity, download and upload.
TASK_MARGIN_IN_SECONDS = 3600
# How long a spot training job may wait for capacity, on top of its runtime.
SPOT_WAIT_IN_SECONDS = 3600
# The limit of CreateTransformJob for MaxConcurrentTransforms times MaxPayloadInMB.
MAX_TRANSFORM_PAYLOAD_IN_MB = 100

# The channel for the item's predictions of an earlier run.
PREDICTIONS_CHANNEL = "predictions"

STACK_TAG, RUN_TAG, ITEM_TAG = "automlops:stack", "automlops:run", "automlops:item"

# The numbers in the metrics.json of the image in container/.
METRICS = [
    "customers", "orders", "mean_absolute_error", "baseline_mean_absolute_error", "median_gap_mean_absolute_error",
    "mean_gap_mean_absolute_error", "last_gap_mean_absolute_error", "error_ratio", "error_ratio_lower",
    "share_below_interval", "share_above_interval", "served_mean_absolute_error", "served_baseline_mean_absolute_error",
    "served_error_ratio", "served_error_ratio_lower", "served_share_below_interval", "served_share_above_interval",
    "brier_score", "baseline_brier_score", "brier_score_ratio",
    "mean_probability", "observed_share", "horizon_days", "probability_days", "learned_orders", "judged_orders",
    "judged_customers", "realised_customers", "realised_mean_absolute_error", "realised_share_inside_interval",
    "realised_brier_score", "realised_age_days",
]  # fmt: skip
# The image prints `name=value; name=value`, and SageMaker's console shows the last value of each. Some names are the end
# of another name, so the pattern includes the character before the name.
METRIC_DEFINITIONS = [
    {"Name": name, "Regex": rf"(?:^|\s){name}=([0-9.]+(?:[eE][+-]?[0-9]+)?)"} for name in METRICS
]


class EarlierPredictions(NamedTuple):
    """An item's predictions of an earlier run.

    Attributes:
        uri: S3 URI of the file.
        probability_days: the horizon of the probabilities in days, if metrics.json names it.
    """

    uri: str
    probability_days: int | None


def training_job_request(
    entry: ItemRequest,
    settings: TrainingSettings,
    *,
    job_name: str,
    run_id: str,
    data_uri: str,
    earlier: EarlierPredictions | None = None,
) -> Request:
    """Return the body of CreateTrainingJob for one item.

    Args:
        entry: the item and its settings.
        settings: the stack's settings, which the item's override.
        job_name: the training job's name.
        run_id: the run, part of the folder to which training writes the prediction input.
        data_uri: S3 URI of the item's data.
        earlier: the item's predictions of an earlier run, for a channel of their own.
    """
    choices = entry.training
    max_runtime = choices.max_runtime_in_seconds or settings.training_max_runtime_in_seconds
    spot = settings.training_use_spot if choices.use_spot is None else choices.use_spot
    stopping = {"MaxRuntimeInSeconds": max_runtime}
    if spot:
        stopping["MaxWaitTimeInSeconds"] = max_runtime + SPOT_WAIT_IN_SECONDS
    output_bucket = settings.output_bucket
    sample_prefix = layout.sample_prefix(entry.item, run_id)
    isolated = settings.isolate_training
    return {
        "TrainingJobName": job_name,
        "RoleArn": settings.sagemaker_role_arn,
        "AlgorithmSpecification": {
            "TrainingImage": settings.image_uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": METRIC_DEFINITIONS,
        },
        "HyperParameters": dict(entry.hyperparameters),
        "Environment": {
            **image_settings(settings),
            "upload_model_to_s3": "false",
            **entry.environment,
            # boto3 reads this variable for its Region, and SageMaker does not set it.
            "AWS_DEFAULT_REGION": settings.aws_region,
            "SAGEMAKER_PROGRAM": "train.py",
            "MODE": "train",
            "file_path": data_uri,
            # Without a network the image cannot upload: aws_create_model takes its files from output.tar.gz.
            "upload_sample_to_s3": "false" if isolated else "true",
            **({"upload_model_to_s3": "false"} if isolated else {}),
            "sample_s3_bucket": output_bucket,
            "sample_s3_prefix": sample_prefix,
            "model_s3_bucket": output_bucket,
            "model_s3_prefix": sample_prefix,
            **_prediction_variables(earlier),
        },
        "InputDataConfig": [
            _channel("training", data_uri),
            *([_channel(PREDICTIONS_CHANNEL, earlier.uri)] if earlier else []),
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{output_bucket}/{layout.training_output_prefix(entry.item)}"},
        "CheckpointConfig": {"S3Uri": f"s3://{output_bucket}/{layout.checkpoint_prefix(entry.item, job_name)}"},
        "ResourceConfig": {
            "InstanceType": choices.instance_type or settings.training_instance_type,
            "InstanceCount": choices.instance_count or 1,
            "VolumeSizeInGB": choices.volume_size_in_gb or settings.training_volume_size_in_gb,
        },
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": spot,
        "EnableNetworkIsolation": isolated,
        "Tags": tags(settings.stack_name, run_id, entry.item),
    }


def _channel(name: str, uri: str) -> Request:
    """Return an input channel with all objects under `uri`."""
    source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri": uri}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def _prediction_variables(earlier: EarlierPredictions | None) -> dict[str, str]:
    """Return the variable with the horizon of the earlier predictions, which the file does not hold."""
    if earlier is None or earlier.probability_days is None:
        return {}
    return {"predictions_probability_days": str(earlier.probability_days)}


def image_settings(settings: TrainingSettings) -> dict[str, str]:
    """Return the variables that only the image in container/ reads; another image may fail on their values."""
    values = {"time_series_length": settings.time_series_length, "model_backend": settings.model_backend}
    return {name: str(value) for name, value in values.items() if value}


def training_timeout_in_seconds(request: Request) -> int:
    """Return how long the state machine waits for the training job of `request`."""
    stopping: dict[str, int] = request["StoppingCondition"]
    return max(stopping.values()) + TASK_MARGIN_IN_SECONDS


def model_request(
    settings: ModelSettings,
    *,
    model_name: str,
    image: str,
    model_data_url: str,
    environment: dict[str, str],
    run_id: str | None,
    item: str | None,
) -> Request:
    """Return the body of CreateModel."""
    return {
        "ModelName": model_name,
        "ExecutionRoleArn": settings.sagemaker_role_arn,
        "PrimaryContainer": {
            "Image": image,
            "ModelDataUrl": model_data_url,
            "Environment": {
                **environment,
                "AWS_DEFAULT_REGION": settings.aws_region,
                # Some images read the upper-case names, others the lower-case ones.
                "MODE": "inference",
                "mode": "inference",
                "SAGEMAKER_PROGRAM": "inference.py",
                "sagemaker_program": "inference.py",
            },
        },
        "EnableNetworkIsolation": settings.isolate_models,
        "Tags": tags(settings.stack_name, run_id, item),
    }


def transform_job_request(
    choices: TransformChoices,
    settings: TransformSettings,
    *,
    job_name: str,
    model_name: str,
    input_uri: str,
    item: str,
    run_id: str,
) -> Request:
    """Return the body of CreateTransformJob for one item.

    SageMaker writes the predictions of `<file>` to `analysis_predicted_out/<item>/<run>/<file>.out`.
    """
    split_type = choices.split_type or settings.split_type
    max_payload = settings.max_payload_in_mb if choices.max_payload_in_mb is None else choices.max_payload_in_mb
    at_once = choices.max_concurrent_transforms
    if at_once is None:
        # With 0, SageMaker asks the image's /execution-parameters; above half the limit only one request fits at a time.
        at_once = 1 if max_payload * 2 > MAX_TRANSFORM_PAYLOAD_IN_MB else 0
    return {
        "TransformJobName": job_name,
        "ModelName": model_name,
        # MultiRecord needs a SplitType; without one, the whole file is one record.
        "BatchStrategy": "MultiRecord" if split_type == "Line" else "SingleRecord",
        "MaxPayloadInMB": max_payload,
        "MaxConcurrentTransforms": at_once,
        "TransformInput": {
            "ContentType": "text/csv",
            "SplitType": split_type,
            "CompressionType": "None",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": input_uri}},
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{settings.output_bucket}/{layout.predictions_prefix(item, run_id)}",
            "Accept": "text/csv",
            "AssembleWith": "None",
        },
        "TransformResources": {
            "InstanceType": choices.instance_type or settings.transform_instance_type,
            "InstanceCount": choices.instance_count or 1,
        },
        "Tags": tags(settings.stack_name, run_id, item),
    }


def transform_timeout_in_seconds(choices: TransformChoices, settings: TransformSettings) -> int:
    """Return how long the transform job may take; SageMaker has no limit for it, so the state machine stops it."""
    return choices.max_runtime_in_seconds or settings.transform_max_runtime_in_seconds


def tags(stack_name: str, run_id: str | None, item: str | None) -> list[dict[str, str]]:
    """Return tags for stack, run and item: for cost allocation, and to recognise the run's own jobs by more than a name."""
    values = {STACK_TAG: stack_name, RUN_TAG: run_id, ITEM_TAG: item}
    return [{"Key": key, "Value": naming.tag_value(value)} for key, value in values.items() if value]
