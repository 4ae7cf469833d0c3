"""AWS's errors become this application's, each of its kind; nothing of botocore's leaks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from pipeline.aws import errors, executions, s3_objects, sagemaker_api
from pipeline.documents import MetricsFile
from pipeline.errors import (
    DataNotReadableError,
    NameTakenError,
    PipelineError,
    ServiceRefusedError,
    ServiceThrottledError,
    ServiceUnavailableError,
)

PUT = {"Bucket": "output", "Key": "a.json", "ContentType": "application/json", "Metadata": {}}
KEYS: dict[str, Any] = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


@pytest.fixture
def s3() -> Iterator[Stubber]:
    with Stubber(boto3.client("s3", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    with Stubber(boto3.client("sagemaker", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, ServiceThrottledError),
        ("SlowDown", 503, ServiceThrottledError),
        ("RequestTimeout", 400, ServiceThrottledError),
        ("ResourceLimitExceeded", 400, ServiceThrottledError),
        ("InternalError", 500, ServiceUnavailableError),
        ("ServiceUnavailable", 503, ServiceUnavailableError),
        ("AccessDenied", 403, ServiceRefusedError),
        ("ValidationException", 400, ServiceRefusedError),
        ("NoSuchBucket", 404, ServiceRefusedError),
    ],
)
def test_each_of_awss_refusals_has_its_kind(s3: Any, code: str, status: int, kind: type[PipelineError]) -> None:
    s3.add_client_error("get_object", code, "told so", http_status_code=status)
    with pytest.raises(kind, match=rf"reading s3://output/a\.json: {code}: told so") as caught:
        s3_objects.read_document(s3.client, "output", "a.json", MetricsFile)
    assert caught.value.__cause__ is not None


def test_a_broken_connection_is_for_now_only() -> None:
    with pytest.raises(ServiceUnavailableError, match="asking"), errors.translated("asking"):
        raise EndpointConnectionError(endpoint_url="https://s3")


def test_an_object_that_is_not_there_is_none(s3: Any) -> None:
    s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    assert s3_objects.read_document(s3.client, "output", "a.json", MetricsFile) is None


def test_an_object_that_is_not_json_is_refused_by_name(s3: Any) -> None:
    body = StreamingBody(io.BytesIO(b"<html>"), 6)
    s3.add_response("get_object", {"Body": body, "ETag": '"1"'})
    with pytest.raises(DataNotReadableError, match=r"s3://output/a\.json cannot be read: Invalid JSON"):
        s3_objects.read_document(s3.client, "output", "a.json", MetricsFile)


def test_a_condition_that_does_not_hold_is_told_not_raised(s3: Any) -> None:
    s3.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
    assert s3_objects.write_document(s3.client, "output", "a.json", MetricsFile({}), only_if_absent=True) is False


def test_a_condition_that_could_not_be_decided_is_for_now_only(s3: Any) -> None:
    s3.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    with pytest.raises(ServiceThrottledError, match="ConditionalRequestConflict"):
        s3_objects.write_document(s3.client, "output", "a.json", MetricsFile({}), only_if_absent=True)


def test_a_number_that_json_has_no_word_for_is_written_as_null(s3: Any) -> None:
    s3.add_response("put_object", {}, PUT | {"Body": b'{"error":null}'})
    assert s3_objects.write_document(s3.client, "output", "a.json", MetricsFile({"error": float("nan")})) is True


def test_what_is_written_is_json_as_it_is(s3: Any) -> None:
    s3.add_response("put_object", {}, PUT | {"Body": '{"item":"台北"}'.encode(), "IfMatch": '"7"'})
    document = MetricsFile({"item": "台北"})
    assert s3_objects.write_document(s3.client, "output", "a.json", document, only_if_etag='"7"') is True


MODEL = {
    "ModelName": "model-x",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/sagemaker",
    "PrimaryContainer": {"Image": "image:1", "ModelDataUrl": "s3://o/m.tar.gz", "Environment": {}},
    "Tags": [{"Key": "a", "Value": "b"}],
}
ARN = "arn:aws:sagemaker:us-east-1:123456789012:model/model-x"


def described(**changes: Any) -> dict[str, Any]:
    container = {"Image": "image:1", "ModelDataUrl": "s3://o/m.tar.gz", "Mode": "SingleModel"}
    return {
        "ModelName": "model-x",
        "ModelArn": ARN,
        "ExecutionRoleArn": MODEL["ExecutionRoleArn"],
        "PrimaryContainer": container | changes,
        "CreationTime": 0,
    }


def test_a_model_created_twice_for_the_same_thing_answers_the_same(sagemaker: Any) -> None:
    sagemaker.add_response("create_model", {"ModelArn": ARN})
    first = sagemaker_api.create_model(sagemaker.client, MODEL)
    sagemaker.add_client_error("create_model", "ValidationException", "already existing")
    sagemaker.add_response("describe_model", described())
    assert sagemaker_api.create_model(sagemaker.client, MODEL) == first


def test_a_model_that_was_kept_from_before_models_had_no_network_is_the_same(sagemaker: Any) -> None:
    sagemaker.add_client_error("create_model", "ValidationException", "already existing")
    sagemaker.add_response("describe_model", described() | {"EnableNetworkIsolation": False})
    assert sagemaker_api.create_model(sagemaker.client, MODEL | {"EnableNetworkIsolation": True}) == ARN


def test_a_models_name_taken_by_another_is_an_error_that_names_the_difference(sagemaker: Any) -> None:
    sagemaker.add_client_error("create_model", "ValidationException", "already existing")
    sagemaker.add_response("describe_model", described(Image="image:2"))
    with pytest.raises(NameTakenError, match=r"PrimaryContainer\.Image is 'image:2', not 'image:1'"):
        sagemaker_api.create_model(sagemaker.client, MODEL)


def test_a_model_that_is_refused_and_does_not_exist_keeps_the_refusals_words(sagemaker: Any) -> None:
    sagemaker.add_client_error("create_model", "ValidationException", "no such image")
    sagemaker.add_client_error("describe_model", "ValidationException", "Could not find model")
    with pytest.raises(ServiceRefusedError, match="no such image"):
        sagemaker_api.create_model(sagemaker.client, MODEL)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("ThrottlingException", ServiceThrottledError), ("AccessDeniedException", ServiceRefusedError)],
)
def test_a_look_at_a_model_that_says_nothing_is_not_taken_for_there_is_none(
    sagemaker: Any, code: str, kind: type[PipelineError]
) -> None:
    sagemaker.add_client_error("create_model", "ValidationException", "already existing")
    sagemaker.add_client_error("describe_model", code, "later")
    with pytest.raises(kind, match=f"{code}: later"):
        sagemaker_api.create_model(sagemaker.client, MODEL)


TRANSFORM = {
    "TransformJobName": "b",
    "ModelName": "m",
    "MaxConcurrentTransforms": 0,
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://o/in.csv"}},
        "SplitType": "None",
    },
    "TransformOutput": {"S3OutputPath": "s3://o/out/"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
TRANSFORM_ARN = "arn:aws:sagemaker:us-east-1:123456789012:transform-job/b"


def described_transform(**changes: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://o/in.csv"}}
    return {
        "TransformJobName": "b",
        "TransformJobArn": TRANSFORM_ARN,
        "TransformJobStatus": "InProgress",
        "ModelName": "m",
        "MaxConcurrentTransforms": 4,
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": "s3://o/out/"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "CreationTime": 0,
        **changes,
    }


def test_what_aws_leaves_out_or_fills_in_makes_no_other_job(sagemaker: Any) -> None:
    sagemaker.add_client_error("create_transform_job", "ResourceInUse")
    sagemaker.add_response("describe_transform_job", described_transform())
    assert sagemaker_api.start_transform_job(sagemaker.client, TRANSFORM) == TRANSFORM_ARN


@pytest.mark.parametrize(
    "changes", [{"ModelName": "other"}, {"TransformOutput": {"S3OutputPath": "s3://o/else/"}}]
)
def test_a_transform_asked_for_otherwise_is_another_job(sagemaker: Any, changes: dict[str, Any]) -> None:
    sagemaker.add_client_error("create_transform_job", "ResourceInUse")
    sagemaker.add_response("describe_transform_job", described_transform(**changes))
    with pytest.raises(NameTakenError, match="another transform job b"):
        sagemaker_api.start_transform_job(sagemaker.client, TRANSFORM)


@pytest.mark.parametrize(
    ("mine", "theirs"), [({}, {"seed": "1"}), ({"seed": "1"}, {"seed": "1", "depth": "2"}), ({"seed": "1"}, {})]
)
def test_a_hyperparameter_more_or_less_is_another_training(
    sagemaker: Any, mine: dict[str, str], theirs: dict[str, str]
) -> None:
    sagemaker.add_client_error("create_training_job", "ResourceInUse")
    answer = {
        "TrainingJobName": "t",
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/t",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://o/m.tar.gz"},
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "CreationTime": 0,
        "HyperParameters": theirs,
    }
    sagemaker.add_response("describe_training_job", answer)
    request = {
        "TrainingJobName": "t",
        "HyperParameters": mine,
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://o/"},
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "RoleArn": "arn:aws:iam::123456789012:role/x",
    }
    with pytest.raises(NameTakenError, match="HyperParameters"):
        sagemaker_api.start_training_job(sagemaker.client, request)


def test_what_is_written_can_be_read_back(s3: Any) -> None:
    content = {"items": ["United Kingdom", "台北"]}
    body = json.dumps(content).encode()
    s3.add_response("get_object", {"Body": StreamingBody(io.BytesIO(body), len(body)), "ETag": '"9"'})
    stored = s3_objects.read_document(s3.client, "output", "a.json", MetricsFile)
    assert stored == (MetricsFile(content), '"9"')


def test_an_object_that_is_not_there_has_neither_bytes_nor_metadata(s3: Any) -> None:
    s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    assert s3_objects.read_bytes(s3.client, "output", "a.json") is None
    s3.add_client_error("head_object", "404", http_status_code=404)
    assert s3_objects.find_metadata(s3.client, "output", "a.json") is None


def test_metadata_that_may_not_be_read_is_no_missing_object(s3: Any) -> None:
    s3.add_client_error("head_object", "403", http_status_code=403)
    with pytest.raises(ServiceRefusedError, match=r"looking for s3://output/a\.json"):
        s3_objects.find_metadata(s3.client, "output", "a.json")


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFound"])
def test_a_training_job_that_is_not_there_is_none(sagemaker: Any, code: str) -> None:
    sagemaker.add_client_error("describe_training_job", code)
    assert sagemaker_api.describe_training_job(sagemaker.client, "t") is None


def test_a_training_job_that_may_not_be_looked_at_is_told(sagemaker: Any) -> None:
    sagemaker.add_client_error("describe_training_job", "AccessDeniedException")
    with pytest.raises(ServiceRefusedError, match="looking at training job t"):
        sagemaker_api.describe_training_job(sagemaker.client, "t")


@pytest.mark.parametrize(
    ("status", "running"),
    [("RUNNING", True), ("PENDING_REDRIVE", True), ("SUCCEEDED", False), ("ABORTED", False), ("TIMED_OUT", False)],
)
def test_an_execution_runs_until_step_functions_says_otherwise(status: str, *, running: bool) -> None:
    with Stubber(boto3.client("stepfunctions", **KEYS)) as stubber:
        answer = {"executionArn": "arn:x", "stateMachineArn": "arn:m", "status": status, "startDate": 0}
        stubber.add_response("describe_execution", answer, {"executionArn": "arn:x"})
        client: Any = stubber.client
        assert executions.execution_is_running(client, "arn:x") is running


def test_an_execution_that_step_functions_has_forgotten_has_ended() -> None:
    with Stubber(boto3.client("stepfunctions", **KEYS)) as stubber:
        client: Any = stubber.client
        stubber.add_client_error("describe_execution", "ExecutionDoesNotExist")
        assert executions.execution_is_running(client, "arn:x") is False
        stubber.add_client_error("describe_execution", "AccessDeniedException")
        with pytest.raises(ServiceRefusedError, match="looking at execution arn:x"):
            executions.execution_is_running(client, "arn:x")
