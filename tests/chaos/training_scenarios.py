"""Scenarios in which the training does not go as it should, or would not if nobody tried again."""

from __future__ import annotations

from emulator.account.plan import CAPACITY_ERROR, INTERNAL_SERVER_ERROR, JobOutcome
from tests.chaos.scenario import (
    BROKEN,
    DENIED,
    FAILED,
    INVALID,
    QUOTA_FULL,
    STOPPED,
    THROTTLED,
    UNAVAILABLE,
    Scenario,
    create_training,
    failed,
    sagemaker,
    training_run,
)

STAGE = "StartTrainingJob"
GENERIC = "SageMaker.AmazonSageMakerException"
# Attempts that a refusal for good costs at most, under the name that it shares with a throttle.
AT_MOST = 8
LONG = JobOutcome(run_seconds=3_000)
ENDLESS = JobOutcome(run_seconds=1_000_000)

REFUSED = [
    Scenario("train-throttle-1", [create_training(THROTTLED, 1)], calls={STAGE: 2}),
    Scenario("train-throttle-3", [create_training(THROTTLED, 1, 2, 3)], calls={STAGE: 4}, sampled=False),
    Scenario(
        "train-throttle-always",
        [create_training(THROTTLED)],
        status=FAILED, stage=STAGE, error=GENERIC, words=["Rate exceeded"],
        training=None, transform=None, calls={STAGE: AT_MOST}, keeps_training=False,
    ),
    Scenario("train-quota-1", [create_training(QUOTA_FULL, 1)], calls={STAGE: 2}, sampled=False),
    # Longer than the generic error is tried.
    Scenario("train-quota-12", [create_training(QUOTA_FULL, *range(1, 13))], calls={STAGE: 13}),
    Scenario(
        "train-quota-always",
        [create_training(QUOTA_FULL)],
        status=FAILED, stage=STAGE, error="SageMaker.ResourceLimitExceededException",
        words=["ml.m5.large for training job usage"],
        training=None, transform=None, calls={STAGE: 101}, keeps_training=False, sampled=False,
    ),
    Scenario(
        "train-quota-throttle",
        [create_training(QUOTA_FULL, 1, 3, 5, 7, 9), create_training(THROTTLED, 2, 4, 6, 8)],
        calls={STAGE: 10}, sampled=False,
    ),
    Scenario(
        "train-denied",
        [create_training(DENIED)],
        status=FAILED, stage=STAGE, error=GENERIC, words=["not authorized"],
        training=None, transform=None, calls={STAGE: AT_MOST}, keeps_training=False,
    ),
    Scenario(
        "train-invalid",
        [create_training(INVALID)],
        status=FAILED, stage=STAGE, error=GENERIC, words=["no such role"],
        training=None, transform=None, calls={STAGE: AT_MOST}, keeps_training=False, sampled=False,
    ),
    Scenario("train-broken-2", [create_training(BROKEN, 1, 2)], calls={STAGE: 3}),
    Scenario("train-unavailable", [create_training(UNAVAILABLE, 1)], calls={STAGE: 2}, sampled=False),
    Scenario("train-describe-throttle", [sagemaker("DescribeTrainingJob", THROTTLED, 1, 2)], sampled=False),
]  # fmt: skip

# The create call took effect, and nobody heard of it: the name is taken, and a job runs that nobody waits for.
UNHEARD = [
    Scenario(
        "train-lost",
        [create_training(BROKEN, 1, lost=True), training_run(LONG)],
        status=FAILED, stage=STAGE, error="SageMaker.ResourceInUseException", words=["training-job-train-lost-"],
        training=STOPPED, transform=None, calls={STAGE: 2, "StopTrainingJob": 1}, keeps_training=False,
    ),
    Scenario(
        "train-lost-stop-late",
        [create_training(BROKEN, 1, lost=True), training_run(LONG), sagemaker("StopTrainingJob", THROTTLED, 1, 2)],
        status=FAILED, stage=STAGE, error="SageMaker.ResourceInUseException",
        training=STOPPED, transform=None, calls={"StopTrainingJob": 3}, keeps_training=False, sampled=False,
    ),
]  # fmt: skip

ENDED_BADLY = [
    Scenario(
        "train-fails",
        [training_run(failed("AlgorithmError: no rows, exit code: 1"))],
        status=FAILED, stage=STAGE, error="States.TaskFailed", words=["no rows"],
        training="Failed", transform=None, calls={STAGE: 1}, lasts=True, keeps_training=False,
    ),
    Scenario(
        "train-no-capacity",
        [training_run(failed(CAPACITY_ERROR))],
        status=FAILED, stage=STAGE, error="States.TaskFailed", words=["CapacityError"],
        training="Failed", transform=None, calls={STAGE: 1}, lasts=True, keeps_training=False,
    ),
    Scenario(
        "train-stopped",
        [training_run(JobOutcome(status="Stopped"))],
        status=FAILED, stage=STAGE, error="States.TaskFailed", words=["ended as Stopped"],
        training=STOPPED, transform=None, calls={STAGE: 1}, lasts=True, keeps_training=False,
    ),
    # Nothing starts such a training again by itself; a rerun does, and completes the item.
    Scenario(
        "train-platform-1",
        [training_run(failed(INTERNAL_SERVER_ERROR), times=1)],
        status=FAILED, stage=STAGE, error="States.TaskFailed", words=["InternalServerError"],
        training="Failed", transform=None, calls={STAGE: 1}, keeps_training=False,
    ),
    Scenario(
        "train-platform-always",
        [training_run(failed(INTERNAL_SERVER_ERROR))],
        status=FAILED, stage=STAGE, error="States.TaskFailed", words=["InternalServerError"],
        training="Failed", transform=None, calls={STAGE: 1}, lasts=True, keeps_training=False, sampled=False,
    ),
    Scenario(
        "train-overrun",
        [training_run(ENDLESS)],
        entry={"training": {"maxRuntimeInSeconds": 60}},
        status=FAILED, stage=STAGE, error="States.TaskFailed", words=["MaxRuntimeExceeded"],
        training="MaxRuntimeExceeded", transform=None, calls={STAGE: 1}, lasts=True, keeps_training=False,
    ),
    # No limit of its own ends a job that does not start.
    Scenario(
        "train-never-starts",
        [training_run(JobOutcome(start_seconds=1_000_000))],
        entry={"training": {"maxRuntimeInSeconds": 60}},
        status=FAILED, stage=STAGE, error="States.Timeout", words=["maxRuntimeInSeconds"],
        training=STOPPED, transform=None, calls={STAGE: 1, "StopTrainingJob": 1}, lasts=True, keeps_training=False,
        sampled=False,
    ),
    Scenario("train-starts-late", [training_run(JobOutcome(start_seconds=1_200))], calls={STAGE: 1}),
    Scenario(
        "train-no-artifact",
        [training_run(JobOutcome(without_artifact=True))],
        status=FAILED, stage="CreateModel", error="DataNotFoundError", words=["model.tar.gz"],
        transform=None, calls={STAGE: 1, "CreateModel": 1}, lasts=True, keeps_training=False,
    ),
    Scenario(
        "no-data",
        has_data=False,
        status=FAILED, stage="PrepareRun", error="DataNotFoundError", words=["upload the item's data"],
        training=None, transform=None, calls={STAGE: 0, "RecordFailure": 1}, lasts=True, keeps_training=False,
    ),
]  # fmt: skip

SCENARIOS = [*REFUSED, *UNHEARD, *ENDED_BADLY]
