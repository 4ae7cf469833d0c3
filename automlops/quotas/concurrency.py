"""How many items at once keep an account's instances busy, at the durations that the last run's jobs had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from automlops.aws.stored_runs import list_runs, parse_manifest, read_manifest
from automlops.errors import RunBrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3 import S3Client

    from pipeline.documents import Job
    from pipeline.manifest import Manifest

# SageMaker takes about one create call a second of each kind. Jobs that start further apart than this are seldom refused
# so often that an item's retries end: docs/decisions/0026.
SECONDS_BETWEEN_JOBS = 4.0
# What a job is taken to last where no run tells.
ASSUMED_SECONDS = 300.0
# An instance alone takes longer to start; jobs as short as this ran on the emulator, and tell nothing of AWS.
TOO_SHORT_SECONDS = 30.0
# How many runs, from the newest back, are looked into for durations.
RUNS_READ = 10


@dataclass(frozen=True)
class Durations:
    """How long a job holds its instance on average, in seconds.

    Attributes:
        training: of a training.
        transform: of a batch transform.
        run_id: the run that tells; empty where both are assumed.
    """

    training: float = ASSUMED_SECONDS
    transform: float = ASSUMED_SECONDS
    run_id: str = ""


def fitting_to_train(training: float, transform: float, durations: Durations) -> int:
    """How many items at once keep both uses busy, when each trains and then scores.

    The slower use sets how many items pass in a second; as many as pass while one item is on its way are under way.

    Args:
        training: instances for trainings at the same time; math.inf if unknown.
        transform: instances for transforms at the same time; math.inf if unknown.
        durations: how long the jobs last.
    """
    per_second = min(training / durations.training, transform / durations.transform, 1 / SECONDS_BETWEEN_JOBS)
    return _at_least(per_second * (durations.training + durations.transform))


def fitting_to_score(transform: float, durations: Durations) -> int:
    """How many items at once keep the instances for transforms busy, when items have no training."""
    return _at_least(min(transform, durations.transform / SECONDS_BETWEEN_JOBS))


def instances_needed(items: int, durations: Durations) -> tuple[int, int]:
    """Instances for trainings and for transforms that keep so many items at once from waiting for any."""
    per_second = min(items / (durations.training + durations.transform), 1 / SECONDS_BETWEEN_JOBS)
    return _at_least(per_second * durations.training), _at_least(per_second * durations.transform)


def read_durations(s3: S3Client, bucket: str) -> Durations:
    """How long jobs lasted in the newest of the last runs that had both kinds; assumed if there is none.

    Args:
        s3: S3 client.
        bucket: the stack's output bucket.

    Raises:
        ServiceError: the runs may not be read.
    """
    for run_id in list_runs(s3, bucket)[::-1][:RUNS_READ]:
        content = read_manifest(s3, bucket, run_id)
        if content is None:
            # The run is under way or was stopped.
            continue
        try:
            durations = durations_of(parse_manifest(content))
        except RunBrokenError:
            # Advice can do without it.
            continue
        if durations:
            return durations
    return Durations()


def durations_of(manifest: Manifest) -> Durations | None:
    """The mean durations of the manifest's jobs; None unless it tells of both kinds, and they may be AWS's."""
    training = _mean_seconds(item.training for item in manifest.items)
    transform = _mean_seconds(item.transform for item in manifest.items)
    if training is None or transform is None or min(training, transform) < TOO_SHORT_SECONDS:
        return None
    return Durations(training, transform, manifest.run_id)


def _mean_seconds(jobs: Iterable[Job | None]) -> float | None:
    # A job counts against the quota from the moment at which it is accepted.
    seconds = [
        (job.ended_at - begun).total_seconds()
        for job in jobs
        if job and job.ended_at and (begun := job.created_at or job.started_at)
    ]
    return fmean(seconds) if seconds else None


def _at_least(number: float) -> int:
    # 20 / 300 * 600 is not quite 40 in floating point.
    return math.ceil(round(number, 6))
