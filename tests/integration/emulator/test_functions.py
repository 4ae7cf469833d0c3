"""Lambda functions under the real runtime client."""

from __future__ import annotations

import base64
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.endpoint import Clients
from emulator.server import Emulator

PATIENCE_IN_SECONDS = 60
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
APP = """
import importlib, os, sys, time

class ModelArtifactMissingError(Exception):
    pass

def handler(event, context):
    print("event", sorted(event))
    for name, value in event.items():
        return globals()[name](value, context)

def environment(names, context): return {name: os.environ.get(name) for name in names}
def fail(message, context): raise ModelArtifactMissingError(message)
def sleep(seconds, context): time.sleep(seconds); return os.getpid()
def leave(status, context): os._exit(status)
def flood(_, context):
    while True: print("x" * 1000)
def find(name, context):
    try: return importlib.import_module(name).__file__
    except ModuleNotFoundError as error: return str(error)
def buckets(_, context):
    import boto3
    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
def about(_, context):
    return [context.function_name, context.invoked_function_arn, context.get_remaining_time_in_millis(), os.getcwd()]
"""


def packaged(files: dict[str, str]) -> bytes:
    """Return the sources as a code package."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, source in files.items():
            archive.writestr(path, source)
    return content.getvalue()


@dataclass(frozen=True)
class Answer:
    value: Any
    error: str | None
    log: str


@dataclass(frozen=True)
class Bench:
    """An emulator and what a test needs to use its Lambda."""

    clients: Clients

    def create(self, name: str, code: bytes = b"", **told: Any) -> None:
        self.clients.get("lambda").create_function(
            **{
                "FunctionName": name,
                "Runtime": "python3.13",
                "Role": "arn:aws:iam::123456789012:role/role",
                "Handler": "app.handler",
                "Code": {"ZipFile": code or packaged({"app.py": APP})},
                "Timeout": 30,
                **told,
            }
        )

    def invoke(self, name: str, event: Any) -> Answer:
        answer = self.clients.get("lambda").invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        log = base64.b64decode(answer["LogResult"]).decode()
        return Answer(json.loads(answer["Payload"].read()), answer.get("FunctionError"), log)

    def messages(self, group: str) -> list[str]:
        pages = self.clients.get("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_PROFILE", "of-the-user")
        patch.setenv("OF_THE_USER", "secret")
        with Emulator() as emulator:
            bench = Bench(Clients(emulator.url))
            bench.clients.get("iam").create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(TRUST))
            bench.clients.get("s3").create_bucket(Bucket="only-here")
            bench.create("app")
            yield bench


@pytest.fixture
def create(bench: Bench, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Make a function that bears the test's name."""

    def make(code: bytes = b"", **told: Any) -> str:
        name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:64]
        bench.create(name, code, **told)
        return name

    return make


def test_a_handler_reaches_the_emulator_with_its_own_clients(bench: Bench) -> None:
    assert bench.invoke("app", {"buckets": 1}).value == ["only-here"]


def test_a_handler_knows_its_function(bench: Bench) -> None:
    name, arn, milliseconds, folder = bench.invoke("app", {"about": 1}).value
    assert (name, arn) == ("app", "arn:aws:lambda:us-east-1:123456789012:function:app")
    assert 0 < milliseconds <= 30_000
    assert folder == bench.invoke("app", {"environment": ["LAMBDA_TASK_ROOT"]}).value["LAMBDA_TASK_ROOT"]


def test_the_services_variables_win_and_the_users_are_not_seen(bench: Bench, create: Callable[..., str]) -> None:
    name = create(Environment={"Variables": {"STAGE": "dev", "AWS_ENDPOINT_URL": ""}}, MemorySize=512)
    expected = {
        "STAGE": "dev",
        "AWS_ENDPOINT_URL": bench.clients.get("s3").meta.endpoint_url,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_REGION": "us-east-1",
        "_HANDLER": "app.handler",
        "AWS_PROFILE": None,
        "OF_THE_USER": None,
    }
    assert bench.invoke(name, {"environment": list(expected)}).value == expected


def test_a_packages_own_modules_run_and_not_this_checkouts(bench: Bench, create: Callable[..., str]) -> None:
    name = create(packaged({"app.py": APP, "pipeline/__init__.py": "", "pipeline/naming.py": ""}))
    root = bench.invoke(name, {"environment": ["LAMBDA_TASK_ROOT"]}).value["LAMBDA_TASK_ROOT"]
    assert bench.invoke(name, {"find": "pipeline"}).value == f"{root}/pipeline/__init__.py"
    # Not in the package, though this checkout has it.
    assert bench.invoke(name, {"find": "pipeline.settings"}).value == "No module named 'pipeline.settings'"
    assert bench.invoke(name, {"find": "emulator"}).value == "No module named 'emulator'"


def test_libraries_come_from_this_environment_even_if_packaged(bench: Bench, create: Callable[..., str]) -> None:
    name = create(packaged({"app.py": APP, "pydantic.py": "raise ImportError('made for another machine')"}))
    assert "site-packages" in bench.invoke(name, {"find": "pydantic"}).value


