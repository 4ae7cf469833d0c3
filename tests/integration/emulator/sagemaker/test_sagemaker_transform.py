"""Batch transform jobs as real processes: requests, answers, files, every way to end."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import threading
import time
from typing import Any

import pytest

from emulator.sagemaker.ports import FixedPort

# What a client needs to reach the emulator, and SageMaker does not set.
TO_REACH_THE_EMULATOR = {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}

GROUP = "/aws/sagemaker/TransformJobs"
# 300 lines of 7 bytes.
NUMBERS = "".join(f"{number:06d}\n" for number in range(1, 301))


def output_of(bench: Any, job: dict[str, Any], name: str = "a.csv") -> bytes:
    found: bytes = bench.get(f"{job['TransformOutput']['S3OutputPath']}/{name}.out")
    return found


def requests_of(bench: Any, job: dict[str, Any]) -> list[str]:
    lines = bench.log_lines(GROUP, job["TransformJobName"])
    return [line for line in lines if line.startswith("request")]


def data_log(bench: Any, job: dict[str, Any]) -> list[str]:
    """Return what AWS's own log says, without times."""
    lines = bench.log_lines(GROUP, job["TransformJobName"], data_log=True)
    return [line.partition("[sagemaker logs]: ")[2] for line in lines]


def model_archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def test_lines_go_through_the_container_and_come_back_whole(bench: Any) -> None:
    uri = bench.put("t/plain/a.csv", NUMBERS)
    job = bench.transform(bench.model(), uri)
    assert job["TransformJobStatus"] == "Completed"
    assert output_of(bench, job) == NUMBERS.encode()
    assert requests_of(bench, job) == ["request 2100 text/csv text/csv"]
    assert data_log(bench, job) == ["MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD"]


@pytest.mark.parametrize(
    ("content", "output"),
    [
        pytest.param("a\r\nb\r\n", "a\r\nb\r\n", id="Windows line ends"),
        pytest.param("a\nb", "a\nb", id="no last newline"),
        pytest.param("a\n\nb\n", "a\n\nb\n", id="an empty line"),
        pytest.param("", "", id="an empty file"),
        pytest.param("名前,1\n", "名前,1\n", id="Chinese"),
    ],
)
def test_file_of_any_form_keeps_its_lines(bench: Any, content: str, output: str) -> None:
    job = bench.transform(bench.model(), bench.put(f"t/forms/{bench.name()}/a.csv", content))
    assert job["TransformJobStatus"] == "Completed"
    assert output_of(bench, job).decode() == output


def test_many_requests_at_once_are_answered_in_order(bench: Any) -> None:
    uri = bench.put("t/order/a.csv", NUMBERS)
    job = bench.transform(
        bench.model("doubling"),
        uri,
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=8,
        MaxPayloadInMB=1,
        output={"AssembleWith": "Line"},
    )
    assert output_of(bench, job).decode().split() == [str(2 * n) for n in range(1, 301)]
    assert len(requests_of(bench, job)) == 300


def test_answers_without_newline_run_together_without_assembly(bench: Any) -> None:
    uri = bench.put("t/together/a.csv", "1\n2\n")
    job = bench.transform(bench.model("doubling"), uri, BatchStrategy="SingleRecord")
    assert output_of(bench, job) == b"24"


def test_multi_record_fills_requests_up_to_the_payload(bench: Any) -> None:
    line = "x" * 1023 + "\n"
    uri = bench.put("t/fill/a.csv", line * 2500)
    job = bench.transform(bench.model(), uri, MaxPayloadInMB=1, BatchStrategy="MultiRecord")
    sizes = [int(line.split()[1]) for line in requests_of(bench, job)]
    assert sizes == [1024 * 1024, 1024 * 1024, 452 * 1024]
    assert output_of(bench, job) == (line * 2500).encode()


def test_unsplit_file_is_one_request(bench: Any) -> None:
    uri = bench.put("t/whole/a.csv", NUMBERS)
    job = bench.transform(bench.model(), uri, split="None")
    assert requests_of(bench, job) == ["request 2100 text/csv text/csv"]
    assert output_of(bench, job) == NUMBERS.encode()


