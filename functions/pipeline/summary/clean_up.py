"""Stops the jobs that a run has left running in SageMaker, and deletes its models."""

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

# Calls at once; SageMaker accepts a few a second.
PARALLEL_CALLS = 4


@dataclass
class Removed:
    """The names of the removed resources.

    Attributes:
        models: SageMaker models that were deleted.
        training_jobs: training jobs that were stopped.
        transform_jobs: batch transform jobs that were stopped.
        problems: a sentence for each resource that could not be listed or removed.
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
    """Stop the run's running jobs, and delete its models.

    Only resources that the run's work list names are removed, and no job whose tags name another run. Failures are
    returned as problems, not raised, because they must not change the run's verdict.

    Args:
        sagemaker: SageMaker client.
        run_id: the run; the names of all its jobs and models contain the timestamp at the start of its id.
        lines: its work list.
        models: whether to delete models.
        jobs: whether to stop jobs; if all items have succeeded, no job is running.
        seconds_left: returns the remaining time; resources that remain at 0 are reported as problems.
    """
    removed = Removed()

    def remove(kind: Kind, names: set[str | None]) -> list[str]:
        return _remove(sagemaker, kind, run_id, names, removed.problems, seconds_left)

    if jobs:
        # Before the models, because a running job needs its model.
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
    """Remove the resources of `names` that exist; return the names of those that were removed."""

    def remove_one(name: str, arn: str | None) -> bool:
        if seconds_left() <= 0:
            problems.append(f"{kind.noun} {name}: no time was left to remove it")
            return False
        try:
            if arn is not None and not _is_of_run(sagemaker, arn, run_id):
                problems.append(f"{kind.noun} {name} was left alone: its tags do not name this run")
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
    existing = {name: arn for name, arn in listed.items() if name in names}
    with ThreadPoolExecutor(PARALLEL_CALLS) as pool:
        removed = pool.map(remove_one, existing.keys(), existing.values())
        return [name for name, was_removed in zip(existing, removed, strict=True) if was_removed]


def _is_of_run(sagemaker: SageMakerClient, arn: str, run_id: str) -> bool:
    """Return whether the job is the run's; an execution of the same millisecond may have created one of the same name."""
    return sagemaker_api.tags_of(sagemaker, arn).get(RUN_TAG) == naming.tag_value(run_id)
