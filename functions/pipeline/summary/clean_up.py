"""Removes what a run has left in SageMaker: jobs that still run, and models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import naming
from pipeline.aws import sagemaker_api
from pipeline.aws.sagemaker_api import MODELS, TRAINING_JOBS, TRANSFORM_JOBS, Kind
from pipeline.errors import PipelineError
from pipeline.jobs.sagemaker_requests import RUN_TAG

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.work_list import Line

# Calls under way at once; SageMaker takes a few a second.
PARALLEL_CALLS = 4


@dataclass
class Removed:
    """What was removed, by name.

    Attributes:
        models: SageMaker models that were deleted.
        training_jobs: training jobs that were stopped.
        transform_jobs: batch transform jobs that were stopped.
        problems: what could not be listed or removed, a sentence each.
    """

    models: list[str] = field(default_factory=list)
    training_jobs: list[str] = field(default_factory=list)
    transform_jobs: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def clean_up(
    sagemaker: SageMakerClient,
    run_id: str,
    lines: Sequence[Line],
    *,
    models: bool,
    jobs: bool,
    seconds_left: Callable[[], float] = lambda: math.inf,
) -> Removed:
    """Stops the run's jobs that still run, and deletes its models that still exist.

    Only what the run's work list names is removed, and no job whose tags say that it is another run's. Failures are
    returned as problems, not raised: they must not change the verdict of the run.

    Args:
        sagemaker: SageMaker client.
        run_id: the run; the names of all that it creates contain the timestamp that its id begins with.
        lines: its work list.
        models: whether models are deleted.
        jobs: whether jobs are stopped; a run all of whose items have succeeded has none that run.
        seconds_left: how much time is left; once there is none, what remains becomes a problem.
    """
    removed = Removed()

    def remove(kind: Kind, names: set[str | None]) -> list[str]:
        return _remove(sagemaker, kind, run_id, names, removed.problems, seconds_left)

    if jobs:
        # Before the models: a job that runs needs its model.
        started = {line.training_job_name for line in lines if line.training_job is not None}
        removed.training_jobs += remove(TRAINING_JOBS, started)
        removed.transform_jobs += remove(TRANSFORM_JOBS, {line.transform_job_name for line in lines})
    if models:
        removed.models += remove(MODELS, {line.model_name for line in lines})
    return removed


def _remove(
    sagemaker: SageMakerClient,
    kind: Kind,
    run_id: str,
    names: set[str | None],
    problems: list[str],
    seconds_left: Callable[[], float],
) -> list[str]:
    """Removes what SageMaker lists of `names`; returns the names of what was removed."""

    def remove_one(name: str, arn: str | None) -> bool:
        if seconds_left() <= 0:
            problems.append(f"{kind.noun} {name}: no time was left to remove it")
            return False
        try:
            if arn is not None and not _is_of_run(sagemaker, arn, run_id):
                problems.append(f"{kind.noun} {name} was left alone: by its tags it is not this run's")
                return False
            return sagemaker_api.remove(sagemaker, kind, name)
        except PipelineError as error:
            problems.append(str(error))
            return False

    try:
        listed = sagemaker_api.list_removable(sagemaker, kind, name_contains=run_id.partition("-")[0])
    except PipelineError as error:
        problems.append(str(error))
        return []
    found = {name: arn for name, arn in listed.items() if name in names}
    with ThreadPoolExecutor(PARALLEL_CALLS) as pool:
        removed = pool.map(remove_one, found.keys(), found.values())
        return [name for name, was_removed in zip(found, removed, strict=True) if was_removed]


def _is_of_run(sagemaker: SageMakerClient, arn: str, run_id: str) -> bool:
    """Whether the job is the run's: another execution of the same millisecond may have created it under the same name."""
    return sagemaker_api.tags_of(sagemaker, arn).get(RUN_TAG) == naming.tag_value(run_id)
