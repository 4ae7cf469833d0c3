"""What the API shows of jobs, and lists of them."""

from __future__ import annotations

import pickle
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.model import StructureShape

from emulator.clock import Clock
from emulator.sagemaker.control import JobControl
from emulator.sagemaker.errors import JobStoppedError, ValidationError
from emulator.sagemaker.jobs import TrainingJob, TransformJob, resource_arn, shown_members
from emulator.sagemaker.listing import answer_list
from emulator.service_models import service_model

ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/a"


def training_job() -> TrainingJob:
    return TrainingJob({"TrainingJobName": "a", "HyperParameters": {"p": "1"}}, ARN)


def test_arn_is_lower_case() -> None:
    assert resource_arn("model", "My-Model", "eu-west-1", "1") == "arn:aws:sagemaker:eu-west-1:1:model/my-model"


def test_description_stays_as_it_was_while_its_job_goes_on() -> None:
    job = training_job()
    described = job.describe()
    transitions = described["SecondaryStatusTransitions"]
    job.start()
    job.enter_phase("Training", "Training in progress.")
    job.end("Completed")
    assert described["TrainingJobStatus"] == "InProgress"
    assert [(one["Status"], "EndTime" in one) for one in transitions] == [("Starting", False)]
    ended = job.describe()["SecondaryStatusTransitions"]
    assert [(one["Status"], "EndTime" in one) for one in ended] == [
        ("Starting", True),
        ("Training", True),
        ("Completed", True),
    ]


def test_whoever_waits_for_a_job_hears_of_its_end_once() -> None:
    job = training_job()
    heard: list[str] = []
    job.on_end(lambda: heard.append(job.status))
    assert heard == []
    job.end("Failed", reason="x")
    job.on_end(lambda: heard.append("late"))
    assert heard == ["Failed", "late"]


def test_seconds_of_a_job_are_those_of_its_account() -> None:
    job = TrainingJob({"TrainingJobName": "a"}, ARN, Clock(1_000_000))
    job.start()
    time.sleep(0.01)
    job.end("Completed")
    described = job.describe()
    assert described["TrainingTimeInSeconds"] == described["BillableTimeInSeconds"] >= 10_000


class RecordingLock:
    """A lock that keeps what a reader could see after each change."""

    def __init__(self, job: TrainingJob) -> None:
        self.lock = threading.Lock()
        self.job = job
        self.seen: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.seen.append(dict(self.job._description))
        self.lock.release()


def test_last_status_comes_with_everything_that_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    job = training_job()
    lock = RecordingLock(job)
    monkeypatch.setattr(job, "_lock", lock)
    job.start()
    job.enter_phase("Training", "Training in progress.")
    job.end("Failed", reason="AlgorithmError: x, exit code: 1")
    ended = [seen for seen in lock.seen if seen["TrainingJobStatus"] == "Failed"]
    # What comes after is only how the job is kept.
    assert ended[0]["FailureReason"] == "AlgorithmError: x, exit code: 1"
    assert ended[0]["SecondaryStatus"] == "Failed"
    assert ended[0]["BillableTimeInSeconds"] == 1
    assert ended[0]["TrainingEndTime"] >= ended[0]["TrainingStartTime"]


def test_job_that_has_ended_is_described_whole_but_takes_little_room() -> None:
    environment = {f"NAME_{number}": "value" for number in range(50)}
    job = TrainingJob(
        {"TrainingJobName": "a", "Environment": environment, "Tags": [{"Key": "k", "Value": "v"}]}, ARN
    )
    job.start()
    before = job.describe()
    job.end("Completed", ModelArtifacts={"S3ModelArtifacts": "s3://b/k"})
    after = job.describe()
    changed = {"TrainingJobStatus", "SecondaryStatus", "SecondaryStatusTransitions", "LastModifiedTime"}
    assert {name: after[name] for name in before if name not in changed} == {
        name: value for name, value in before.items() if name not in changed
    }
    assert after["ModelArtifacts"] == {"S3ModelArtifacts": "s3://b/k"}
    assert (job.name, job.tags, job.status) == ("a", [{"Key": "k", "Value": "v"}], "Completed")
    assert len(pickle.dumps([job.request, job._description, job._packed])) < len(pickle.dumps(before)) * 0.8


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
def test_summary_has_all_that_lists_show(*, ended: bool) -> None:
    job = training_job()
    if ended:
        job.end("Failed", reason="AlgorithmError: x")
    described = job.describe()
    shown = service_model("sagemaker").operation_model("ListTrainingJobs").output_shape
    assert isinstance(shown, StructureShape)
    summaries: Any = shown.members["TrainingJobSummaries"]
    members = summaries.member.members
    assert {name: value for name, value in job.summary().items() if name in members} == {
        name: described[name] for name in members if name in described
    }


