"""Which action a request is, told from its head."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.account.calls import LAMBDA, S3, SAGEMAKER, STEP_FUNCTIONS, Call, identify


def environ(
    service: str, method: str = "POST", path: str = "/", query: str = "", *, target: str = "", **more: str
) -> dict[str, Any]:
    scope = f"AWS4-HMAC-SHA256 Credential=key/20261122/eu-west-1/{service}/aws4_request, SignedHeaders=host"
    found = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_AUTHORIZATION": scope,
        "HTTP_HOST": "127.0.0.1:4600",
        **more,
    }
    return {**found, "HTTP_X_AMZ_TARGET": target} if target else found


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(
            environ("sagemaker", target="SageMaker.CreateTrainingJob"),
            Call(SAGEMAKER, "CreateTrainingJob", "eu-west-1"),
            id="SageMaker",
        ),
        pytest.param(
            environ("states", target="AWSStepFunctions.StartExecution"),
            Call(STEP_FUNCTIONS, "StartExecution", "eu-west-1"),
            id="Step Functions",
        ),
        pytest.param(environ("logs", target="Logs_20140328.PutLogEvents"), None, id="another service"),
        pytest.param(environ("iam"), None, id="a query service"),
        pytest.param(
            environ("lambda", path="/2015-03-31/functions/f/invocations"),
            Call(LAMBDA, "Invoke", "eu-west-1", "f"),
            id="function",
        ),
        pytest.param(
            environ(
                "lambda",
                path="/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:f:live/invocations",
            ),
            Call(LAMBDA, "Invoke", "eu-west-1", "f"),
            id="function's ARN",
        ),
        pytest.param(environ("lambda", "GET", "/2015-03-31/functions/f"), None, id="function's configuration"),
    ],
)
def test_json_services_and_functions(request_: dict[str, Any], expected: Call | None) -> None:
    assert identify(request_) == expected


@pytest.mark.parametrize(
    ("method", "path", "query", "action"),
    [
        ("GET", "/b/k/x.csv", "", "GetObject"),
        ("GET", "/b/k/x.csv", "versionId=1&x-id=GetObject", "GetObject"),
        ("HEAD", "/b/k/x.csv", "", "HeadObject"),
        ("PUT", "/b/k/x.csv", "", "PutObject"),
        ("PUT", "/b/k/x.csv", "partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/b/k/x.csv", "uploads", "CreateMultipartUpload"),
        ("POST", "/b/k/x.csv", "uploadId=u", "CompleteMultipartUpload"),
        ("DELETE", "/b/k/x.csv", "uploadId=u", "AbortMultipartUpload"),
        ("DELETE", "/b/k/x.csv", "", "DeleteObject"),
        ("GET", "/b", "list-type=2&prefix=k%2Fx.csv", "ListObjectsV2"),
        ("GET", "/b/", "prefix=k/x.csv&delimiter=/", "ListObjects"),
        ("GET", "/b", "versions&prefix=k%2Fx.csv&encoding-type=url", "ListObjectVersions"),
        ("PUT", "/b/k/x.csv", "tagging", ""),
        ("GET", "/b/k/x.csv", "uploadId=u", ""),
        ("GET", "/b", "versioning", ""),
        ("PUT", "/b", "", ""),
        ("GET", "/", "", ""),
    ],
)
def test_s3(method: str, path: str, query: str, action: str) -> None:
    found = identify(environ("s3", method, path, query))
    assert found == (Call(S3, action, "eu-west-1", "b/k/x.csv") if action else None)


def test_s3_copies_deletes_many_and_knows_buckets_in_the_host() -> None:
    copied = identify(environ("s3", "PUT", "/b/k", HTTP_X_AMZ_COPY_SOURCE="a/b"))
    assert copied is not None
    assert copied.action == "CopyObject"
    assert identify(environ("s3", "POST", "/b", "delete")) == Call(S3, "DeleteObjects", "eu-west-1", "b/")
    assert identify(environ("s3", "GET", "/k", HTTP_HOST="b.localhost:4600")) == Call(
        S3, "GetObject", "eu-west-1", "b/k"
    )


def test_a_presigned_address_and_letters_beyond_ascii_are_read() -> None:
    query = "X-Amz-Credential=key%2F20261122%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature=0"
    request = environ("s3", "GET", "/b/é".encode().decode("latin-1"), query)
    del request["HTTP_AUTHORIZATION"]
    assert identify(request) == Call(S3, "GetObject", "eu-west-1", "b/é")


@pytest.mark.parametrize(
    ("action", "body", "name"),
    [
        ("CreateTrainingJob", {"TrainingJobName": "t"}, "t"),
        ("CreateTransformJob", {"TransformJobName": "t", "ModelName": "m"}, "t"),
        ("DeleteModel", {"ModelName": "m"}, "m"),
        ("StartExecution", {"stateMachineArn": "arn:aws:states:r:1:stateMachine:s", "name": "x"}, "s"),
        ("DescribeExecution", {"executionArn": "arn:aws:states:r:1:execution:s:x"}, "x"),
        ("CreateStateMachine", {"name": "s"}, "s"),
        ("ListModels", {}, ""),
        ("ListTags", {"ResourceArn": "arn:aws:sagemaker:r:1:training-job/t"}, "t"),
    ],
)
def test_the_body_names_for_whom_a_call_is(action: str, body: dict[str, str], name: str) -> None:
    assert Call(SAGEMAKER, action, "r").name_in(json.dumps(body)) == name


@pytest.mark.parametrize("body", ["", "{", "[]", '{"ModelName": 3}'])
def test_a_body_that_names_nobody_is_no_error(body: str) -> None:
    assert Call(SAGEMAKER, "CreateModel", "r").name_in(body) == ""
