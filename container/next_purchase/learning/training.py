"""Runs one training job: reads the data from SageMaker's folders, learns, and writes and uploads the results."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from next_purchase.errors import DataError, FullDiskError, SettingError
from next_purchase.features import make_features, make_sample
from next_purchase.learning.learn import learn
from next_purchase.learning.realised import judge_previous, read_probability_days
from next_purchase.learning.settings import read_region, read_training_settings
from next_purchase.models.artifact import METRICS_FILE, write_artifact, write_json
from next_purchase.reading.transactions import read_orders
from next_purchase.sagemaker_contract import (
    PREDICTIONS_CHANNEL,
    TRAINING_CHANNEL,
    ContainerPaths,
    list_channel_files,
    read_hyperparameters,
)
from next_purchase.storage import create_s3_client, fetch_object, is_s3_uri, put_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from next_purchase.learning.settings import TrainingSettings

SAMPLE_FILE = "sample_prediction.csv"
MODEL_ARCHIVE = "model.tar.gz"

logger = logging.getLogger(__name__)


def train(paths: ContainerPaths, environment: Mapping[str, str]) -> None:
    """Run the training job that SageMaker's folders and the environment describe.

    Raises:
        UserError: data or settings cannot be used.
        PlatformError: S3 did not answer.
    """
    settings = read_training_settings(read_hyperparameters(paths.hyperparameters), environment)
    today = datetime.now(UTC).date()
    if settings.as_of is not None and settings.as_of > today:
        raise SettingError(f"as_of must not be after today, {today} in UTC, but is {settings.as_of}.")
    with _explaining_full_disk(), tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        data = _find_data(paths, settings, environment, scratch)
        transactions = read_orders(data, scratch, today, settings.date_format)
        left_out = transactions.left_out
        logger.info("Not in any order: %s.", left_out.describe())
        features = make_features(transactions.orders, settings.time_series_length)
        result = learn(features, settings)
        realised = judge_previous(
            list_channel_files(paths.channel(PREDICTIONS_CHANNEL)),
            transactions.orders,
            as_of=result.as_of,
            horizon_days=settings.horizon_days,
            probability_days=read_probability_days(environment),
        )
        result.metrics["left_out"] = left_out.counts()
        if note := left_out.note():
            result.metrics["note"] = note
        # The artifact has no durations and nothing of earlier predictions, so that equal data give an equal artifact.
        write_artifact(paths.model, result.trained, result.details, result.metrics)
        metrics = result.metrics | realised
        paths.output_data.mkdir(parents=True, exist_ok=True)
        make_sample(features, result.as_of).write_csv(paths.output_data / SAMPLE_FILE)
        write_json(paths.output_data / METRICS_FILE, metrics | {"seconds": result.seconds})
        _upload(paths, settings, environment, scratch)
    shown = "; ".join(f"{name}={value}" for name, value in metrics.items() if isinstance(value, str | int | float))
    logger.info("metrics: %s", shown)


def _find_data(
    paths: ContainerPaths, settings: TrainingSettings, environment: Mapping[str, str], scratch: Path
) -> list[Path]:
    channel = paths.channel(TRAINING_CHANNEL)
    if files := list_channel_files(channel):
        return files
    if settings.file_path is None:
        raise DataError(
            f"There is no data: the channel {TRAINING_CHANNEL} ({channel}) has no file and file_path is not set."
        )
    if is_s3_uri(settings.file_path):
        return [fetch_object(create_s3_client(read_region(environment)), settings.file_path, scratch)]
    local = Path(settings.file_path)
    if not local.is_file():
        what = "is a folder, not a file" if local.is_dir() else "is not a file"
        raise DataError(f"There is no data: file_path {settings.file_path} {what}.")
    return [local]


def _upload(
    paths: ContainerPaths, settings: TrainingSettings, environment: Mapping[str, str], scratch: Path
) -> None:
    if settings.sample_destination is None and settings.model_destination is None:
        return
    client: Any = create_s3_client(read_region(environment))
    if (to := settings.sample_destination) is not None:
        # The sample is uploaded last: once it exists, the metrics exist as well.
        put_file(client, paths.output_data / METRICS_FILE, to.bucket, to.key(METRICS_FILE), "application/json")
        put_file(client, paths.output_data / SAMPLE_FILE, to.bucket, to.key(SAMPLE_FILE), "text/csv")
    if (to := settings.model_destination) is not None:
        import tarfile

        archive = scratch / MODEL_ARCHIVE
        with tarfile.open(archive, "w:gz") as tar:
            for path in sorted(paths.model.iterdir()):
                tar.add(path, arcname=path.name)
        put_file(client, archive, to.bucket, to.key(MODEL_ARCHIVE), "application/gzip")


@contextmanager
def _explaining_full_disk() -> Iterator[None]:
    """Translate the system's error for a full disk in the block into FullDiskError."""
    try:
        yield
    except OSError as error:
        # Polars' errors have the system's message but not its error number.
        if os.strerror(errno.ENOSPC) not in str(error):
            raise
        raise FullDiskError(f"The disk is full: give the training job a larger volume ({error}).") from error
