"""Scenarios in which the training does not go as it should, or would not if nobody tried again."""

from __future__ import annotations

from emulator.account.plan import CAPACITY_ERROR, INTERNAL_SERVER_ERROR, Fault, JobOutcome
from tests.chaos.scenario import (
    BROKEN,
    CLIENTS_ATTEMPTS,
    DENIED,
    FAILED,
    INVALID,
    QUOTA_FULL,
    SERVICE_EXCEPTION,
    STOPPED,
    THROTTLED,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    Scenario,
    create_training,
    failed,
    invoke_follow_job,
    sagemaker,
    training_run,
)

STAGE, FOLLOW = "StartTrainingJob", "FollowTrainingJob"
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
        training=None, transform=None, calls={STAGE: AT_MOST, FOLLOW: 1}, keeps_training=False,
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

# The create call took effect, and nobody heard of it: the name is taken, and the job is followed to its end.
UNHEARD = [
    Scenario(
        "train-lost",
        [create_training(BROKEN, 1, lost=True), training_run(LONG)],
        calls={STAGE: 2, "StopTrainingJob": 0},
    ),
    Scenario("train-lost-short", [create_training(BROKEN, 1, lost=True)], calls={STAGE: 2}, sampled=False),
    # Nor of the refusal that would have told of it.
    Scenario("train-lost-twice", [create_training(BROKEN, 1, 2, lost=True), training_run(LONG)], calls={STAGE: 3}),
    # It was accepted by the last attempt that there is, and no ResourceInUse tells of it.
    Scenario(
        "train-lost-last",
        [create_training(THROTTLED, *range(1, AT_MOST)), create_training(BROKEN, AT_MOST, lost=True)],
        calls={STAGE: AT_MOST, "StopTrainingJob": 0},
    ),
    # The job itself fills the quota, and SageMaker may ask for that before it looks at the name.
    Scenario(
        "train-lost-quota",
        [create_training(BROKEN, 1, lost=True), create_training(QUOTA_FULL, *range(2, 103))],
        calls={STAGE: 102, "StopTrainingJob": 0}, sampled=False,
    ),
    Scenario(
        "train-lost-denied",
        [create_training(BROKEN, 1, lost=True), create_training(DENIED, *range(2, AT_MOST + 1)), training_run(LONG)],
        calls={STAGE: AT_MOST, "StopTrainingJob": 0}, sampled=False,
    ),
    Scenario(
        "train-lost-throttled",
        [
            create_training(BROKEN, 1, lost=True),
            sagemaker("DescribeTrainingJob", THROTTLED, *range(1, 6)),
            Fault(action="ListTags", name="training-job-{item}-*", attempts=CLIENTS_ATTEMPTS, error=UNAVAILABLE),
        ],
        calls={STAGE: 2, "StopTrainingJob": 0}, sampled=False,
    ),
    Scenario(
        "train-lost-busy",
        [create_training(BROKEN, 1, lost=True), invoke_follow_job(1, 2, 3, error=TOO_MANY_REQUESTS)],
        calls={STAGE: 2}, sampled=False,
    ),
    Scenario(
        "train-lost-follow-lost",
        [create_training(BROKEN, 1, lost=True), invoke_follow_job(1, function=TIMED_OUT, lost=True)],
        calls={STAGE: 2},
    ),
    Scenario(
        "train-lost-fails",
        [create_training(BROKEN, 1, lost=True), training_run(failed("AlgorithmError: no rows, exit code: 1"))],
        status=FAILED, stage=STAGE, error="JobFailedError", words=["no rows"],
        training="Failed", transform=None, calls={STAGE: 2, "StopTrainingJob": 0}, lasts=True, keeps_training=False,
    ),
    Scenario(
        "train-lost-stopped",
        [create_training(BROKEN, 1, lost=True), training_run(JobOutcome(status="Stopped", run_seconds=600))],
        status=FAILED, stage=STAGE, error="JobFailedError", words=["ended as Stopped"],
        training=STOPPED, transform=None, calls={STAGE: 2, "StopTrainingJob": 0}, lasts=True, keeps_training=False,
        sampled=False,
    ),
    # Nobody can be asked whose job it is: it is left for SummarizeRun, which finds its tags.
    Scenario(
        "train-lost-unanswered",
        [create_training(BROKEN, 1, lost=True), training_run(ENDLESS, times=1), invoke_follow_job(error=SERVICE_EXCEPTION)],
        status=FAILED, stage=STAGE, error="Lambda.ServiceException",
        training=STOPPED, transform=None, calls={STAGE: 2, FOLLOW: 7, "StopTrainingJob": 0}, keeps_training=False,
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
