"""One training job from data to model: read, learn, judge, write, upload."""

from __future__ import annotations

import logging
import platform
import tarfile
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from next_purchase.artifact import METRICS_FILE, TrainedModel, write_artifact, write_json
from next_purchase.errors import DataError
from next_purchase.examples import TARGET, add_next_order, date_range, followed_orders, median_gap
from next_purchase.features import latest_orders, make_features
from next_purchase.judgement import judge_learner
from next_purchase.learner import MEAN_GAP, MeanGapModel, Model, fit_lightgbm
from next_purchase.orders import make_orders
from next_purchase.prediction import to_matrix
from next_purchase.sagemaker_contract import (
    TRAINING_CHANNEL,
    ContainerPaths,
    list_channel_files,
    read_hyperparameters,
)
from next_purchase.schema import CUSTOMER, feature_names
from next_purchase.settings import TrainingSettings, read_training_settings
from next_purchase.storage import create_s3_client, fetch_object, is_s3_uri, put_file
from next_purchase.transactions import read_transactions

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE_FILE = "sample_prediction.csv"
MODEL_ARCHIVE = "model.tar.gz"

logger = logging.getLogger(__name__)


def train(paths: ContainerPaths, environment: Mapping[str, str]) -> None:
    """Run the whole job that SageMaker's folders and the environment describe.

    Raises:
        UserError: Data or settings cannot be used.
        PlatformError: S3 did not answer.
    """
    settings = read_training_settings(read_hyperparameters(paths.hyperparameters), environment)
    with tempfile.TemporaryDirectory() as scratch:
        transactions = read_transactions(_find_data(paths, settings, Path(scratch)), Path(scratch))
        orders = make_orders(transactions)
        del transactions
        _train_on_orders(orders, paths, settings, Path(scratch))


def _find_data(paths: ContainerPaths, settings: TrainingSettings, scratch: Path) -> list[Path]:
    channel = paths.channel(TRAINING_CHANNEL)
    if files := list_channel_files(channel):
        return files
    if settings.file_path is None:
        raise DataError(
            f"There is no data: the channel {TRAINING_CHANNEL} ({channel}) has no file and file_path is not set."
        )
    if is_s3_uri(settings.file_path):
        return [fetch_object(create_s3_client(), settings.file_path, scratch)]
    local = Path(settings.file_path)
    if not local.is_file():
        raise DataError(f"There is no data: file_path {settings.file_path} is not a file.")
    return [local]


def _train_on_orders(
    orders: pl.DataFrame, paths: ContainerPaths, settings: TrainingSettings, scratch: Path
) -> None:
    names = feature_names(settings.time_series_length)
    features = make_features(orders, settings.time_series_length)
    examples = add_next_order(features)
    first, last = date_range(examples)
    customers = features[CUSTOMER].n_unique()
    median = median_gap(examples, known_until=last)
    if median is None:
        raise DataError(
            f"Of {customers} customers none bought on two different days, so there is nothing to learn "
            "how long it takes until they buy again."
        )

    def fit(rows: pl.DataFrame, base: MeanGapModel) -> Model:
        matrix, target = to_matrix(rows, names), rows[TARGET].to_numpy()
        return fit_lightgbm(matrix, target, names, settings.learner, base, settings.horizon_days)

    judgement = judge_learner(
        examples, settings.horizon_days, names, None if settings.backend == MEAN_GAP else fit
    )
    followed = followed_orders(examples, known_until=last, horizon_days=settings.horizon_days)
    # A learner is used only where it could be judged: what is reported is what is delivered.
    backend = settings.backend if judgement.learner_was_judged else MEAN_GAP
    metrics: dict[str, object] = {
        "customers": customers,
        "mean_absolute_error": judgement.mean_absolute_error,
        "baseline_mean_absolute_error": judgement.baseline_mean_absolute_error,
        "horizon_days": settings.horizon_days,
        "cutoff": judgement.cutoff.isoformat(),
        "learned_orders": judgement.learned_orders,
        "judged_orders": judgement.judged_orders,
        "orders": orders.height,
        "model_backend": backend,
    }
    details: dict[str, object] = {
        "requested_backend": settings.backend,
        "learner_settings": asdict(settings.learner),
        "first_order_date": first.isoformat(),
        "last_order_date": last.isoformat(),
        "fitted_orders": orders.height if backend == MEAN_GAP else followed.height,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("lightgbm", "numpy", "polars")},
        },
    }
    baseline = MeanGapModel(names.index("mean_gap"), median)
    model = baseline if backend == MEAN_GAP else fit(followed, baseline)
    trained = TrainedModel(model, backend, settings.time_series_length, settings.horizon_days, median)
    write_artifact(paths.model, trained, details, metrics)
    paths.output_data.mkdir(parents=True, exist_ok=True)
    latest_orders(features).write_csv(paths.output_data / SAMPLE_FILE)
    write_json(paths.output_data / METRICS_FILE, metrics)
    _upload(paths, settings, scratch)
    logger.info("metrics: %s", "; ".join(f"{name}={v}" for name, v in metrics.items() if v is not None))


def _upload(paths: ContainerPaths, settings: TrainingSettings, scratch: Path) -> None:
    if settings.sample_destination is None and settings.model_destination is None:
        return
    client: Any = create_s3_client()
    if (to := settings.sample_destination) is not None:
        # The sample comes last: who sees it may rely on the metrics beside it.
        put_file(client, paths.output_data / METRICS_FILE, to.bucket, to.key(METRICS_FILE), "application/json")
        put_file(client, paths.output_data / SAMPLE_FILE, to.bucket, to.key(SAMPLE_FILE), "text/csv")
    if (to := settings.model_destination) is not None:
        archive = scratch / MODEL_ARCHIVE
        with tarfile.open(archive, "w:gz") as tar:
            for path in sorted(paths.model.iterdir()):
                tar.add(path, arcname=path.name)
        put_file(client, archive, to.bucket, to.key(MODEL_ARCHIVE), "application/gzip")
