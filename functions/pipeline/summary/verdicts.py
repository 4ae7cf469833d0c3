"""Decides each item's verdict from its line of the work list and its record."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.caught_errors import reason_of, timeout_reason
from pipeline.documents import FAILED, JOB_COMPLETED, SUCCEEDED, UNFINISHED, Record, Status
from pipeline.stored.run_files import BrokenRecord
from pipeline.work_list import Line

PREPARATION_STAGE = "PrepareRun"
TRAINING_STAGE = "StartTrainingJob"
MODEL_STAGE = "CreateModel"
TRANSFORM_STAGE = "StartBatchTransformJob"


class Verdict(NamedTuple):
    """The outcome of an item.

    Attributes:
        status: SUCCEEDED, FAILED or, without a usable record, UNFINISHED.
        stage: the state of the child execution in which it ended.
        error: the error's name, if it failed.
        reason: why it did not succeed, as a sentence for people.
    """

    status: Status
    stage: str | None = None
    error: str | None = None
    reason: str | None = None


def succeeded(record: Record) -> bool:
    """Return whether the item was scored, or skipped as unchanged; a stopped job is no success."""
    return record.error is None and (record.transform is None or record.transform.status == JOB_COMPLETED)


def verdict_of(line: Line, record: Record | BrokenRecord | None) -> Verdict:
    """Return the verdict of an item from its line and, if there is one, its record."""
    if record is None:
        return Verdict(UNFINISHED, reason="no record was written: the item was never started, or was cut off")
    if isinstance(record, BrokenRecord):
        return Verdict(UNFINISHED, reason=record.reason)
    stage = _stage_of(line, record)
    if record.error is not None:
        error, cause = record.error.error, record.error.cause
        return Verdict(FAILED, stage, error, _timeout_reason(line, error, stage) or reason_of(error, cause))
    if not succeeded(record) and record.transform:
        status = record.transform.status
        reason = f"batch transform job {line.transform_job_name} ended as {status}"
        return Verdict(FAILED, stage, f"TransformJob{status}", reason)
    return Verdict(SUCCEEDED, stage)


def _stage_of(line: Line, record: Record) -> str:
    """Return the state in which the item ended: the first one whose result is missing, else the last."""
    if line.error is not None or record.unchanged is not None:
        return PREPARATION_STAGE
    if line.training_job is not None and record.training is None:
        return TRAINING_STAGE
    if record.model is None:
        return MODEL_STAGE
    return TRANSFORM_STAGE


def _timeout_reason(line: Line, error: str, stage: str) -> str | None:
    """Return the reason for a job that took too long: the Cause of States.Timeout does not name the job."""
    if error != "States.Timeout":
        return None
    if stage == TRAINING_STAGE and line.training_job_name:
        return timeout_reason("training", line.training_job_name, line.training_timeout_seconds)
    if stage == TRANSFORM_STAGE and line.transform_job_name:
        return timeout_reason("transform", line.transform_job_name, line.transform_timeout_seconds)
    return None
