"""The bodies of SageMaker's create calls: pure builders, one for the state machine and the functions alike."""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline import layout, naming
from pipeline.contracts import ItemRequest, TransformChoices
from pipeline.settings import ModelSettings, TrainingSettings, TransformSettings

Request = dict[str, Any]

# A job's own limit ends it; the state waits this much longer for capacity, download and upload.
TASK_MARGIN_IN_SECONDS = 3600
# How much longer than it may run a job may wait for spot capacity.
SPOT_WAIT_IN_SECONDS = 3600
# CreateTransformJob: requests at once times their size.
MAX_TRANSFORM_PAYLOAD_IN_MB = 100

# The channel with an item's predictions of an earlier run.
PREDICTIONS_CHANNEL = "predictions"

STACK_TAG, RUN_TAG, ITEM_TAG = "automlops:stack", "automlops:run", "automlops:item"

# The numbers of our image's metrics.json.
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
# Our image prints `name=value; name=value`; SageMaker shows the last value of each in the console. Some names end as
# others do, so what stands before one counts.
METRIC_DEFINITIONS = [
    {"Name": name, "Regex": rf"(?:^|\s){name}=([0-9.]+(?:[eE][+-]?[0-9]+)?)"} for name in METRICS
]


class EarlierPredictions(NamedTuple):
    """An item's predictions of an earlier run.

    Attributes:
        uri: S3 URI of the file.
        probability_days: how many days ahead the probabilities among them look, where metrics.json has said so.
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
    """The body of CreateTrainingJob for one item.

    Args:
        entry: the item and its choices.
        settings: the stack's settings, which the choices override.
        job_name: the training job's name.
        run_id: the run, part of the folder that training writes the prediction input to.
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
            # boto3 reads this variable alone, and a client without a Region talks to us-east-1; SageMaker does not set it.
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
            **_facts_about(earlier),
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
    """An input channel that gets every object under `uri`."""
    source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri": uri}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def _facts_about(earlier: EarlierPredictions | None) -> dict[str, str]:
    """What the lines of the earlier predictions do not say of themselves."""
    if earlier is None or earlier.probability_days is None:
        return {}
    return {"predictions_probability_days": str(earlier.probability_days)}


def image_settings(settings: TrainingSettings) -> dict[str, str]:
    """The variables that the stack sets for the image in container/ alone; another may fail at a value of ours."""
    values = {"time_series_length": settings.time_series_length, "model_backend": settings.model_backend}
    return {name: str(value) for name, value in values.items() if value}


def training_timeout_in_seconds(request: Request) -> int:
    """How long the state machine waits for the training job of `request`."""
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
    """The body of CreateModel."""
    return {
        "ModelName": model_name,
        "ExecutionRoleArn": settings.sagemaker_role_arn,
        "PrimaryContainer": {
            "Image": image,
            "ModelDataUrl": model_data_url,
            "Environment": {
                **environment,
                "AWS_DEFAULT_REGION": settings.aws_region,
                # Images of this kind read either spelling.
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
    """The body of CreateTransformJob for one item.

    The predictions of `<file>` land as `analysis_predicted_out/<item>/<run>/<file>.out`.
    """
    split_type = choices.split_type or settings.split_type
    max_payload = settings.max_payload_in_mb if choices.max_payload_in_mb is None else choices.max_payload_in_mb
    at_once = choices.max_concurrent_transforms
    if at_once is None:
        # 0 leaves it to the image's /execution-parameters; of the largest requests SageMaker takes one at a time.
        at_once = 1 if max_payload * 2 > MAX_TRANSFORM_PAYLOAD_IN_MB else 0
    return {
        "TransformJobName": job_name,
        "ModelName": model_name,
        # Several lines a request need a SplitType; without one, a record is the whole file.
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
    """How long the transform job may take; it has no limit of its own, the state machine stops it."""
    return choices.max_runtime_in_seconds or settings.transform_max_runtime_in_seconds


def tags(stack_name: str, run_id: str | None, item: str | None) -> list[dict[str, str]]:
    """Stack, run and item as tags: for cost allocation, and to tell this run's jobs from others of the same name."""
    values = {STACK_TAG: stack_name, RUN_TAG: run_id, ITEM_TAG: item}
    return [{"Key": key, "Value": naming.tag_value(value)} for key, value in values.items() if value]
