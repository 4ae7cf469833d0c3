"""Calls without a socket are those that boto3 makes: the same request, the same answer, the same errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator import wsgi
from emulator.keys import Keys, remember_keys
from emulator.stepfunctions.direct_client import DIRECT, DirectClients

URL = "http://127.0.0.1:1"


class Application:
    """Answers what a test tells it to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.body = b""
        self.answer: tuple[str, dict[str, str], bytes] = ("200 OK", {}, b"{}")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.asked.append(environ)
        self.body = environ["wsgi.input"].read()
        status, headers, body = self.answer
        start_response(status, list(headers.items()))
        return [body]


@pytest.fixture
def application() -> Iterator[Application]:
    made = Application()
    wsgi.publish(URL, made)
    yield made
    wsgi.withdraw(URL)


@pytest.fixture(autouse=True)
def _keys() -> None:
    remember_keys(URL, Keys("an-id", "a-secret"))


def test_json_call_names_its_action_and_its_service(application: Application) -> None:
    application.answer = ("200 OK", {}, b'{"TrainingJobName": "a", "CreationTime": 1.5}')

    answer = DirectClients(URL).get("sagemaker", "eu-west-1").describe_training_job(TrainingJobName="a")

    (asked,) = application.asked
    assert asked["HTTP_X_AMZ_TARGET"] == "SageMaker.DescribeTrainingJob"
    assert "Credential=an-id/" in asked["HTTP_AUTHORIZATION"]
    assert "/eu-west-1/sagemaker/aws4_request" in asked["HTTP_AUTHORIZATION"]
    assert json.loads(application.body) == {"TrainingJobName": "a"}
    assert answer["CreationTime"] == datetime.fromtimestamp(1.5, UTC)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_bucket_and_key_are_in_the_path_whatever_boto3_does_to_its_model(application: Application) -> None:
    clients = DirectClients(URL)
    client = clients.get("s3", "us-east-1")
    # boto3 takes the bucket out of its model's paths at its first call.
    model = client.meta.service_model.operation_model("PutObject")
    event, given = "before-parameter-build.s3.PutObject", {"Bucket": "b", "Key": "k"}
    client.meta.events.emit(event, params=given, model=model, context={})
    application.answer = ("200 OK", {"ETag": '"e"'}, b"")

    answer = client.put_object(Bucket="bucket", Key="a b/中.json", Body=b"{}", ContentType="application/json")

    (asked,) = application.asked
    assert (asked["REQUEST_METHOD"], asked["RAW_URI"]) == ("PUT", "/bucket/a%20b/%E4%B8%AD.json")
    assert (asked["CONTENT_TYPE"], asked["CONTENT_LENGTH"], application.body) == ("application/json", "2", b"{}")
    assert answer["ETag"] == '"e"'


def test_payload_of_a_function_can_be_read(application: Application) -> None:
    application.answer = ("200 OK", {"X-Amz-Function-Error": "Unhandled"}, b'{"errorType": "E"}')

    answer = DirectClients(URL).get("lambda", "us-east-1").invoke(FunctionName="f", Payload=b"{}")

    assert application.asked[0]["PATH_INFO"] == "/2015-03-31/functions/f/invocations"
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"].read() == b'{"errorType": "E"}'


@pytest.mark.parametrize(
    ("status", "headers", "body", "name", "code"),
    [
        pytest.param(
            "400 Bad Request", {}, b'{"__type": "ResourceInUse", "message": "m"}', "ResourceInUse", "ResourceInUse"
        ),
        pytest.param(
            "400 Bad Request",
            {},
            b'{"__type": "ThrottlingException", "message": "m"}',
            "ClientError",
            "ThrottlingException",
        ),
    ],
    ids=["modelled", "not-modelled"],
)
def test_refusal_is_boto3s_exception(
    application: Application, status: str, headers: dict[str, str], body: bytes, name: str, code: str
) -> None:
    application.answer = (status, headers, body)

    with pytest.raises(ClientError) as refused:
        DirectClients(URL).get("sagemaker", "us-east-1").create_training_job(TrainingJobName="a")

    assert type(refused.value).__name__ == name
    assert refused.value.response["Error"] == {"Code": code, "Message": "m"}
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_other_operations_and_services_are_boto3s() -> None:
    clients = DirectClients(URL)

    assert clients.get("s3", "us-east-1").meta.endpoint_url == URL
    assert clients.get("s3", "us-east-1") is clients.get("s3", "us-east-1")
    assert "sqs" not in DIRECT
    assert type(clients.get("sqs", "us-east-1")).__name__ == "SQS"
