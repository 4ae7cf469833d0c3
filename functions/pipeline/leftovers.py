"""Removes what a run has left behind in SageMaker: models that nobody needs any more, jobs that nobody waits for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botocore.exceptions import ClientError

from pipeline import aws, naming, requests
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.work_list import Line

# Calls under way at once; SageMaker takes a few a second.
PARALLEL_CALLS = 4
PAGE = 100
# SageMaker's answer about a job that has ended or a model that is gone; their names were just listed.
_ENDED_OR_GONE = frozenset({"ValidationException", "ResourceNotFound"})


@dataclass
class Leftovers:
    """What was found and removed, by name.

    Attributes:
        models: SageMaker models that were deleted.
        training_jobs: training jobs that were told to stop.
        transform_jobs: batch transform jobs that were told to stop.
        problems: what could not be looked for or removed, a sentence each.
    """

    models: list[str] = field(default_factory=list)
    training_jobs: list[str] = field(default_factory=list)
    transform_jobs: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _Kind(NamedTuple):
    """Things of one kind, and the calls of SageMaker that list and remove them.

    Attributes:
        words: what they are called.
        listing: the operation that lists them.
        filters: what it is asked for beside the name.
        entries: where its answer has them.
        key: where an entry, and the call that removes it, has the name.
        removal: the operation that removes one.
        arn: where an entry has the ARN, of what is removed only if its tag says that it is the run's.
    """

    words: str
    listing: Literal["list_models", "list_training_jobs", "list_transform_jobs"]
    filters: dict[str, str]
    entries: str
    key: str
    removal: str
    arn: str | None = None


_RUNNING = {"StatusEquals": "InProgress"}
_TRAINING_JOBS = _Kind(
    "training job",
    "list_training_jobs",
    _RUNNING,
    "TrainingJobSummaries",
    "TrainingJobName",
    "stop_training_job",
    "TrainingJobArn",
)
_TRANSFORM_JOBS = _Kind(
    "transform job",
    "list_transform_jobs",
    _RUNNING,
    "TransformJobSummaries",
    "TransformJobName",
    "stop_transform_job",
    "TransformJobArn",
)
_MODELS = _Kind("model", "list_models", {}, "Models", "ModelName", "delete_model")


def remove_leftovers(
    sagemaker: SageMakerClient,
    run_id: str,
    lines: Sequence[Line],
    *,
    models: bool,
    jobs: bool,
    seconds_left: Callable[[], float] = lambda: math.inf,
) -> Leftovers:
    """Stops the run's jobs that still run, and deletes its models that are still there.

    Nothing is touched that the run's work list does not name, and no job that is another run's by its tag. What goes wrong
    is told, not raised: the run has ended whatever becomes of its leftovers.

    Args:
        sagemaker: SageMaker client.
        run_id: the run; the names of all that it makes hold the timestamp that its id begins with.
        lines: its work list.
        models: whether models are deleted.
        jobs: whether jobs are stopped; a run all of whose items have succeeded has none that run.
        seconds_left: how much time there is; with none left, the rest is told as a problem.
    """
    found = Leftovers()

    def remove(kind: _Kind, names: set[str | None]) -> list[str]:
        return _remove(sagemaker, kind, run_id, names, found.problems, seconds_left)

    if jobs:
        # Before the models: a job that runs needs its model.
        started = {line.training_job_name for line in lines if line.training_job is not None}
        found.training_jobs += remove(_TRAINING_JOBS, started)
        found.transform_jobs += remove(_TRANSFORM_JOBS, {line.transform_job_name for line in lines})
    if models:
        found.models += remove(_MODELS, {line.model_name for line in lines})
    return found


def _remove(
    sagemaker: SageMakerClient,
    kind: _Kind,
    run_id: str,
    names: set[str | None],
    problems: list[str],
    seconds_left: Callable[[], float],
) -> list[str]:
    """The names of what was removed, of those in `names` that SageMaker lists."""

    def remove_one(entry: dict[str, Any]) -> bool:
        name = entry[kind.key]
        if seconds_left() <= 0:
            problems.append(f"{kind.words} {name}: no time was left to remove it")
            return False
        try:
            if kind.arn is not None and not _is_of_run(sagemaker, entry[kind.arn], run_id):
                problems.append(f"{kind.words} {name} was left alone: by its tags it is not this run's")
                return False
            with aws.translated(f"removing {kind.words} {name}"):
                try:
                    getattr(sagemaker, kind.removal)(**{kind.key: name})
                except ClientError as error:
                    if aws.code_of(error) in _ENDED_OR_GONE:
                        return False
                    raise
        except PipelineError as error:
            problems.append(str(error))
            return False
        return True

    try:
        with aws.translated(f"looking for {kind.words}s that are left of the run"):
            # boto3's stubs know each list by a literal only.
            paginator: Any = sagemaker.get_paginator(kind.listing)
            pages = paginator.paginate(
                NameContains=run_id.partition("-")[0], PaginationConfig={"PageSize": PAGE}, **kind.filters
            )
            left = [entry for page in pages for entry in page[kind.entries] if entry[kind.key] in names]
    except PipelineError as error:
        problems.append(str(error))
        return []
    with ThreadPoolExecutor(PARALLEL_CALLS) as pool:
        return [
            entry[kind.key] for entry, removed in zip(left, pool.map(remove_one, left), strict=True) if removed
        ]


def _is_of_run(sagemaker: SageMakerClient, arn: str, run_id: str) -> bool:
    """Whether the job is the run's: another execution of the same millisecond may have made it under the same name."""
    return aws.tags_of(sagemaker, arn).get(requests.RUN_TAG) == naming.tag_value(run_id)
