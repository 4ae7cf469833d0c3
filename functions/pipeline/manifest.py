"""A run's manifest.json: what became of the run and of each of its items."""

from __future__ import annotations

from typing import Any, Literal

from pipeline.documents import Caught, Document, Job, Status, TrainingJob
from pipeline.fields import Mode

SCHEMA_VERSION = 1


class ManifestItem(Document):
    """What became of one item.

    Attributes:
        index: its number in the run, from 0.
        item: its name.
        status: its one verdict.
        stage: the state that it ended in.
        error: name of the error, of one that failed.
        reason: the sentence that a person should read, of one that did not succeed.
        training_job_name: the training job that made its model, in this run or an earlier one.
        model_name: its SageMaker model.
        transform_job_name: its batch transform job.
        trained_in: the run in whose folder its training wrote; None if it was scored without.
        unchanged_since: the run whose predictions still hold; None if this one has made them.
        model_data_url: its artifact.
        predictions_uri: S3 URI of its predictions, or of a folder of them (ending in `/`).
        metrics: what training says of the model.
        duration_seconds: from the creation of its first job in this run to its record.
        training: the training job that ended, with its times and the seconds that SageMaker bills.
        transform: the batch transform job that ended, with its times.
    """

    index: int = 0
    item: str
    status: Status
    stage: str | None = None
    error: str | None = None
    reason: str | None = None
    training_job_name: str | None = None
    model_name: str | None = None
    transform_job_name: str | None = None
    trained_in: str | None = None
    unchanged_since: str | None = None
    model_data_url: str | None = None
    predictions_uri: str | None = None
    metrics: dict[str, Any] | None = None
    duration_seconds: float | None = None
    training: TrainingJob | None = None
    transform: Job | None = None


class Counts(Document):
    """How many items the run had, and how many ended how; those unchanged are among those that succeeded."""

    total: int
    succeeded: int
    failed: int
    unfinished: int
    unchanged: int = 0


class Manifest(Document):
    """A run's manifest.json: what became of the run and of each of its items."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    execution_arn: str = ""
    mode: Mode = "train"
    rerun_of: str | None = None
    started_at: str = ""
    ended_at: str = ""
    verdict: Literal["SUCCEEDED", "FAILED"]
    tolerated_failure_percentage: float = 0.0
    counts: Counts
    map_run_error: Caught | None = None
    items: list[ManifestItem]
