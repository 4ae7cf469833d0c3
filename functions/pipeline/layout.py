"""Where everything lies in S3: pure functions from item and run to bucket keys and URIs."""

from __future__ import annotations

from typing import NamedTuple

DATA_PREFIX = "analysis_predict"
PREDICTED_PREFIX = "analysis_predicted"
PREDICTIONS_PREFIX = "analysis_predicted_out"
RUNS_PREFIX = "runs"
SAMPLE_FILE_NAME = "sample_prediction.csv"
METRICS_FILE_NAME = "metrics.json"


class S3Location(NamedTuple):
    """A bucket and a key or prefix in it."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"


def parse_uri(uri: str) -> S3Location:
    """The place that `uri` (`s3://bucket/key`) names."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return S3Location(bucket, key)


def data_key(item: str, file_name: str) -> str:
    """The item's transactions, in the data bucket."""
    return f"{DATA_PREFIX}/{item}/{file_name}"


def training_output_prefix(item: str) -> str:
    """What SageMaker puts `<training job>/output/model.tar.gz` under, in the output bucket."""
    return f"{PREDICTED_PREFIX}/{item}/"


def model_artifact_key(item: str, training_job_name: str) -> str:
    """Where SageMaker leaves the artifact of the item's training job."""
    return f"{training_output_prefix(item)}{training_job_name}/output/model.tar.gz"


def output_archive_key(item: str, training_job_name: str) -> str:
    """Where SageMaker leaves what the item's training job has written to /opt/ml/output/data."""
    return f"{training_output_prefix(item)}{training_job_name}/output/output.tar.gz"


def checkpoint_prefix(item: str, training_job_name: str) -> str:
    """Where SageMaker keeps the training job's checkpoints."""
    return f"{training_output_prefix(item)}{training_job_name}/checkpoints/"


def sample_prefix(item: str, run_id: str) -> str:
    """Folder, without its last slash, of the prediction input and the metrics that training writes."""
    return f"{PREDICTED_PREFIX}/{item}/{run_id}"


def sample_key(item: str, run_id: str) -> str:
    """The input of the item's batch transform job, written by training."""
    return f"{sample_prefix(item, run_id)}/{SAMPLE_FILE_NAME}"


def metrics_key(item: str, run_id: str) -> str:
    """What training says of its model."""
    return f"{sample_prefix(item, run_id)}/{METRICS_FILE_NAME}"


def latest_key(item: str) -> str:
    """The item's last accepted model."""
    return f"{PREDICTED_PREFIX}/{item}/latest.json"


def predictions_prefix(item: str, run_id: str) -> str:
    """Folder that the item's batch transform job writes to."""
    return f"{PREDICTIONS_PREFIX}/{item}/{run_id}/"


def predictions_uri(folder: str, input_uri: str) -> str:
    """Where a transform job of `input_uri` that writes to `folder` leaves the predictions: a file's, or the folder."""
    return folder if input_uri.endswith("/") else f"{folder}{input_uri.rsplit('/', 1)[1]}.out"


def items_key(run_id: str) -> str:
    """The run's items, one line of work each."""
    return f"{RUNS_PREFIX}/{run_id}/items.json"


def records_prefix(run_id: str) -> str:
    """Folder of the run's records."""
    return f"{RUNS_PREFIX}/{run_id}/records/"


def record_key(run_id: str, index: int) -> str:
    """What became of the run's item number `index`."""
    return f"{records_prefix(run_id)}{index}.json"


def manifest_key(run_id: str) -> str:
    """What became of the run."""
    return f"{RUNS_PREFIX}/{run_id}/manifest.json"
