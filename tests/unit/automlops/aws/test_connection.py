"""What boto3 raises, in plain words."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore import exceptions
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.stub import Stubber

from automlops.aws.connection import Connection, connect, service_errors
from automlops.aws.stack import Stack, find_stack
from automlops.errors import CommandError, NoAnswerError, ServiceError

Stubbed = Callable[[str], tuple[Any, Stubber]]


def client_error(code: str) -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": "what AWS said"}}, "SomeCall")


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (exceptions.NoCredentialsError(), "no AWS credentials"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="x"), "no AWS credentials"),
        (exceptions.NoRegionError(), "Region is missing"),
        (exceptions.InvalidRegionError(region_name="not a region"), "Region is missing or wrong"),
        (exceptions.ProfileNotFound(profile="work"), r"profile \(work\) could not be found"),
        (exceptions.EndpointConnectionError(endpoint_url="http://nowhere"), "Nothing answers at http://nowhere"),
        (exceptions.ConnectTimeoutError(endpoint_url="http://slow"), "Nothing answers at http://slow"),
        (exceptions.ReadTimeoutError(endpoint_url="http://slow"), "Cannot do it"),
        (exceptions.SSOTokenLoadError(error_msg="log in"), "Cannot do it"),
        (S3UploadFailedError("gone wrong"), "Cannot do it: gone wrong"),
        (client_error("ExpiredToken"), "credentials have expired"),
        (client_error("InvalidClientTokenId"), "does not accept the credentials"),
        (client_error("AccessDeniedException"), "may not do it: what AWS said"),
        (client_error("SomethingElse"), "Cannot do it: SomethingElse: what AWS said"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_boto3_raises_becomes_one_clear_line(raised: Exception, line: str) -> None:
    with pytest.raises(ServiceError) as refused, service_errors("do it"):
        raise raised
    assert re.search(line, refused.value.lines[0])
    assert len(refused.value.lines) <= 2


def test_refused_connection_is_told_apart_from_one_that_takes_too_long() -> None:
    with pytest.raises(NoAnswerError), service_errors("do it"):
        raise exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    with pytest.raises(ServiceError) as slow, service_errors("do it"):
        raise exceptions.ConnectTimeoutError(endpoint_url="http://127.0.0.1:1")
    assert not isinstance(slow.value, NoAnswerError)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:4600", True),
        ("http://[::1]:4600", True),
        ("http://localhost:4600", True),
        ("http://192.0.2.7:4600", False),
        (None, False),
    ],
)
def test_endpoint_on_this_machine_is_known(url: str | None, here: bool) -> None:
    session: Any = None
    assert Connection(session, "eu-west-1", url).on_this_machine is here


def test_region_of_the_option_wins_over_the_environment() -> None:
    assert connect({"AWS_REGION": "eu-west-1"}, "ap-east-2").region == "ap-east-2"
    assert connect({"AWS_REGION": "eu-west-1"}).region == "eu-west-1"


def test_missing_region_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="No Region is set"):
        connect({})


class Body(io.BytesIO):
    """The body of an answer, as urllib3 hands it to botocore."""

    def stream(self) -> Iterator[bytes]:
        """Return the whole body at once."""
        yield self.getvalue()


class Service:
    """Answers each attempt of a client's calls in the place of AWS: a status and a body, or an exception."""

    def __init__(self, *answers: tuple[int, str] | Exception) -> None:
        self.answers = answers
        self.attempts = 0

    def answer(self, **_: Any) -> AWSResponse:
        """Return the next answer; the last one again and again."""
        found = self.answers[min(self.attempts, len(self.answers) - 1)]
        self.attempts += 1
        if isinstance(found, Exception):
            raise found
        status, body = found
        raw: Any = Body(body.encode())
        return AWSResponse("http://service", status, HTTPHeaders(), raw)

    def ask(self, endpoint_url: str | None) -> Any:
        """One call through the command's own client."""
        session = boto3.session.Session("test", "test", region_name="eu-west-1")
        client = Connection(session, "eu-west-1", endpoint_url).client("stepfunctions")
        client.meta.events.register("before-send", self.answer)
        return client.list_state_machines()


