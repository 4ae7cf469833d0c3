"""Jobs that run an image in an account with a plan: its pace, and what goes wrong with their runs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from emulator.account.plan import CAPACITY_ERROR, INTERNAL_SERVER_ERROR, Account, Fault, JobOutcome
from emulator.sagemaker.limits import Limits

GROUP = "/aws/sagemaker/TrainingJobs"
SCALE = 60.0
BROKEN = JobOutcome(status="Failed", failure_reason=INTERNAL_SERVER_ERROR)


BROKEN_LATER = BROKEN.model_copy(update={"run_seconds": 60.0})


def of_training(name: str, outcome: JobOutcome, *attempts: int) -> Fault:
    return Fault(action="TrainingJob", name=f"{name}-*", attempts=attempts, job=outcome)


@pytest.fixture(scope="module")
def account() -> Account:
    """Each fault is for the jobs of one test."""
    return Account(
        time_scale=SCALE,
        faults=[
            of_training(
                "algorithm", JobOutcome(status="Failed", failure_reason="AlgorithmError: bad, exit code: 1")
            ),
            of_training("capacity", JobOutcome(status="Failed", failure_reason=CAPACITY_ERROR, start_seconds=30)),
            of_training("stopped", JobOutcome(status="Stopped")),
            of_training("longer", JobOutcome(run_seconds=120)),
            of_training("endless", JobOutcome(run_seconds=36_000)),
            of_training("empty", JobOutcome(without_artifact=True)),
            of_training("broken", BROKEN),
            of_training("second", BROKEN_LATER, 1),
            of_training("third", BROKEN_LATER, 1, 2),
            of_training("third", JobOutcome(run_seconds=100), 3),
            of_training("late", BROKEN.model_copy(update={"run_seconds": 36_000})),
            Fault(action="TransformJob", name="broken-*", job=BROKEN),
            Fault(action="TransformJob", name="empty-*", job=JobOutcome(without_artifact=True)),
            Fault(action="TransformJob", name="longer-*", job=JobOutcome(run_seconds=120)),
        ],
    )


@pytest.fixture(scope="module")
def limits() -> Limits:
    """SageMaker's own patience with a stop, in AWS seconds."""
    return Limits(health_check=10.0)


def train(bench: Any, name: str, algorithm: str = "good", **changes: Any) -> dict[str, Any]:
    changes = {"StoppingCondition": {"MaxRuntimeInSeconds": 3600}, **changes}
    described: dict[str, Any] = bench.train(algorithm, TrainingJobName=bench.name(name), **changes)
    return described


def phases(described: dict[str, Any]) -> list[str]:
    return [one["Status"] for one in described["SecondaryStatusTransitions"]]


def test_the_runtime_limit_passes_at_the_accounts_pace(bench: Any) -> None:
    began = time.monotonic()
    described = train(bench, "slow", "deaf", StoppingCondition={"MaxRuntimeInSeconds": 60})
    took = time.monotonic() - began
    assert described["SecondaryStatus"] == "MaxRuntimeExceeded"
    # A second for the limit, two for the 120 that AWS waits after SIGTERM.
    assert 3.0 <= took < 15.0
    assert described["BillableTimeInSeconds"] >= 180


@pytest.mark.parametrize("name", ["algorithm", "capacity"])
def test_a_run_that_fails_by_plan_runs_no_image(bench: Any, name: str) -> None:
    described = train(bench, name)
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"] in {"AlgorithmError: bad, exit code: 1", CAPACITY_ERROR}
    assert ("TrainingStartTime" in described) == (name == "algorithm")
    lasted = (described["TrainingEndTime"] - described["CreationTime"]).total_seconds()
    assert (lasted >= 30 / SCALE) == (name == "capacity")
    assert bench.keys(f"models/{described['TrainingJobName']}/") == []
    streams = bench.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    if streams:
        found = bench.logs.describe_log_streams(
            logGroupName=GROUP, logStreamNamePrefix=f"{described['TrainingJobName']}/"
        )
        assert found["logStreams"] == []