def test_every_object_below_the_prefix_gets_its_out_file(bench: Any) -> None:
    uri = bench.put("t/several/a.csv", "1\n").removesuffix("a.csv")
    bench.put("t/several/deep/b.csv", "2\n")
    bench.put("t/several/folder/", "")
    job = bench.transform(bench.model(), uri, MaxConcurrentTransforms=4)
    assert sorted(bench.keys(f"out/{job['TransformJobName']}/")) == ["a.csv.out", "deep/b.csv.out"]
    assert output_of(bench, job, "deep/b.csv") == b"2\n"


def test_gzip_input_is_unpacked(bench: Any) -> None:
    uri = bench.put("t/packed/a.csv.gz", gzip.compress(NUMBERS.encode()))
    job = bench.transform(bench.model(), uri, source={"CompressionType": "Gzip"})
    assert output_of(bench, job, "a.csv.gz") == NUMBERS.encode()


def test_join_puts_the_answer_behind_its_line(bench: Any) -> None:
    uri = bench.put("t/join/a.csv", "1\n2\n3\n")
    job = bench.transform(bench.model("doubling"), uri, DataProcessing={"JoinSource": "Input"})
    assert output_of(bench, job) == b"1,2\n2,4\n3,6\n"


def test_container_is_asked_for_what_the_request_leaves_open(bench: Any) -> None:
    parameters = {"MaxConcurrentTransforms": 3, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}
    model = bench.model(Environment={"PARAMETERS": json.dumps(parameters)})
    job = bench.transform(model, bench.put("t/ask/a.csv", "1\n2\n"), MaxConcurrentTransforms=0)
    assert data_log(bench, job) == ["MaxConcurrentTransforms=3, MaxPayloadInMB=2, BatchStrategy=SINGLE_RECORD"]
    assert len(requests_of(bench, job)) == 2