def test_an_error_keeps_its_class_and_is_unhandled(bench: Bench) -> None:
    answer = bench.invoke("app", {"fail": "no model.tar.gz"})
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "ModelArtifactMissingError"
    assert answer.value["errorMessage"] == "no model.tar.gz"
    assert answer.value["stackTrace"]


def test_a_module_that_cannot_be_imported_is_an_error_of_the_function(
    bench: Bench, create: Callable[..., str]
) -> None:
    answer = bench.invoke(create(packaged({"app.py": "import not_there"})), {})
    assert (answer.error, answer.value["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


def test_a_process_that_ends_is_an_exit_error_and_the_next_invocation_works(
    bench: Bench, create: Callable[..., str]
) -> None:
    name = create()
    answer = bench.invoke(name, {"leave": 3})
    assert (answer.error, answer.value["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer.value["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert bench.invoke(name, {"sleep": 0}).error is None


@pytest.mark.parametrize("event", [{"sleep": 600}, {"flood": 1}], ids=["hanging", "printing"])
def test_a_handler_without_end_is_timed_out_and_its_process_ended(
    bench: Bench, create: Callable[..., str], event: dict[str, int]
) -> None:
    name = create(Timeout=1)
    process = bench.invoke(name, {"sleep": 0}).value
    answer = bench.invoke(name, event)
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "Sandbox.Timedout"
    assert answer.value["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert len("".join(bench.messages(f"/aws/lambda/{name}"))) < 2_000_000


def test_a_sandbox_stays_warm_and_side_by_side_invocations_have_their_own(
    bench: Bench, create: Callable[..., str]
) -> None:
    name = create()
    first = bench.invoke(name, {"sleep": 0}).value
    assert bench.invoke(name, {"sleep": 0}).value == first
    with ThreadPoolExecutor(3) as threads:
        processes = list(threads.map(lambda _: bench.invoke(name, {"sleep": 0.5}).value, range(3)))
    assert len(set(processes)) == 3
    assert first in processes


def test_more_invocations_than_sandboxes_wait_their_turn(bench: Bench, create: Callable[..., str]) -> None:
    name = create()
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: bench.invoke(name, {"sleep": 0.1}), range(12)))
    assert [answer.error for answer in answers] == [None] * 12
    assert len({answer.value for answer in answers}) <= 8


def test_new_code_and_new_configuration_are_used(bench: Bench, create: Callable[..., str]) -> None:
    name, functions = create(), bench.clients.get("lambda")
    assert bench.invoke(name, {"environment": ["STAGE"]}).value == {"STAGE": None}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"STAGE": "prod"}})
    assert bench.invoke(name, {"environment": ["STAGE"]}).value == {"STAGE": "prod"}
    functions.update_function_code(
        FunctionName=name, ZipFile=packaged({"app.py": "def handler(event, context): return 'new'"})
    )
    assert bench.invoke(name, {}).value == "new"


def test_logs_are_in_the_group_the_function_names(bench: Bench, create: Callable[..., str]) -> None:
    name = create(LoggingConfig={"LogGroup": "the-group"})
    answer = bench.invoke(name, {"sleep": 0})
    kinds = [message.split()[0] for message in bench.messages("the-group")]
    assert kinds == ["START", "event", "END", "REPORT"]
    assert [line.split()[0] for line in answer.log.splitlines()] == kinds
    assert "Init Duration" in answer.log
    bench.invoke(name, {"sleep": 0})
    streams = bench.clients.get("logs").describe_log_streams(logGroupName="the-group")["logStreams"]
    assert len(streams) == 1


def test_an_event_is_taken_and_run_later(bench: Bench, create: Callable[..., str]) -> None:
    name = create(LoggingConfig={"LogGroup": "later"})
    answer = bench.clients.get("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'{"sleep": 0}')
    assert answer["StatusCode"] == 202
    end = time.monotonic() + PATIENCE_IN_SECONDS
    while not bench.clients.get("logs").describe_log_groups(logGroupNamePrefix="later")["logGroups"]:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_dry_run_runs_nothing(bench: Bench, create: Callable[..., str]) -> None:
    name = create(LoggingConfig={"LogGroup": "dry"})
    answer = bench.clients.get("lambda").invoke(FunctionName=name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert bench.clients.get("logs").describe_log_groups(logGroupNamePrefix="dry")["logGroups"] == []


@pytest.mark.parametrize(
    ("told", "code"),
    [
        pytest.param({"FunctionName": "app", "Payload": b"{"}, "InvalidRequestContentException", id="no JSON"),
        pytest.param(
            {"FunctionName": "app", "Payload": b'"' + b"x" * 6_291_456 + b'"'},
            "RequestTooLargeException",
            id="large",
        ),
        pytest.param({"FunctionName": "nobody", "Payload": b"{}"}, "ResourceNotFoundException", id="no function"),
    ],
)
def test_what_lambda_refuses_is_refused(bench: Bench, told: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        bench.clients.get("lambda").invoke(**told)
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    "code",
    [{"S3Bucket": "only-here", "S3Key": "nothing"}, {"ZipFile": b"no zip file"}],
    ids=["missing object", "no zip file"],
)
def test_a_function_without_code_is_refused(bench: Bench, code: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        bench.create("codeless", Code=code)