def test_a_job_is_stopped_by_someone(bench: Any) -> None:
    described = train(bench, "stopped")
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "Stopping" in phases(described)


def test_a_job_takes_longer_than_its_image(bench: Any) -> None:
    described = train(bench, "longer")
    assert described["TrainingJobStatus"] == "Completed"
    assert 120 <= described["TrainingTimeInSeconds"] < 1200
    assert bench.keys(f"models/{described['TrainingJobName']}/output/") == ["model.tar.gz", "output.tar.gz"]


def test_a_job_that_would_take_too_long_meets_its_limit(bench: Any) -> None:
    described = train(bench, "endless", StoppingCondition={"MaxRuntimeInSeconds": 120})
    assert described["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_a_stop_ends_the_wait_of_a_long_job(bench: Any) -> None:
    request = bench.training_request(
        TrainingJobName=bench.name("endless"), StoppingCondition={"MaxRuntimeInSeconds": 86_400}
    )
    bench.sagemaker.create_training_job(**request)
    bench.wait_for_line(GROUP, request["TrainingJobName"], "epoch 2")
    bench.sagemaker.stop_training_job(TrainingJobName=request["TrainingJobName"])
    assert bench.wait_training(request["TrainingJobName"], seconds=10)["SecondaryStatus"] == "Stopped"


def test_a_completed_job_can_lack_its_model(bench: Any) -> None:
    described = train(bench, "empty")
    assert described["TrainingJobStatus"] == "Completed"
    assert bench.keys(f"models/{described['TrainingJobName']}/output/") == ["output.tar.gz"]


def test_an_internal_error_is_tried_again_as_often_as_the_retry_strategy_says(bench: Any) -> None:
    described = train(bench, "broken", RetryStrategy={"MaximumRetryAttempts": 2})
    assert (described["TrainingJobStatus"], described["FailureReason"]) == ("Failed", INTERNAL_SERVER_ERROR)
    assert phases(described) == [*["Starting"] * 3, "Failed"]
    assert described["RetryStrategy"] == {"MaximumRetryAttempts": 2}


def test_a_later_attempt_runs_the_image(bench: Any) -> None:
    described = train(bench, "second", RetryStrategy={"MaximumRetryAttempts": 1})
    assert described["TrainingJobStatus"] == "Completed"
    assert described["TrainingTimeInSeconds"] >= 60
    assert "model.tar.gz" in bench.keys(f"models/{described['TrainingJobName']}/output/")


def test_all_attempts_of_a_job_share_its_runtime(bench: Any) -> None:
    # The last attempt would take 100 seconds, of which the two before it have left 30 at most.
    limit = {"MaxRuntimeInSeconds": 150}
    described = train(bench, "third", StoppingCondition=limit, RetryStrategy={"MaximumRetryAttempts": 2})
    assert described["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_a_run_that_would_fail_later_meets_its_limit_first(bench: Any) -> None:
    described = train(bench, "late", StoppingCondition={"MaxRuntimeInSeconds": 60})
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def transform(bench: Any, name: str) -> dict[str, Any]:
    request = bench.transform_request(bench.model(), bench.put("in/a.csv", "1\n2\n"))
    request["TransformJobName"] = bench.name(name)
    request["TransformOutput"]["S3OutputPath"] = f"s3://bucket/out/{request['TransformJobName']}"
    bench.sagemaker.create_transform_job(**request)
    described: dict[str, Any] = bench.wait_transform(request["TransformJobName"])
    return described


def test_transforms_go_as_planned(bench: Any) -> None:
    broken = transform(bench, "broken")
    assert (broken["TransformJobStatus"], broken["FailureReason"]) == ("Failed", INTERNAL_SERVER_ERROR)
    empty = transform(bench, "empty")
    assert empty["TransformJobStatus"] == "Completed"
    assert bench.keys(f"out/{empty['TransformJobName']}/") == []
    longer = transform(bench, "longer")
    assert bench.keys(f"out/{longer['TransformJobName']}/") == ["a.csv.out"]
    lasted = (longer["TransformEndTime"] - longer["TransformStartTime"]).total_seconds()
    assert lasted >= 120 / SCALE
