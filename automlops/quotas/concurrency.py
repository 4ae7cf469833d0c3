"""Computes how many items at once keep an account's instances busy, from the durations of the last run's jobs."""

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

# SageMaker accepts about one create call a second of each kind. At this distance between starts, an item seldom uses up
# its retries: docs/decisions/0026.
SECONDS_BETWEEN_JOBS = 4.0
# The assumed duration of a job where no run has one.
ASSUMED_SECONDS = 300.0
# On AWS the start of an instance alone takes longer: shorter jobs ran on the emulator.
TOO_SHORT_SECONDS = 30.0
# Number of runs that are searched for durations, the latest first.
RUNS_READ = 10


@dataclass(frozen=True)
class Durations:
    """The mean time that a job holds its instance, in seconds.

    Attributes:
        training: of a training job.
        transform: of a batch transform job.
        run_id: the run with these jobs; "" where both durations are assumed.
    """

    training: float = ASSUMED_SECONDS
    transform: float = ASSUMED_SECONDS
    run_id: str = ""


def fitting_to_train(training: float, transform: float, durations: Durations) -> int:
    """Return how many items at once keep the instances of both uses busy, when each item trains and then scores.

    The slower use limits the items that finish per second. That rate times an item's duration is the number at once.

    Args:
        training: quota of instances for training; math.inf if unknown.
        transform: quota of instances for batch transform; math.inf if unknown.
        durations: the mean durations of the jobs.
    """
    per_second = min(training / durations.training, transform / durations.transform, 1 / SECONDS_BETWEEN_JOBS)
    return _at_least(per_second * (durations.training + durations.transform))


def fitting_to_score(transform: float, durations: Durations) -> int:
    """Return how many items at once keep the instances for batch transform busy, when no item trains."""
    return _at_least(min(transform, durations.transform / SECONDS_BETWEEN_JOBS))


def instances_needed(items: int, durations: Durations) -> tuple[int, int]:
    """Return the instances for training and for batch transform that `items` at once need not to wait."""
    per_second = min(items / (durations.training + durations.transform), 1 / SECONDS_BETWEEN_JOBS)
    return _at_least(per_second * durations.training), _at_least(per_second * durations.transform)


def read_durations(s3: S3Client, bucket: str) -> Durations:
    """Return the durations of the latest run with jobs of both kinds; assumed ones if there is none.

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
            # The advice does not depend on this run.
            continue
        if durations:
            return durations
    return Durations()


def durations_of(manifest: Manifest) -> Durations | None:
    """Return the mean durations of the manifest's jobs; None if a kind is missing or the jobs cannot be AWS's."""
    training = _mean_seconds(item.training for item in manifest.items)
    transform = _mean_seconds(item.transform for item in manifest.items)
    if training is None or transform is None or min(training, transform) < TOO_SHORT_SECONDS:
        return None
    return Durations(training, transform, manifest.run_id)


def _mean_seconds(jobs: Iterable[Job | None]) -> float | None:
    # A job counts against the quota from the time at which it is accepted.
    seconds = [
        (job.ended_at - accepted).total_seconds()
        for job in jobs
        if job and job.ended_at and (accepted := job.created_at or job.started_at)
    ]
    return fmean(seconds) if seconds else None


def _at_least(number: float) -> int:
    # In floating point 20 / 300 * 600 is slightly more than 40.
    return math.ceil(round(number, 6))
