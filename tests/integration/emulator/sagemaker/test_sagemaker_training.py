"""Training jobs as real processes: the file contract, every way to end, logs and metrics."""

from __future__ import annotations

import gzip
import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from emulator.sagemaker.private_mount import mount_command

# What a client needs to reach the emulator, and SageMaker does not set.
TO_REACH_THE_EMULATOR = {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}

GROUP = "/aws/sagemaker/TrainingJobs"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def seen_by(bench: Any, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.unpacked(job["ModelArtifacts"]["S3ModelArtifacts"])["seen.json"])
    return found


def test_container_finds_data_and_configuration_under_its_base_directory(bench: Any) -> None:
    uri = bench.put("in/files/a.csv", "1\n2\n").removesuffix("a.csv")
    bench.put("in/files/deep/b.csv", "3\n")
    job = bench.train(
        HyperParameters={"epochs": "2"}, InputDataConfig=[bench.channel(uri, ContentType="text/csv")]
    )
    files = seen_by(bench, job)["files"]
    assert job["TrainingJobStatus"] == "Completed"
    assert files["input/data/training/a.csv"] == "1\n2\n"
    assert files["input/data/training/deep/b.csv"] == "3\n"
    assert json.loads(files["input/config/hyperparameters.json"]) == {"epochs": "2"}
    assert json.loads(files["input/config/inputdataconfig.json"])["training"]["ContentType"] == "text/csv"
    resources = json.loads(files["input/config/resourceconfig.json"])
    assert (resources["current_host"], resources["hosts"]) == ("algo-1", ["algo-1"])
    assert resources["current_instance_type"] == "ml.m5.large"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("like/item1", {"x.csv", "item10/y.csv"}, id="a prefix is no folder"),
        pytest.param("like/item1/", {"x.csv"}, id="a folder ends in a slash"),
        pytest.param("like/item1/x.csv", {"x.csv"}, id="one object"),
    ],
)
def test_channel_gets_every_object_that_starts_with_its_prefix(
    bench: Any, prefix: str, expected: set[str]
) -> None:
    bench.put("like/item1/x.csv", "x")
    bench.put("like/item10/y.csv", "y")
    job = bench.train(InputDataConfig=[bench.channel(f"s3://bucket/{prefix}")])
    data = "input/data/training/"
    assert {n.removeprefix(data) for n in seen_by(bench, job)["files"] if n.startswith(data)} == expected


def test_each_channel_has_its_own_folder(bench: Any) -> None:
    uris = {name: bench.put(f"two/{name}.csv", f"{name}\n") for name in ("training", "predictions")}
    job = bench.train(InputDataConfig=[bench.channel(uri, name) for name, uri in uris.items()])
    files = seen_by(bench, job)["files"]
    assert {name: text for name, text in files.items() if name.startswith("input/data/")} == {
        "input/data/training/training.csv": "training\n",
        "input/data/predictions/predictions.csv": "predictions\n",
    }
    assert json.loads(files["input/config/inputdataconfig.json"]).keys() == uris.keys()


@pytest.mark.parametrize(
    ("members", "name"),
    [
        pytest.param({"CompressionType": "Gzip"}, "a.csv", id="Gzip unpacks"),
        pytest.param({}, "a.csv.gz", id="without it the file comes as it is"),
    ],
)
def test_gzip_files_are_unpacked_only_when_told(bench: Any, members: dict[str, str], name: str) -> None:
    # Text in both forms, so that the algorithm can report it.
    content = gzip.compress(b"1\n") if members else b"left alone"
    uri = bench.put(f"packed/{len(members)}/a.csv.gz", content)
    job = bench.train(InputDataConfig=[bench.channel(uri, **members)])
    expected = "1\n" if members else "left alone"
    assert seen_by(bench, job)["files"][f"input/data/training/{name}"] == expected


def test_container_gets_a_clean_environment_with_sagemakers_and_the_requests_variables(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "secret")
    job = bench.train(Environment={"MODE": "train", "AWS_ENDPOINT_URL": "http://elsewhere.invalid"})
    seen = seen_by(bench, job)
    environment = seen["environment"]
    assert environment["MODE"] == "train"
    assert environment["TRAINING_JOB_NAME"] == job["TrainingJobName"]
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert environment["AWS_REGION"] == "us-east-1"
    # boto3's variable is not SageMaker's: a client that is told no Region must miss it here as it does on AWS.
    assert {name for name in environment if name.startswith("AWS_")} == {"AWS_REGION", *TO_REACH_THE_EMULATOR}
    assert environment["AWS_ENDPOINT_URL"] == bench.s3.meta.endpoint_url
    assert Path(environment["HOME"]).is_relative_to(bench.work_dir)
    assert "SECRET_OF_THE_USER" not in environment
    assert not {name for name in environment if name.startswith("SM_")}


