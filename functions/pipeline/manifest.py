"""A run's manifest.json: the outcome of the run and of each of its items."""

from __future__ import annotations

from typing import Any, Literal

from pipeline.documents import Caught, Document, Job, Status, TrainingJob
from pipeline.fields import Mode

SCHEMA_VERSION = 1


class ManifestItem(Document):
    """The outcome of one item.

    Attributes:
        index: its number in the run, from 0.
        item: its name.
        status: its verdict.
        stage: the state of the child execution in which it ended.
        error: the error's name, if it failed.
        reason: why it failed or did not finish, as a sentence for people.
        training_job_name: the training job that made its model, in this run or an earlier one.
        model_name: its SageMaker model.
        transform_job_name: its batch transform job.
        trained_in: the run whose training wrote its files; None in mode score.
        unchanged_since: the earlier run that made its predictions; None if this run made them.
        model_data_url: its artifact.
        predictions_uri: S3 URI of its predictions, or of a folder of them (ending in `/`).
        metrics: the metrics that training wrote.
        duration_seconds: from the creation of its first job in this run to its record.
        training: its training job, once it has ended, with times and billed seconds.
        transform: its batch transform job, once it has ended, with times.
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
    """How many items the run has, by verdict; unchanged items also count as succeeded."""

    total: int
    succeeded: int
    failed: int
    unfinished: int
    unchanged: int = 0


class Manifest(Document):
    """A run's manifest.json: the outcome of the run and of each of its items."""

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
