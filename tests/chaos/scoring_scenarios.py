"""Scenarios in which the model, the scoring, the removal of the model or the record meets faults."""

from __future__ import annotations

from emulator.account.plan import CAPACITY_ERROR, INTERNAL_SERVER_ERROR, JobOutcome
from tests.chaos.scenario import (
    BROKEN,
    CLIENTS_ATTEMPTS,
    DENIED,
    DIED,
    FAILED,
    FORBIDDEN,
    INVALID,
    QUOTA_FULL,
    S3_CLIENTS_ATTEMPTS,
    SERVICE_EXCEPTION,
    SLOW_DOWN,
    STOPPED,
    THROTTLED,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    UNFINISHED,
    Scenario,
    create_training,
    create_transform,
    failed,
    invoke_create_model,
    objects,
    put_record,
    sagemaker,
    transform_run,
)
from tests.chaos.training_scenarios import AT_MOST, ENDLESS, GENERIC, LONG

CREATE, TRANSFORM, STOP = "CreateModel", "StartBatchTransformJob", "StopBatchTransformJob"
LATEST = "analysis_predicted/{item}/latest.json"

# The function aws_create_model, and what it calls.
MODEL = [
    Scenario("model-busy-3", [invoke_create_model(1, 2, 3, error=TOO_MANY_REQUESTS)], calls={CREATE: 4}),
    Scenario(
        "model-busy-always",
        [invoke_create_model(error=TOO_MANY_REQUESTS)],
        status=FAILED, stage=CREATE, error="Lambda.TooManyRequestsException", words=["Rate Exceeded"],
        transform=None, calls={CREATE: 31}, sampled=False,
    ),
    Scenario("model-service-1", [invoke_create_model(1, error=SERVICE_EXCEPTION)], calls={CREATE: 2}),
    Scenario(
        "model-service-always",
        [invoke_create_model(error=SERVICE_EXCEPTION)],
        status=FAILED, stage=CREATE, error="Lambda.ServiceException", words=["An error occurred"],
        transform=None, calls={CREATE: 7},
    ),
    Scenario("model-slow-1", [invoke_create_model(1, function=TIMED_OUT)], calls={CREATE: 2}),
    Scenario(
        "model-slow-always",
        [invoke_create_model(function=TIMED_OUT)],
        status=FAILED, stage=CREATE, error="Sandbox.Timedout", words=["timed out"],
        transform=None, calls={CREATE: 7}, sampled=False,
    ),
    Scenario("model-dies-1", [invoke_create_model(1, function=DIED)], calls={CREATE: 2}),
    Scenario(
        "model-dies-always",
        [invoke_create_model(function=DIED)],
        status=FAILED, stage=CREATE, error="Runtime.ExitError",
        transform=None, calls={CREATE: 7}, sampled=False,
    ),
    # It made the model and latest.json, and nobody heard of it: the second attempt finds its own.
    Scenario("model-lost-1", [invoke_create_model(1, function=TIMED_OUT, lost=True)], calls={CREATE: 2}),
    Scenario(
        "model-lost-2",
        [invoke_create_model(1, 2, error=SERVICE_EXCEPTION, lost=True)],
        calls={CREATE: 3}, sampled=False,
    ),
    Scenario("model-api-unheard", [sagemaker("CreateModel", BROKEN, 1, lost=True)], calls={CREATE: 1}),
    Scenario("model-api-away", [sagemaker("CreateModel", UNAVAILABLE, *CLIENTS_ATTEMPTS)], calls={CREATE: 2}, sampled=False),
    Scenario(
        "model-api-throttle",
        [sagemaker("CreateModel", THROTTLED, *CLIENTS_ATTEMPTS)],
        calls={CREATE: 2},
        sampled=False,
    ),
    Scenario(
        "model-api-denied",
        [sagemaker("CreateModel", DENIED)],
        status=FAILED, stage=CREATE, error="ServiceRefusedError", words=["not authorized"],
        transform=None, calls={CREATE: 1}, lasts=True,
    ),
    # PrepareRun looks for earlier predictions, and does without where it cannot.
    Scenario("latest-unread-at-first", [objects("GetObject", LATEST, *S3_CLIENTS_ATTEMPTS)], calls={CREATE: 1}),
    Scenario(
        "latest-slow-read",
        [objects("GetObject", LATEST, *(attempt + 1 for attempt in S3_CLIENTS_ATTEMPTS))],
        calls={CREATE: 2}, sampled=False,
    ),
    Scenario(
        "latest-slow-write",
        [objects("PutObject", LATEST, *S3_CLIENTS_ATTEMPTS)],
        calls={CREATE: 2},
        sampled=False,
    ),
    # The model is there when its step fails, and no state of the item's own removes it.
    Scenario(
        "latest-denied",
        [objects("PutObject", LATEST, error=FORBIDDEN)],
        status=FAILED, stage=CREATE, error="ServiceRefusedError", words=["latest.json"],
        transform=None, calls={CREATE: 1}, lasts=True,
    ),
    Scenario(
        "artifact-slow",
        [objects("HeadObject", "analysis_predicted/{item}/*/model.tar.gz", *S3_CLIENTS_ATTEMPTS)],
        calls={CREATE: 2},
        sampled=False,
    ),
]  # fmt: skip