def test_description_holds_the_request_and_the_phases(bench: Any) -> None:
    request = bench.training_request(
        Environment={"MODE": "train"},
        RetryStrategy={"MaximumRetryAttempts": 2},
        Tags=[{"Key": "Item", "Value": "United Kingdom"}],
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
    )
    arn = bench.sagemaker.create_training_job(**request)["TrainingJobArn"]
    job = bench.wait_training(request["TrainingJobName"])
    tags = request.pop("Tags")
    # As clients read it that take a job's description for a request.
    assert job["OutputDataConfig"].pop("KmsKeyId") == ""
    assert {name: job[name] for name in request} == request
    assert "Tags" not in job
    assert bench.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    phases = [(step["Status"], step["StatusMessage"]) for step in job["SecondaryStatusTransitions"]]
    assert phases == [
        ("Starting", "Starting the training job"),
        ("Starting", "Preparing the instances for training"),
        ("Downloading", "Downloading input data"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    assert all(isinstance(step["EndTime"], datetime) for step in job["SecondaryStatusTransitions"])
    assert job["SecondaryStatus"] == "Completed"
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"] <= job["LastModifiedTime"]
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] >= 1


def test_arn_is_lower_case_and_the_name_is_kept(bench: Any) -> None:
    job = bench.train(TrainingJobName="Train-UPPER")
    assert job["TrainingJobName"] == "Train-UPPER"
    assert job["TrainingJobArn"].endswith(":training-job/train-upper")
    assert bench.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == []


def test_model_and_output_data_are_stored_below_the_jobs_name(bench: Any) -> None:
    job = bench.train(OutputDataConfig={"S3OutputPath": "s3://bucket/slash/"})
    name = job["TrainingJobName"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://bucket/slash/{name}/output/model.tar.gz"
    assert bench.keys(f"slash/{name}/") == ["output/model.tar.gz", "output/output.tar.gz"]
    assert bench.unpacked(f"s3://bucket/slash/{name}/output/output.tar.gz") == {"report.txt": "fine"}


def test_job_that_saves_no_model_completes_without_an_artifact(bench: Any) -> None:
    job = bench.train("empty-handed")
    assert job["TrainingJobStatus"] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/output/model.tar.gz")
    assert bench.keys(f"models/{job['TrainingJobName']}/") == []


def test_final_metrics_are_the_last_values_in_the_log(bench: Any) -> None:
    request = bench.training_request()
    request["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "loss", "Regex": r"loss=([0-9.]+)"},
        {"Name": "never", "Regex": r"never=([0-9.]+)"},
    ]
    bench.sagemaker.create_training_job(**request)
    job = bench.wait_training(request["TrainingJobName"])
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("loss", 0.25)]


def test_checkpoints_come_from_s3_and_go_back(bench: Any) -> None:
    bench.put("checkpoints/run/1.txt", "first")
    job = bench.train(CheckpointConfig={"S3Uri": "s3://bucket/checkpoints/run"})
    assert seen_by(bench, job)["checkpoints"] == ["1.txt"]
    assert bench.keys("checkpoints/run/") == ["1.txt", "2.txt"]
    assert job["CheckpointConfig"] == {"S3Uri": "s3://bucket/checkpoints/run"}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param(
            "ValueError: column Quantity is missing",
            "AlgorithmError: ValueError: column Quantity is missing, exit code: 3",
            id="the container's own words",
        ),
        pytest.param("é" * 3000, "AlgorithmError: " + "é" * 994 + ", exit code: 3", id="1,024 characters in all"),
    ],
)
def test_failed_container_gives_its_reason(bench: Any, failure: str, reason: str) -> None:
    # Hyperparameter values end at 2,500 characters.
    job = bench.train("failing", HyperParameters={"failure": failure[:2500]})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == reason
    assert "ModelArtifacts" not in job
    assert bench.keys(f"models/{job['TrainingJobName']}/") == ["output/output.tar.gz"]


@pytest.mark.parametrize(
    ("algorithm", "changes", "reason"),
    [
        pytest.param("killed", {}, "AlgorithmError: , exit code: 137", id="killed by a signal"),
        pytest.param("missing", {}, "ClientError: CannotStartContainerError.", id="no such command"),
        pytest.param("unknown", {}, "ClientError: Cannot pull algorithm container.", id="no such image"),
        pytest.param(
            "good",
            {"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/models"}},
            "ClientError: Artifact upload failed:NoSuchBucket",
            id="no such output bucket",
        ),
    ],
)
def test_job_that_cannot_end_well_is_failed(
    bench: Any, algorithm: str, changes: dict[str, Any], reason: str
) -> None:
    job = bench.train(algorithm, **changes)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)