def test_phases_do_not_hide_a_stop() -> None:
    job = training_job()
    job.stop()
    job.enter_phase("Uploading", "Uploading generated training model")
    assert (job.status, job.describe()["SecondaryStatus"]) == ("Stopping", "Stopping")
    assert job.control.stopping
    job.end("Stopped", secondary="Stopped")
    assert [step["Status"] for step in job.describe()["SecondaryStatusTransitions"]] == [
        "Starting",
        "Stopping",
        "Stopped",
    ]


def test_failure_reason_ends_at_1024_characters() -> None:
    job = training_job()
    job.end("Failed", reason="x" * 5000)
    assert job.describe()["FailureReason"] == "x" * 1024


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_ended_job_cannot_be_stopped(status: str) -> None:
    job = training_job()
    job.end(status)
    with pytest.raises(ValidationError, match=f"the training job is in status {status}"):
        job.stop()
    assert job.status == status


def test_transform_job_shows_what_aws_fills_in() -> None:
    request = {"TransformJobName": "t", "TransformInput": {"SplitType": "Line"}, "TransformOutput": {}}
    job = TransformJob(request, ARN, {}, None)
    shown = shown_members("DescribeTransformJob", job.describe())
    assert shown["TransformInput"] == {"CompressionType": "None", "SplitType": "Line"}
    assert shown["TransformOutput"] == {"AssembleWith": "None"}
    assert "LastModifiedTime" not in shown


def test_control_wakes_a_sleeper_at_a_stop() -> None:
    control = JobControl()
    woken: list[bool] = []
    sleeper = threading.Thread(target=lambda: woken.append(control.wait_for(lambda: control.stopping, 60)))
    sleeper.start()
    control.stop()
    sleeper.join(5)
    assert woken == [True]
    with pytest.raises(JobStoppedError):
        control.raise_if_stopping()


@pytest.mark.parametrize("stop_first", [True, False])
def test_reaction_to_a_stop_is_called_once_whenever_it_is_named(stop_first: bool) -> None:
    control = JobControl()
    calls: list[str] = []
    if stop_first:
        control.stop()
        control.on_stop(lambda: calls.append("killed"))
    else:
        control.on_stop(lambda: calls.append("killed"))
        control.stop()
    assert calls == ["killed"]


START = datetime(2026, 1, 1, tzinfo=UTC)
JOBS = [
    {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn/{name}",
        "CreationTime": START + timedelta(minutes=minute),
        "LastModifiedTime": START + timedelta(hours=minute),
        "TrainingJobStatus": status,
        "HyperParameters": {},
    }
    for minute, (name, status) in enumerate([("bb", "Failed"), ("aa", "Completed"), ("ab", "Completed")])
]


@pytest.mark.parametrize(
    ("request_members", "names"),
    [
        pytest.param({}, ["bb", "aa", "ab"], id="oldest first"),
        pytest.param({"SortOrder": "Descending"}, ["ab", "aa", "bb"], id="newest first"),
        pytest.param({"SortBy": "Name"}, ["aa", "ab", "bb"], id="by name"),
        pytest.param({"SortBy": "Status"}, ["aa", "ab", "bb"], id="by status"),
        pytest.param({"NameContains": "B"}, ["bb", "ab"], id="part of the name"),
        pytest.param({"StatusEquals": "Completed"}, ["aa", "ab"], id="status"),
        pytest.param({"CreationTimeAfter": START.timestamp()}, ["aa", "ab"], id="made after"),
        pytest.param({"CreationTimeBefore": START.timestamp() + 60}, ["bb"], id="made before"),
        pytest.param({"LastModifiedTimeAfter": START.timestamp() + 3600}, ["ab"], id="changed after"),
        pytest.param({"NextToken": "2"}, ["ab"], id="next page"),
    ],
)
def test_list_is_filtered_and_sorted(request_members: dict[str, Any], names: list[str]) -> None:
    answer = answer_list("ListTrainingJobs", request_members, list(JOBS))
    assert [job["TrainingJobName"] for job in answer["TrainingJobSummaries"]] == names
    assert "NextToken" not in answer
    assert all("HyperParameters" not in job for job in answer["TrainingJobSummaries"])


def test_page_holds_ten_and_names_the_next() -> None:
    jobs = [{**JOBS[0], "TrainingJobName": f"n{number}"} for number in range(12)]
    first = answer_list("ListTrainingJobs", {}, jobs)
    assert (len(first["TrainingJobSummaries"]), first["NextToken"]) == (10, "10")
    rest = answer_list("ListTrainingJobs", {"NextToken": "10"}, jobs)
    assert [job["TrainingJobName"] for job in rest["TrainingJobSummaries"]] == ["n10", "n11"]


@pytest.mark.parametrize("token", ["x", "99", "-1"])
def test_token_that_was_never_given_out_is_refused(token: str) -> None:
    with pytest.raises(ValidationError, match="Invalid pagination token"):
        answer_list("ListTrainingJobs", {"NextToken": token}, list(JOBS))