REFUSED = [
    Scenario("score-throttle-1", [create_transform(THROTTLED, 1)], calls={TRANSFORM: 2}),
    Scenario("score-throttle-3", [create_transform(THROTTLED, 1, 2, 3)], calls={TRANSFORM: 4}, sampled=False),
    Scenario(
        "score-throttle-always",
        [create_transform(THROTTLED)],
        status=FAILED, error=GENERIC, words=["Rate exceeded"], transform=None, calls={TRANSFORM: AT_MOST},
    ),
    Scenario("score-quota-12", [create_transform(QUOTA_FULL, *range(1, 13))], calls={TRANSFORM: 13}, sampled=False),
    Scenario(
        "score-denied",
        [create_transform(DENIED)],
        status=FAILED, error=GENERIC, words=["not authorized"], transform=None, calls={TRANSFORM: AT_MOST},
        sampled=False,
    ),
    Scenario(
        "score-invalid",
        [create_transform(INVALID)],
        status=FAILED, error=GENERIC, words=["no such role"], transform=None, calls={TRANSFORM: AT_MOST},
        sampled=False,
    ),
    Scenario("score-broken-1", [create_transform(BROKEN, 1)], calls={TRANSFORM: 2}, sampled=False),
    Scenario("score-unavailable-2", [create_transform(UNAVAILABLE, 1, 2)], calls={TRANSFORM: 3}),
    # The job is there although nobody heard of it, and is followed to its end.
    Scenario(
        "score-lost",
        [create_transform(BROKEN, 1, lost=True), transform_run(LONG)],
        calls={TRANSFORM: 2, STOP: 0, "DeleteModel": 1},
    ),
    Scenario(
        "score-lost-last",
        [create_transform(THROTTLED, *range(1, AT_MOST)), create_transform(BROKEN, AT_MOST, lost=True)],
        calls={TRANSFORM: AT_MOST, STOP: 0}, sampled=False,
    ),
    Scenario(
        "score-lost-throttled",
        [create_transform(BROKEN, 1, lost=True), sagemaker("DescribeTransformJob", THROTTLED, *CLIENTS_ATTEMPTS)],
        calls={TRANSFORM: 2, STOP: 0}, sampled=False,
    ),
    Scenario(
        "score-lost-fails",
        [create_transform(BROKEN, 1, lost=True), transform_run(failed("AlgorithmError: bad line 3, exit code: 1"))],
        status=FAILED, error="JobFailedError", words=["bad line 3"],
        transform="Failed", calls={TRANSFORM: 2, STOP: 0}, lasts=True,
    ),
    # The training's answer was lost as well.
    Scenario(
        "both-lost",
        [create_training(BROKEN, 1, lost=True), create_transform(BROKEN, 1, lost=True)],
        calls={"StartTrainingJob": 2, TRANSFORM: 2}, sampled=False,
    ),
]  # fmt: skip