def test_stopped_job_may_save_its_model(bench: Any) -> None:
    request = bench.training_request("saves-when-told")
    name = request["TrainingJobName"]
    bench.sagemaker.create_training_job(**request)
    bench.wait_for_line(GROUP, name, "ready")
    bench.sagemaker.stop_training_job(TrainingJobName=name)
    job = bench.wait_training(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert bench.unpacked(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"last.txt": "saved in time"}
    assert "FailureReason" not in job
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]][-2:] == ["Stopping", "Stopped"]


def test_job_past_its_runtime_is_killed_after_the_grace_and_keeps_its_model(bench: Any) -> None:
    request = bench.training_request("deaf", StoppingCondition={"MaxRuntimeInSeconds": 1})
    name = request["TrainingJobName"]
    started = time.monotonic()
    bench.sagemaker.create_training_job(**request)
    pid = int(bench.wait_for_line(GROUP, name, "pid").split()[1])
    job = bench.wait_training(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert bench.unpacked(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"first.txt": "there"}
    assert not is_alive(pid)
    assert 2.0 <= time.monotonic() - started < 15.0


@pytest.mark.parametrize("private_mount", [True, False])
def test_job_that_prints_without_end_ends_with_a_bounded_log(
    bench: Any, monkeypatch: pytest.MonkeyPatch, private_mount: bool
) -> None:
    # Both kinds of machine, whichever this one is; the job itself needs no /opt/ml.
    monkeypatch.setattr(
        "emulator.sagemaker.container.mount_command", lambda command, *_: command if private_mount else None
    )
    job = bench.train("endless", HyperParameters={"seconds": "1.5"})
    lines = bench.log_lines(GROUP, job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed"
    # The log opens with the emulator's word on the missing mount, which is none of the job's lines.
    if not private_mount:
        assert "allows no private mount" in lines.pop(0)
    # 500 first lines, two notices, 20 last lines.
    assert len(lines) == 522
    assert lines[500].startswith("[emulator] this log is as long as it may be")
    assert "lines were dropped here; the last 20 follow" in lines[501]
    assert lines[-1] == "the last word"


def test_line_without_end_is_cut(bench: Any) -> None:
    job = bench.train("no-line-end")
    lines = bench.log_lines(GROUP, job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed"
    assert {len(line) for line in lines if line.startswith("y")} <= {8192, 5_000_000 % 8192}


def test_image_that_knows_only_opt_ml_gets_a_private_one(bench: Any, tmp_path: Path) -> None:
    if mount_command(["true"], tmp_path, tmp_path) is None:
        pytest.skip("this machine allows no private mount")
    uri = bench.put("in/only/a.csv", "1\n")
    job = bench.train("knows-only-opt-ml", InputDataConfig=[bench.channel(uri)])
    seen = bench.unpacked(job["ModelArtifacts"]["S3ModelArtifacts"])["seen.txt"]
    others = {entry.name for entry in Path("/opt").iterdir()} - {"ml"}
    assert seen == "1\n" + ",".join(sorted({*others, "ml"}))
    assert {entry.name for entry in Path("/opt").iterdir()} - {"ml"} == others


def test_log_says_so_where_no_private_mount_is_allowed(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.sagemaker.container.mount_command", lambda *_: None)
    job = bench.train()
    assert job["TrainingJobStatus"] == "Completed"
    [note] = [line for line in bench.log_lines(GROUP, job["TrainingJobName"]) if line.startswith("[emulator]")]
    assert "no private mount" in note
    assert "SAGEMAKER_BASE_DIR" in note


def test_jobs_run_at_the_same_time_and_leave_no_directory(bench: Any) -> None:
    requests = [bench.training_request("saves-when-told") for _ in range(12)]
    for request in requests:
        bench.sagemaker.create_training_job(**request)
    for request in requests:
        bench.wait_for_line(GROUP, request["TrainingJobName"], "ready")
    for request in requests:
        bench.sagemaker.stop_training_job(TrainingJobName=request["TrainingJobName"])
    for request in requests:
        assert bench.wait_training(request["TrainingJobName"])["TrainingJobStatus"] == "Stopped"
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and list((bench.work_dir / "sagemaker").glob("*/*/*")):
        time.sleep(0.05)
    assert not list((bench.work_dir / "sagemaker").glob("*/*/*"))
