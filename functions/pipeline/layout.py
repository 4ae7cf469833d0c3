"""The keys of all objects in S3: pure functions from item and run to keys and URIs."""

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
    """Return bucket and key of `uri` (`s3://bucket/key`)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return S3Location(bucket, key)


def data_key(item: str, file_name: str) -> str:
    """Return the key of the item's transactions, in the data bucket."""
    return f"{DATA_PREFIX}/{item}/{file_name}"


def training_output_prefix(item: str) -> str:
    """Return the prefix under which SageMaker writes `<training job>/output/model.tar.gz`, in the output bucket."""
    return f"{PREDICTED_PREFIX}/{item}/"


def model_artifact_key(item: str, training_job_name: str) -> str:
    """Return the key of the model artifact that SageMaker writes for the item's training job."""
    return f"{training_output_prefix(item)}{training_job_name}/output/model.tar.gz"


def output_archive_key(item: str, training_job_name: str) -> str:
    """Return the key of the archive into which SageMaker packs the training job's /opt/ml/output/data."""
    return f"{training_output_prefix(item)}{training_job_name}/output/output.tar.gz"


def checkpoint_prefix(item: str, training_job_name: str) -> str:
    """Return the prefix of the training job's checkpoints."""
    return f"{training_output_prefix(item)}{training_job_name}/checkpoints/"


def sample_prefix(item: str, run_id: str) -> str:
    """Return the folder, without its last slash, of the prediction input and the metrics that training writes."""
    return f"{PREDICTED_PREFIX}/{item}/{run_id}"


def sample_key(item: str, run_id: str) -> str:
    """Return the key of the batch transform job's input that training writes."""
    return f"{sample_prefix(item, run_id)}/{SAMPLE_FILE_NAME}"


def metrics_key(item: str, run_id: str) -> str:
    """Return the key of the metrics that training writes."""
    return f"{sample_prefix(item, run_id)}/{METRICS_FILE_NAME}"


def latest_key(item: str) -> str:
    """Return the key of latest.json, the item's last accepted model."""
    return f"{PREDICTED_PREFIX}/{item}/latest.json"


def predictions_prefix(item: str, run_id: str) -> str:
    """Return the folder that the item's batch transform job writes to."""
    return f"{PREDICTIONS_PREFIX}/{item}/{run_id}/"


def predictions_uri(folder: str, input_uri: str) -> str:
    """Return the URI of the predictions of `input_uri` in `folder`: a file for a file, the folder for a folder."""
    return folder if input_uri.endswith("/") else f"{folder}{input_uri.rsplit('/', 1)[1]}.out"


def items_key(run_id: str) -> str:
    """Return the key of the run's work list."""
    return f"{RUNS_PREFIX}/{run_id}/items.json"


def records_prefix(run_id: str) -> str:
    """Return the folder of the run's records."""
    return f"{RUNS_PREFIX}/{run_id}/records/"


def record_key(run_id: str, index: int) -> str:
    """Return the key of the record of the run's item number `index`."""
    return f"{records_prefix(run_id)}{index}.json"


def manifest_key(run_id: str) -> str:
    """Return the key of the run's manifest."""
    return f"{RUNS_PREFIX}/{run_id}/manifest.json"