ENDED_BADLY = [
    Scenario(
        "score-fails",
        [transform_run(failed("AlgorithmError: bad line 3, exit code: 1"))],
        status=FAILED, error="States.TaskFailed", words=["bad line 3"],
        transform="Failed", calls={TRANSFORM: 1, "DeleteModel": 0}, lasts=True,
    ),
    Scenario(
        "score-no-capacity",
        [transform_run(failed(CAPACITY_ERROR))],
        status=FAILED, error="States.TaskFailed", words=["CapacityError"],
        transform="Failed", calls={TRANSFORM: 1}, lasts=True, sampled=False,
    ),
    Scenario(
        "score-platform",
        [transform_run(failed(INTERNAL_SERVER_ERROR))],
        status=FAILED, error="States.TaskFailed", words=["InternalServerError"],
        transform="Failed", calls={TRANSFORM: 1}, lasts=True, sampled=False,
    ),
    Scenario(
        "score-stopped",
        [transform_run(JobOutcome(status="Stopped"))],
        status=FAILED, error="States.TaskFailed", words=["ended as Stopped"],
        transform=STOPPED, calls={TRANSFORM: 1}, lasts=True,
    ),
    # A transform job has no limit of its own.
    Scenario(
        "score-overrun",
        [transform_run(ENDLESS)],
        entry={"transform": {"maxRuntimeInSeconds": 900}},
        status=FAILED, error="States.Timeout", words=["maxRuntimeInSeconds"],
        transform=STOPPED, calls={TRANSFORM: 1, STOP: 1}, lasts=True,
    ),
    Scenario(
        "score-overrun-stop-late",
        [transform_run(ENDLESS), sagemaker("StopTransformJob", BROKEN, 1, 2)],
        entry={"transform": {"maxRuntimeInSeconds": 900}},
        status=FAILED, error="States.Timeout", transform=STOPPED, calls={TRANSFORM: 1, STOP: 3}, lasts=True,
        sampled=False,
    ),
    # Only SummarizeRun gets through.
    Scenario(
        "score-overrun-stop-not",
        [transform_run(ENDLESS), sagemaker("StopTransformJob", THROTTLED, 1, 2, 3, 4, 5)],
        entry={"transform": {"maxRuntimeInSeconds": 900}},
        status=FAILED, error="States.Timeout", transform=STOPPED, calls={TRANSFORM: 1, STOP: 5}, lasts=True,
    ),
    Scenario("score-starts-late", [transform_run(JobOutcome(start_seconds=1_200))], calls={TRANSFORM: 1}),
]  # fmt: skip

REMOVAL = [
    Scenario("delete-throttle-2", [sagemaker("DeleteModel", THROTTLED, 1, 2)], calls={"DeleteModel": 3}),
    # Seven attempts of the item's own; SummarizeRun's comes next.
    Scenario("delete-not", [sagemaker("DeleteModel", DENIED, 1, 2, 3, 4, 5, 6, 7)], calls={"DeleteModel": 7}),
    Scenario(
        "delete-unheard", [sagemaker("DeleteModel", BROKEN, 1, lost=True)], calls={"DeleteModel": 7}, sampled=False
    ),
    # After a failed transform the removal is SummarizeRun's, which asks three times at most.
    Scenario(
        "delete-broken-fail",
        [
            sagemaker("DeleteModel", BROKEN, 1, 2),
            transform_run(failed("AlgorithmError: bad line 3, exit code: 1")),
        ],
        status=FAILED, error="States.TaskFailed", words=["bad line 3"],
        transform="Failed", calls={"DeleteModel": 0}, lasts=True,
    ),
]  # fmt: skip

# Seven attempts: then the child dies outside any catch, and only the items without a record tell of it.
RECORDS = [
    Scenario("record-slow-3", [put_record(1, 2, 3)], calls={"RecordSuccess": 4}),
    Scenario("record-not", [put_record()], status=UNFINISHED, stage=None, words=["no record"], calls={"RecordSuccess": 7}),
    Scenario(
        "record-unheard",
        [put_record(1, error=BROKEN, lost=True)],
        calls={"RecordSuccess": 2}, rewrites=True,
    ),
    Scenario(
        "record-slow-train-fail",
        [create_training(DENIED), put_record(1, 2, 3)],
        status=FAILED, stage="StartTrainingJob", error=GENERIC, words=["not authorized"],
        training=None, transform=None, calls={"RecordFailure": 4}, keeps_training=False, sampled=False,
    ),
    Scenario(
        "record-not-train-fail",
        [create_training(DENIED), put_record()],
        status=UNFINISHED, stage=None, words=["no record"],
        training=None, transform=None, calls={"RecordFailure": 7}, keeps_training=False, sampled=False,
    ),
    Scenario(
        "record-not-model-fail",
        [invoke_create_model(error=SERVICE_EXCEPTION), put_record(error=FORBIDDEN)],
        status=UNFINISHED, stage=None, words=["no record"], transform=None, calls={"RecordFailure": 7},
    ),
    Scenario(
        "record-not-score-fail",
        [create_transform(DENIED), put_record(error=SLOW_DOWN)],
        status=UNFINISHED, stage=None, words=["no record"], transform=None, calls={"RecordFailure": 7},
        sampled=False,
    ),
    Scenario(
        "record-not-refused",
        [put_record()],
        has_data=False,
        status=UNFINISHED, stage=None, words=["no record"],
        training=None, transform=None, calls={"RecordFailure": 7}, keeps_training=False, lasts=True,
        sampled=False,
    ),
]  # fmt: skip

SCENARIOS = [*MODEL, *REFUSED, *ENDED_BADLY, *REMOVAL, *RECORDS]