def test_request_wins_over_the_container(bench: Any) -> None:
    parameters = {"MaxConcurrentTransforms": 3, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}
    model = bench.model(Environment={"PARAMETERS": json.dumps(parameters)})
    job = bench.transform(
        model,
        bench.put("t/win/a.csv", "1\n2\n"),
        MaxConcurrentTransforms=2,
        MaxPayloadInMB=5,
        BatchStrategy="MultiRecord",
    )
    assert data_log(bench, job) == ["MaxConcurrentTransforms=2, MaxPayloadInMB=5, BatchStrategy=MULTI_RECORD"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {}, id="only what was said"),
        pytest.param(
            {"MaxPayloadInMB": 5, "MaxConcurrentTransforms": 2, "BatchStrategy": "SingleRecord"},
            {
                "SAGEMAKER_MAX_PAYLOAD_IN_MB": "5",
                "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
                "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
            },
            id="all three",
        ),
    ],
)
def test_container_gets_its_model_and_sagemakers_variables(
    bench: Any, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    artifact = bench.put("t/model/model.tar.gz", model_archive({"model.txt": b"x", "deep/more.txt": b"y"}))
    model = bench.model(
        "tells-model-and-environment", ModelDataUrl=artifact, Environment={"MODE": "inference", "A": "model"}
    )
    uri = bench.put("t/model/a.csv", "1\n")
    job = bench.transform(model, uri, Environment={"A": "job"}, **changes)
    told = json.loads(output_of(bench, job))
    environment = told["environment"]
    assert told["model"] == ["deep/more.txt", "model.txt"]
    assert (environment["MODE"], environment["A"], environment["SAGEMAKER_BATCH"]) == ("inference", "job", "true")
    # SageMaker is not known to tell a server its Region.
    assert {name for name in environment if name.startswith("AWS_")} == TO_REACH_THE_EMULATOR
    port = environment["SAGEMAKER_BIND_TO_PORT"]
    assert environment["SAGEMAKER_SAFE_PORT_RANGE"] == f"{port}-{port}"
    said = {name for name in environment if name.startswith("SAGEMAKER_MAX") or name == "SAGEMAKER_BATCH_STRATEGY"}
    assert {name: environment[name] for name in said} == expected


def test_description_holds_the_request(bench: Any) -> None:
    request = bench.transform_request(
        bench.model(),
        bench.put("t/describe/a.csv", "1\n"),
        Environment={"A": "b"},
        MaxPayloadInMB=6,
        MaxConcurrentTransforms=0,
        BatchStrategy="MultiRecord",
        Tags=[{"Key": "Run", "Value": "1"}],
    )
    arn = bench.sagemaker.create_transform_job(**request)["TransformJobArn"]
    job = bench.wait_transform(request["TransformJobName"])
    tags = request.pop("Tags")
    request["TransformInput"]["CompressionType"] = "None"
    request["TransformOutput"]["AssembleWith"] = "None"
    assert {name: job[name] for name in request} == request
    assert job["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert bench.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert "FailureReason" not in job


@pytest.mark.parametrize(
    ("word", "reason", "said"),
    [
        pytest.param("teapot", "ClientError", ["ClientError: 418", "", "Message:", "cannot do teapot"], id="4xx"),
        pytest.param(
            "broken",
            "AlgorithmError",
            ["Bad HTTP status received from algorithm: 500", "", "Message:", "cannot do broken"],
            id="5xx",
        ),
        pytest.param("die", "AlgorithmError", ["Unable to get response from algorithm"], id="container dies"),
    ],
)
def test_bad_answer_fails_the_job_and_the_data_log_says_why(
    bench: Any, word: str, reason: str, said: list[str]
) -> None:
    uri = bench.put(f"t/bad/{word}.csv", f"fine\n{word}\n")
    job = bench.transform(bench.model("picky"), uri)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == f"{reason}: See job logs for more information"
    lines = data_log(bench, job)[1:]
    for line, start in zip(lines, said, strict=False):
        assert line.startswith(f"bucket/t/bad/{word}.csv: {start}")
    assert bench.keys(f"out/{job['TransformJobName']}/") == []


def test_failed_request_is_tried_again_as_often_as_asked(bench: Any) -> None:
    uri = bench.put("t/again/a.csv", "broken\n")
    counts = []
    for retries in (0, 2):
        job = bench.transform(bench.model("picky"), uri, ModelClientConfig={"InvocationsMaxRetries": retries})
        counts.append(len(requests_of(bench, job)))
    assert counts == [1, 3]


def test_request_without_answer_in_time_fails_the_job(bench: Any) -> None:
    uri = bench.put("t/slow/a.csv", "hang\n")
    config = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    job = bench.transform(bench.model("picky"), uri, ModelClientConfig=config)
    assert job["TransformJobStatus"] == "Failed"
    assert "bucket/t/slow/a.csv: Unable to get response from algorithm: timed out" in data_log(bench, job)


def test_failed_job_keeps_the_files_that_were_whole(bench: Any) -> None:
    uri = bench.put("t/half/a.csv", "fine\n").removesuffix("a.csv")
    bench.put("t/half/b.csv", "teapot\n")
    job = bench.transform(bench.model("picky"), uri)
    assert job["TransformJobStatus"] == "Failed"
    assert bench.keys(f"out/{job['TransformJobName']}/") == ["a.csv.out"]


@pytest.mark.parametrize(("split", "content"), [("Line", "short\n" + "x" * 1_100_000), ("None", "x\n" * 600_000)])
def test_record_above_the_payload_fails_the_job(bench: Any, split: str, content: str) -> None:
    uri = bench.put(f"t/large/{split}.csv", content)
    job = bench.transform(bench.model(), uri, split=split, MaxPayloadInMB=1)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert data_log(bench, job)[-1] == f"bucket/t/large/{split}.csv: Too much data for max payload size"


def test_answer_with_too_few_lines_cannot_be_joined(bench: Any) -> None:
    model = bench.model("tells-model-and-environment")
    uri = bench.put("t/unjoined/a.csv", "1\n2\n")
    job = bench.transform(model, uri, DataProcessing={"JoinSource": "Input"})
    assert job["TransformJobStatus"] == "Failed"
    assert data_log(bench, job)[-1].endswith("2 records were sent, 1 came back")


@pytest.mark.parametrize(
    ("algorithm", "container", "said"),
    [
        pytest.param("cannot-serve", {}, "The container exited with code 1", id="it ends"),
        pytest.param("deaf-server", {}, "The container did not pass the ping health check", id="it never answers"),
        pytest.param(
            "echo",
            {"Environment": {"PING_STATUS": "503"}},
            "The container did not pass the ping health check",
            id="it is never well",
        ),
    ],
)
def test_container_that_is_not_healthy_fails_the_job(
    bench: Any, algorithm: str, container: dict[str, Any], said: str
) -> None:
    job = bench.transform(bench.model(algorithm, **container), bench.put("t/ill/a.csv", "1\n"))
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert data_log(bench, job)[0].startswith(said)


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        pytest.param(b"no archive", "ClientError: Failed to extract model data archive.", id="no tar.gz"),
        pytest.param(
            model_archive({"../outside": b"x"}),
            "ClientError: Failed to extract model data archive.",
            id="leads out",
        ),
    ],
)
def test_bad_artifact_fails_the_job(bench: Any, archive: bytes, reason: str) -> None:
    artifact = bench.put(f"t/artifact/{bench.name()}/model.tar.gz", archive)
    job = bench.transform(bench.model(ModelDataUrl=artifact), bench.put("t/artifact/a.csv", "1\n"))
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)


