"""SageMaker's API as callers meet it: stops, models, lists, tags, and the end of the emulator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from emulator import sagemaker
from emulator.endpoint import Clients

UNKNOWN_ARN = "arn:aws:sagemaker:us-east-1:123456789012"


def test_stop_of_an_ended_job_is_refused(bench: Any) -> None:
    training = bench.train("empty-handed")
    transform = bench.transform(bench.model(), bench.put("api/a.csv", "1\n"))
    assert bench.refusal(bench.sagemaker.stop_training_job, TrainingJobName=training["TrainingJobName"]) == (
        "ValidationException",
        "The request was rejected because the training job is in status Completed.",
    )
    assert bench.refusal(bench.sagemaker.stop_transform_job, TransformJobName=transform["TransformJobName"]) == (
        "ValidationException",
        "The request was rejected because the transform job is in status Completed.",
    )


def test_stop_during_the_start_is_not_lost(bench: Any) -> None:
    for _ in range(5):
        request = bench.training_request("deaf")
        bench.sagemaker.create_training_job(**request)
        bench.sagemaker.stop_training_job(TrainingJobName=request["TrainingJobName"])
        assert bench.wait_training(request["TrainingJobName"], seconds=5)["TrainingJobStatus"] == "Stopped"


def test_second_stop_of_a_stopping_job_is_accepted(bench: Any) -> None:
    request = bench.training_request("deaf")
    name = request["TrainingJobName"]
    bench.sagemaker.create_training_job(**request)
    bench.wait_for_line("/aws/sagemaker/TrainingJobs", name, "pid")
    for _ in range(2):
        bench.sagemaker.stop_training_job(TrainingJobName=name)
        assert bench.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Stopping"
    assert bench.wait_training(name, seconds=5)["TrainingJobStatus"] == "Stopped"


def test_models_are_described_listed_and_deleted(bench: Any) -> None:
    name = bench.model("echo", Environment={"MODE": "inference"})
    model = bench.sagemaker.describe_model(ModelName=name)
    assert model["PrimaryContainer"] == {"Image": "registry.test/echo:1", "Environment": {"MODE": "inference"}}
    assert model["ModelArn"] == f"{UNKNOWN_ARN}:model/{name}"
    assert model["EnableNetworkIsolation"] is False
    assert "Containers" not in model
    assert name in {found["ModelName"] for found in bench.sagemaker.list_models(MaxResults=100)["Models"]}
    bench.sagemaker.delete_model(ModelName=name)
    assert name not in {found["ModelName"] for found in bench.sagemaker.list_models(MaxResults=100)["Models"]}
    # Its name is free again.
    bench.sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "registry.test/echo:1"})
    assert "ExecutionRoleArn" not in bench.sagemaker.describe_model(ModelName=name)


def test_job_keeps_its_model_when_that_is_deleted(bench: Any) -> None:
    model = bench.model()
    request = bench.transform_request(model, bench.put("api/a.csv", "1\n"))
    bench.sagemaker.create_transform_job(**request)
    bench.sagemaker.delete_model(ModelName=model)
    assert bench.wait_transform(request["TransformJobName"])["TransformJobStatus"] == "Completed"


def test_tags_are_added_and_replaced(bench: Any) -> None:
    arn = bench.train("empty-handed", Tags=[{"Key": "a", "Value": "1"}])["TrainingJobArn"]
    bench.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "項目", "Value": "英國"}])
    found = bench.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert found == [{"Key": "a", "Value": "2"}, {"Key": "項目", "Value": "英國"}]
    bench.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert bench.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "項目", "Value": "英國"}]


def test_tags_are_told_page_by_page(bench: Any) -> None:
    tags = [{"Key": f"k{number}", "Value": str(number)} for number in range(60)]
    arn = bench.train("empty-handed", Tags=tags[:40])["TrainingJobArn"]
    bench.sagemaker.add_tags(ResourceArn=arn, Tags=tags[40:])
    pages = list(bench.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn))
    assert len(pages) == 2
    assert [tag for page in pages for tag in page["Tags"]] == tags


def test_jobs_are_filtered_before_they_are_paged(bench: Any) -> None:
    names = [f"listed-{letter}" for letter in "abcde"]
    for name in names:
        bench.train("failing" if name == "listed-c" else "empty-handed", TrainingJobName=name)
    wanted = {"NameContains": "listed-", "StatusEquals": "Completed", "SortBy": "Name", "SortOrder": "Descending"}
    pages = bench.sagemaker.get_paginator("list_training_jobs").paginate(
        **wanted, PaginationConfig={"PageSize": 3}
    )
    found = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert found == [["listed-e", "listed-d", "listed-b"], ["listed-a"]]
    [job] = bench.sagemaker.list_training_jobs(NameContains="listed-c")["TrainingJobSummaries"]
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"


def test_search_of_moto_still_finds_jobs(bench: Any) -> None:
    name = bench.train("empty-handed", Tags=[{"Key": "looked-for", "Value": "yes"}])["TrainingJobName"]
    wanted = {"Filters": [{"Name": "Tags.looked-for", "Operator": "Equals", "Value": "yes"}]}
    found = bench.sagemaker.search(Resource="TrainingJob", SearchExpression=wanted)["Results"]
    assert [result["TrainingJob"]["TrainingJobName"] for result in found] == [name]


def test_region_has_jobs_of_its_own(bench: Any) -> None:
    clients = Clients(bench.sagemaker.meta.endpoint_url)
    bench.train("empty-handed", TrainingJobName="only-here")
    there = clients.get("sagemaker", "eu-west-1")
    assert (
        bench.refusal(there.describe_training_job, TrainingJobName="only-here")[1]
        == "Requested resource not found."
    )


def test_end_of_the_emulator_kills_jobs_and_removes_their_directories(algorithms: dict[str, list[str]]) -> None:
    script = textwrap.dedent(
        f"""
        import sys, time
        from emulator.server import Emulator
        from emulator.endpoint import Clients
        with Emulator(images={algorithms!r}) as emulator:
            clients = Clients(emulator.url)
            client = clients.get("sagemaker")
            clients.get("s3").create_bucket(Bucket="bucket")
            for n in range(3):
                client.create_training_job(
                    TrainingJobName=f"deaf-{{n}}",
                    AlgorithmSpecification={{"TrainingImage": "registry.test/deaf", "TrainingInputMode": "File"}},
                    RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
                    OutputDataConfig={{"S3OutputPath": "s3://bucket/m"}},
                    ResourceConfig={{"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}},
                )
            print(emulator.settings.work_dir, flush=True)
            sys.stdin.readline()
        """
    )
    root = Path(sagemaker.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            work_dir = Path(process.stdout.readline().strip())
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and len(list(work_dir.rglob("opt/ml/child"))) < 3:
                time.sleep(0.05)
            running = jobs_in(work_dir)
            started = time.monotonic()
            process.stdin.write("\n")
            process.stdin.flush()
            process.wait(20)
            assert process.returncode == 0
            # Their grace of 120 seconds is not waited for.
            assert time.monotonic() - started < 10
        finally:
            process.kill()
    # Each job and the child it forked.
    assert len(running) == 6
    assert jobs_in(work_dir) == set()
    assert not work_dir.exists()


def jobs_in(work_dir: Path) -> set[int]:
    """Return the processes whose home is in the work directory."""
    if not Path("/proc").exists():
        pytest.skip("processes are looked up in /proc")
    found = set()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = entry.read_bytes()
        except OSError:
            continue
        if f"HOME={work_dir}/".encode() in variables:
            found.add(int(entry.parent.name))
    return found


def test_jobs_leave_no_process_behind(bench: Any) -> None:
    request = bench.training_request("deaf", StoppingCondition={"MaxRuntimeInSeconds": 1})
    bench.sagemaker.create_training_job(**request)
    bench.wait_training(request["TrainingJobName"])
    assert jobs_in(bench.work_dir) == set()


def test_killed_container_is_a_failed_job(bench: Any) -> None:
    request = bench.training_request("deaf")
    name = request["TrainingJobName"]
    bench.sagemaker.create_training_job(**request)
    pid = int(bench.wait_for_line("/aws/sagemaker/TrainingJobs", name, "pid").split()[1])
    os.kill(pid, signal.SIGKILL)
    assert bench.wait_training(name, seconds=5)["FailureReason"] == "AlgorithmError: , exit code: 137"