UNAVAILABLE = (503, '{"__type": "ServiceUnavailable"}')
BROKEN = exceptions.ConnectionClosedError(endpoint_url="http://service")
DENIED = (400, '{"__type": "AccessDeniedException"}')
EMPTY = (200, '{"stateMachines": []}')


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long botocore would have waited before each further attempt."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    # An environment's own number must not decide.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    return seconds


@pytest.mark.parametrize("failure", [UNAVAILABLE, BROKEN], ids=["unavailable", "broken connection"])
@pytest.mark.parametrize(
    ("endpoint_url", "attempts"), [(None, 6), ("http://127.0.0.1:4600", 3)], ids=["AWS", "emulator"]
)
def test_call_that_keeps_failing_is_tried_so_many_times(
    waits: list[float], endpoint_url: str | None, attempts: int, failure: tuple[int, str] | Exception
) -> None:
    service = Service(failure)
    with pytest.raises(ServiceError), service_errors("list them"):
        service.ask(endpoint_url)
    assert (service.attempts, len(waits)) == (attempts, attempts - 1)


@pytest.mark.parametrize(
    ("endpoint_url", "failures"), [(None, 5), ("http://127.0.0.1:4600", 2)], ids=["AWS", "emulator"]
)
def test_last_attempt_of_a_call_may_still_succeed(
    waits: list[float], endpoint_url: str | None, failures: int
) -> None:
    service = Service(*[UNAVAILABLE] * failures, EMPTY)
    assert service.ask(endpoint_url)["stateMachines"] == []
    assert (service.attempts, len(waits)) == (failures + 1, failures)


def test_call_that_is_refused_is_not_tried_again(waits: list[float]) -> None:
    service = Service(DENIED, EMPTY)
    with pytest.raises(ServiceError, match="may not list them"), service_errors("list them"):
        service.ask(None)
    assert (service.attempts, waits) == (1, [])


class OneClient(Connection):
    """A connection whose every client is the one given."""

    def __init__(self, client: Any) -> None:
        super().__init__(session=None, region="eu-west-1")  # type: ignore[arg-type]  # never asked for a client
        object.__setattr__(self, "_client", client)

    def client(self, service: str) -> Any:
        """Return the one client."""
        assert service == "cloudformation"
        return self._client  # type: ignore[attr-defined]  # set past the frozen dataclass


def description(outputs: dict[str, str]) -> dict[str, Any]:
    return {
        "Stacks": [
            {
                "StackName": "mine",
                "CreationTime": "2026-01-01T00:00:00Z",
                "StackStatus": "CREATE_IN_PROGRESS",
                "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
            }
        ]
    }


def test_stack_is_read_from_its_outputs(stubbed: Stubbed) -> None:
    client, stub = stubbed("cloudformation")
    outputs = {
        "StateMachineArn": "arn",
        "DataBucketName": "data",
        "OutputBucketName": "output",
        "DatasetFileName": "file.csv",
        "Another": "more",
    }
    told = description(outputs)
    told["Stacks"][0]["Parameters"] = [{"ParameterKey": "KeepModels", "ParameterValue": "true"}]
    stub.add_response("describe_stacks", told, {"StackName": "mine"})
    expected = Stack("mine", "arn", "data", "output", "file.csv", {"KeepModels": "true"})
    assert find_stack(OneClient(client), "mine") == expected


def test_stack_without_our_outputs_tells_its_status(stubbed: Stubbed) -> None:
    client, stub = stubbed("cloudformation")
    stub.add_response("describe_stacks", description({"StateMachineArn": "arn"}))
    with pytest.raises(ServiceError, match=r"no output DataBucketName.*CREATE_IN_PROGRESS"):
        find_stack(OneClient(client), "mine")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationError", "There is no stack 'mine' in eu-west-1"),
        ("AccessDenied", "may not read the stack 'mine'"),
    ],
)
def test_stack_that_cannot_be_read_is_told(stubbed: Stubbed, code: str, message: str) -> None:
    client, stub = stubbed("cloudformation")
    stub.add_client_error("describe_stacks", code)
    with pytest.raises(ServiceError, match=message):
        find_stack(OneClient(client), "mine")