def test_artifact_deleted_after_the_model_was_made_fails_the_job(bench: Any) -> None:
    artifact = bench.put("t/gone/model.tar.gz", model_archive({"a": b"x"}))
    model = bench.model(ModelDataUrl=artifact)
    bench.s3.delete_object(Bucket="bucket", Key="t/gone/model.tar.gz")
    job = bench.transform(model, bench.put("t/gone/a.csv", "1\n"))
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:NoSuchKey")


def test_stopped_job_ends_soon_and_stores_nothing(bench: Any) -> None:
    uri = bench.put("t/stop/a.csv", "fine\n").removesuffix("a.csv")
    bench.put("t/stop/b.csv", "hang\n")
    request = bench.transform_request(bench.model("picky"), uri)
    name = request["TransformJobName"]
    bench.sagemaker.create_transform_job(**request)
    bench.wait_for_line(GROUP, name, "request 5 ")
    time.sleep(0.2)
    started = time.monotonic()
    bench.sagemaker.stop_transform_job(TransformJobName=name)
    job = bench.wait_transform(name)
    assert job["TransformJobStatus"] == "Stopped"
    assert time.monotonic() - started < 3
    assert bench.keys(f"out/{name}/") == []


def test_job_waiting_for_a_healthy_container_can_be_stopped(bench: Any) -> None:
    request = bench.transform_request(bench.model("deaf-server"), bench.put("t/early/a.csv", "1\n"))
    name = request["TransformJobName"]
    bench.sagemaker.create_transform_job(**request)
    time.sleep(0.5)
    bench.sagemaker.stop_transform_job(TransformJobName=name)
    assert bench.wait_transform(name, seconds=2)["TransformJobStatus"] == "Stopped"


def test_images_that_take_only_the_fixed_port_are_served_one_at_a_time(bench: Any) -> None:
    if not FixedPort.is_free():
        pytest.skip("port 8080 of this machine is taken")
    model = bench.model("fixed-port")
    uri = bench.put("t/fixed/a.csv", "1\n")
    requests = [bench.transform_request(model, uri) for _ in range(3)]
    for request in requests:
        bench.sagemaker.create_transform_job(**request)
    jobs = [bench.wait_transform(request["TransformJobName"]) for request in requests]
    assert [job["TransformJobStatus"] for job in jobs] == ["Completed"] * 3
    assert [output_of(bench, job) for job in jobs] == [b"1\n"] * 3
    assert FixedPort.is_free()


def test_many_jobs_at_once_each_get_their_own_answer(bench: Any) -> None:
    model = bench.model()
    requests = []
    for number in range(10):
        requests.append(bench.transform_request(model, bench.put(f"t/many/{number}/a.csv", f"{number}\n")))
    threads = [threading.Thread(target=bench.sagemaker.create_transform_job, kwargs=r) for r in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs = [bench.wait_transform(request["TransformJobName"]) for request in requests]
    assert [output_of(bench, job) for job in jobs] == [f"{number}\n".encode() for number in range(10)]


def test_file_of_many_requests_comes_back_whole(bench: Any) -> None:
    line = os.urandom(511).hex() + "\n"
    content = line * 40_000
    job = bench.transform(
        bench.model(), bench.put("t/huge/a.csv", content), MaxConcurrentTransforms=4, MaxPayloadInMB=2
    )
    assert job["TransformJobStatus"] == "Completed"
    assert output_of(bench, job) == content.encode()
