"""Jobs that run no image, and the clockwork that moves them on."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.base_backend import BackendDict
from moto.s3.models import s3_backends

from emulator import bucket_listing
from emulator.account.outcomes import Outcomes
from emulator.account.plan import (
    CAPACITY_ERROR,
    INTERNAL_SERVER_ERROR,
    Account,
    Fault,
    JobOutcome,
    StandInJobs,
)
from emulator.account.schedule import Schedule
from emulator.account.stand_in import StandIns
from emulator.clock import Clock
from emulator.endpoint import EmulatorSettings
from emulator.sagemaker.jobs import Job, TrainingJob, TransformJob
from emulator.sagemaker.s3_files import S3Place
from emulator.sagemaker.stored_objects import StoredObjects

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "stand-ins"
# So long that a test that waited for it would fail.
LONG = 3600.0


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[StoredObjects]:
    BackendDict.reset()
    bucket_listing.install(EmulatorSettings(port=0, work_dir=tmp_path))
    s3_backends[ACCOUNT]["aws"].create_bucket(BUCKET, REGION)
    yield StoredObjects(ACCOUNT)
    BackendDict.reset()


def wait_until_ended(job: Job, seconds: float) -> bool:
    """Whether the job ends within so many seconds."""
    ended = threading.Event()
    job.on_end(ended.set)
    return ended.wait(seconds)


class Play:
    """Stand-ins of one account, ended with the test."""

    def __init__(self) -> None:
        self.played: list[StandIns] = []

    def __call__(
        self, job: Job, *faults: Fault, seconds: float = 0.0, scale: float = 1.0, wait: float = 5.0
    ) -> dict[str, Any]:
        told = StandInJobs(training_seconds=seconds, transform_seconds=seconds)
        stand_ins = StandIns(told, Clock(scale), Outcomes(Account(faults=faults)))
        self.played.append(stand_ins)
        assert isinstance(job, TrainingJob | TransformJob)
        stand_ins.start(job, ACCOUNT, REGION)
        wait_until_ended(job, wait)
        return job.describe()


@pytest.fixture
def play(objects: StoredObjects) -> Iterator[Play]:
    del objects
    play = Play()
    yield play
    for stand_ins in play.played:
        stand_ins.shut_down(5)


def training_job(name: str = "t", scale: float = 1.0, **more: Any) -> TrainingJob:
    request = {
        "TrainingJobName": name,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "Environment": {
            "upload_sample_to_s3": "true",
            "sample_s3_bucket": BUCKET,
            "sample_s3_prefix": f"samples/{name}",
        },
        **more,
    }
    return TrainingJob(request, f"arn/{name}", Clock(scale))


def transform_job(uri: str = f"s3://{BUCKET}/in/", output: str = f"s3://{BUCKET}/out") -> TransformJob:
    request = {
        "TransformJobName": "x",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}},
        "TransformOutput": {"S3OutputPath": output},
    }
    return TransformJob(request, "arn/x", {}, None)


def keys(objects: StoredObjects) -> list[str]:
    return [file.place.key for file in objects.files(S3Place(BUCKET, ""))]


def run(outcome: JobOutcome, *, action: str = "TrainingJob") -> Fault:
    return Fault(action=action, job=outcome)


def test_a_training_leaves_a_model_and_the_sample_it_was_asked_for(objects: StoredObjects, play: Play) -> None:
    described = play(training_job())
    assert described["TrainingJobStatus"] == "Completed"
    assert [one["Status"] for one in described["SecondaryStatusTransitions"]] == [
        "Starting",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert described["ModelArtifacts"] == {"S3ModelArtifacts": f"s3://{BUCKET}/models/t/output/model.tar.gz"}
    assert keys(objects) == ["models/t/output/model.tar.gz", "samples/t/sample_prediction.csv"]
    stored = s3_backends[ACCOUNT]["aws"].get_object(BUCKET, "models/t/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(stored.value), mode="r:gz") as tar:
        assert tar.getnames() == ["model.json"]


def test_an_isolated_training_leaves_its_sample_in_its_output(objects: StoredObjects, play: Play) -> None:
    play(training_job(EnableNetworkIsolation=True))
    assert keys(objects) == ["models/t/output/model.tar.gz", "models/t/output/output.tar.gz"]
    stored = s3_backends[ACCOUNT]["aws"].get_object(BUCKET, "models/t/output/output.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(stored.value), mode="r:gz") as tar:
        assert tar.getnames() == ["sample_prediction.csv"]


def test_no_sample_is_written_unasked(objects: StoredObjects, play: Play) -> None:
    play(training_job(Environment={"upload_sample_to_s3": "false"}))
    assert keys(objects) == ["models/t/output/model.tar.gz"]


def test_a_transform_writes_one_file_for_each_input(objects: StoredObjects, play: Play) -> None:
    for key in ("in/a.csv", "in/deep/b.csv", "in/", "other/c.csv"):
        objects.put(S3Place(BUCKET, key), b"1")
    assert play(transform_job())["TransformJobStatus"] == "Completed"
    assert [key for key in keys(objects) if key.startswith("out/")] == ["out/a.csv.out", "out/deep/b.csv.out"]


def test_one_object_can_be_the_input(objects: StoredObjects, play: Play) -> None:
    for key in ("in/a.csv", "in/b.csv"):
        objects.put(S3Place(BUCKET, key), b"1")
    play(transform_job(f"s3://{BUCKET}/in/a.csv"))
    assert [key for key in keys(objects) if key.startswith("out/")] == ["out/a.csv.out"]


def test_a_transform_without_input_or_output_bucket_fails(objects: StoredObjects, play: Play) -> None:
    described = play(transform_job())
    assert described["TransformJobStatus"] == "Failed"
    assert "No S3 objects found" in described["FailureReason"]
    objects.put(S3Place(BUCKET, "in/a.csv"), b"1")
    described = play(transform_job(output="s3://nowhere/out"))
    assert described["FailureReason"].startswith("ClientError: Artifact upload failed:NoSuchBucket")


def test_a_job_runs_as_long_as_its_account_says(play: Play) -> None:
    began = time.monotonic()
    assert play(training_job(), seconds=20, scale=100)["TrainingJobStatus"] == "Completed"
    assert 0.2 <= time.monotonic() - began < 2


def test_a_stop_ends_a_waiting_job_at_once(objects: StoredObjects, play: Play) -> None:
    job = training_job()
    assert play(job, seconds=LONG, wait=0.05)["TrainingJobStatus"] == "InProgress"
    job.stop()
    assert wait_until_ended(job, 2)
    described = job.describe()
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "ModelArtifacts" in described
    assert keys(objects) == []


def test_a_job_past_its_time_is_stopped(objects: StoredObjects, play: Play) -> None:
    job = training_job(StoppingCondition={"MaxRuntimeInSeconds": 10})
    described = play(job, seconds=LONG, scale=100)
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert keys(objects) == []


def test_an_emulator_that_ends_ends_its_jobs(play: Play) -> None:
    job = training_job()
    play(job, seconds=LONG, wait=0.0)
    play.played[0].shut_down(5)
    assert job.status == "Stopped"


@pytest.mark.parametrize(
    ("outcome", "status", "started"),
    [
        pytest.param(
            JobOutcome(status="Failed", failure_reason="AlgorithmError: x"), "Failed", True, id="algorithm"
        ),
        pytest.param(JobOutcome(status="Failed", failure_reason=CAPACITY_ERROR), "Failed", False, id="capacity"),
        pytest.param(
            JobOutcome(status="Failed", failure_reason=INTERNAL_SERVER_ERROR), "Failed", True, id="internal"
        ),
        pytest.param(JobOutcome(status="Stopped"), "Stopped", True, id="stopped by someone"),
        pytest.param(JobOutcome(without_artifact=True), "Completed", True, id="nothing written"),
    ],
)
def test_a_run_goes_as_planned(
    objects: StoredObjects, play: Play, outcome: JobOutcome, status: str, *, started: bool
) -> None:
    described = play(training_job(), run(outcome))
    assert described["TrainingJobStatus"] == status
    assert described.get("FailureReason", "") == outcome.failure_reason
    assert ("TrainingStartTime" in described) == ("BillableTimeInSeconds" in described) == started
    assert keys(objects) == []


def test_transforms_fail_as_planned_too(objects: StoredObjects, play: Play) -> None:
    objects.put(S3Place(BUCKET, "in/a.csv"), b"1")
    outcome = JobOutcome(status="Failed", failure_reason="ClientError: x")
    described = play(transform_job(), run(outcome, action="TransformJob"))
    assert (described["TransformJobStatus"], described["FailureReason"]) == ("Failed", "ClientError: x")
    assert keys(objects) == ["in/a.csv"]


def test_a_fault_is_of_the_kind_of_job_it_names(play: Play) -> None:
    failing = run(JobOutcome(status="Failed", failure_reason="ClientError: x"), action="TransformJob")
    assert play(training_job(), failing)["TrainingJobStatus"] == "Completed"


def test_a_slow_start_stays_in_starting(play: Play) -> None:
    job = training_job()
    described = play(job, run(JobOutcome(start_seconds=LONG)), wait=0.1)
    assert described["SecondaryStatus"] == "Starting"
    assert "TrainingStartTime" not in described
    job.stop()
    assert wait_until_ended(job, 2)


def test_a_run_can_take_longer_than_usual(play: Play) -> None:
    assert play(training_job(), run(JobOutcome(run_seconds=LONG)), wait=0.1)["SecondaryStatus"] == "Training"


def statuses(described: dict[str, Any]) -> list[str]:
    return [one["Status"] for one in described["SecondaryStatusTransitions"]]


def test_an_internal_error_is_tried_again_as_often_as_the_retry_strategy_says(
    objects: StoredObjects, play: Play
) -> None:
    broken = JobOutcome(status="Failed", failure_reason=INTERNAL_SERVER_ERROR)
    described = play(training_job(RetryStrategy={"MaximumRetryAttempts": 2}), run(broken))
    assert (described["TrainingJobStatus"], described["FailureReason"]) == ("Failed", INTERNAL_SERVER_ERROR)
    assert statuses(described) == [*["Starting", "Training"] * 3, "Failed"]
    assert keys(objects) == []


@pytest.mark.parametrize(
    ("reason", "request_"),
    [
        (INTERNAL_SERVER_ERROR, {}),
        ("AlgorithmError: bad, exit code: 1", {"RetryStrategy": {"MaximumRetryAttempts": 2}}),
    ],
    ids=["no strategy", "the algorithm's fault"],
)
def test_no_other_failure_is_tried_again(play: Play, reason: str, request_: dict[str, Any]) -> None:
    described = play(training_job(**request_), run(JobOutcome(status="Failed", failure_reason=reason)))
    assert statuses(described) == ["Starting", "Training", "Failed"]


def test_a_later_attempt_may_succeed(play: Play) -> None:
    broken = JobOutcome(status="Failed", failure_reason=INTERNAL_SERVER_ERROR)
    fault = Fault(action="TrainingJob", attempts=[1], job=broken)
    described = play(training_job(RetryStrategy={"MaximumRetryAttempts": 5}), fault)
    assert described["TrainingJobStatus"] == "Completed"
    assert statuses(described) == [*["Starting", "Training"] * 2, "Uploading", "Completed"]


def test_all_attempts_of_a_training_share_its_limit(play: Play) -> None:
    limit, retries = {"MaxRuntimeInSeconds": 50}, {"MaximumRetryAttempts": 9}
    job = training_job(scale=100, StoppingCondition=limit, RetryStrategy=retries)
    broken = JobOutcome(status="Failed", failure_reason=INTERNAL_SERVER_ERROR, run_seconds=20)
    described = play(job, run(broken), scale=100)
    assert described["SecondaryStatus"] == "MaxRuntimeExceeded"
    # Fewer on a slow machine, for their time passes on; never more than fit into 50 seconds.
    assert statuses(described).count("Training") <= 3
    assert (described["TrainingEndTime"] - described["TrainingStartTime"]).total_seconds() >= 0.5


def test_a_training_that_would_fail_later_meets_its_limit_first(play: Play) -> None:
    job = training_job(StoppingCondition={"MaxRuntimeInSeconds": 50})
    broken = JobOutcome(status="Failed", failure_reason=INTERNAL_SERVER_ERROR, run_seconds=60)
    assert play(job, run(broken), scale=100)["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_thousands_wait_in_one_thread(objects: StoredObjects, play: Play) -> None:
    del objects
    stand_ins = StandIns(StandInJobs(training_seconds=0.5), Clock(), Outcomes(Account()))
    play.played.append(stand_ins)
    before = threading.active_count()
    jobs = [training_job(f"t{number}") for number in range(2000)]
    for job in jobs:
        stand_ins.start(job, ACCOUNT, REGION)
    assert threading.active_count() <= before + 1
    assert all(wait_until_ended(job, 20) for job in jobs)
    assert {job.status for job in jobs} == {"Completed"}


def test_calls_come_in_the_order_of_their_time() -> None:
    schedule = Schedule("test")
    called: list[str] = []
    done = threading.Event()
    schedule.after(0.1, lambda: called.append("late"))
    schedule.after(0.1, done.set)
    schedule.after(0.0, lambda: called.append("soon"))
    schedule.after(0.05, lambda: called.append("between"))
    assert done.wait(5)
    assert called == ["soon", "between", "late"]
    schedule.close(5)
    schedule.after(0.0, lambda: called.append("too late"))
    time.sleep(0.02)
    assert called[-1] == "late"


def test_one_calls_mistake_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    schedule = Schedule("test")
    done = threading.Event()

    def fail() -> None:
        raise ValueError("mistake")

    schedule.after(0.0, fail)
    schedule.after(0.0, done.set)
    assert done.wait(5)
    schedule.close(5)
    assert "mistake" in caplog.text


def test_an_object_is_found_by_its_key_and_by_how_its_key_begins(objects: StoredObjects) -> None:
    objects.put(S3Place(BUCKET, "a/b.csv"), b"1")
    objects.put(S3Place(BUCKET, "folder/"), b"")
    assert objects.has_object(S3Place(BUCKET, "a/b.csv"))
    assert not objects.has_object(S3Place(BUCKET, "a/b"))
    found = {
        prefix: objects.has_objects(S3Place(BUCKET, prefix))
        for prefix in ("a/b.csv", "a/", "a", "", "b", "folder/", "a/b.csv/")
    }
    assert found == {
        "a/b.csv": True,
        "a/": True,
        "a": True,
        "": True,
        "b": False,
        "folder/": False,
        "a/b.csv/": False,
    }
    assert not objects.has_objects(S3Place("nowhere", "a"))
    assert not objects.put(S3Place("nowhere", "a"), b"")


def test_a_deleted_object_of_a_versioned_bucket_is_not_there(objects: StoredObjects) -> None:
    s3 = s3_backends[ACCOUNT]["aws"]
    s3.put_bucket_versioning(BUCKET, "Enabled")
    objects.put(S3Place(BUCKET, "a/b.csv"), b"1")
    s3.delete_object(BUCKET, "a/b.csv")
    assert not objects.has_object(S3Place(BUCKET, "a/b.csv"))
    assert not objects.has_objects(S3Place(BUCKET, "a/"))
