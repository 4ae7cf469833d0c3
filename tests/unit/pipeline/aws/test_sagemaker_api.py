"""Jobs and models are created once, and another one of the same name is an error."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.aws import sagemaker_api
from pipeline.errors import NameTakenError, PipelineError, ServiceRefusedError, ServiceThrottledError

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


def test_a_model_created_twice_with_one_request_is_one_model(sagemaker: Any) -> None:
    sagemaker.add_response("create_model", {"ModelArn": ARN})
    first = sagemaker_api.create_model(sagemaker.client, MODEL)
    sagemaker.add_client_error("create_model", "ValidationException", "already existing")
    sagemaker.add_response("describe_model", described())
    assert sagemaker_api.create_model(sagemaker.client, MODEL) == first


def test_network_isolation_makes_no_other_model(sagemaker: Any) -> None:
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
def test_a_failed_describe_is_not_taken_for_a_missing_model(
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


def test_values_that_aws_omits_or_adds_are_no_difference(sagemaker: Any) -> None:
    sagemaker.add_client_error("create_transform_job", "ResourceInUse")
    sagemaker.add_response("describe_transform_job", described_transform())
    assert sagemaker_api.start_transform_job(sagemaker.client, TRANSFORM) == TRANSFORM_ARN


@pytest.mark.parametrize(
    "changes", [{"ModelName": "other"}, {"TransformOutput": {"S3OutputPath": "s3://o/else/"}}]
)
def test_a_transform_with_another_request_is_another_job(sagemaker: Any, changes: dict[str, Any]) -> None:
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


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFound"])
def test_a_missing_training_job_is_none(sagemaker: Any, code: str) -> None:
    sagemaker.add_client_error("describe_training_job", code)
    assert sagemaker_api.describe_training_job(sagemaker.client, "t") is None


def test_a_denied_describe_of_a_training_job_raises(sagemaker: Any) -> None:
    sagemaker.add_client_error("describe_training_job", "AccessDeniedException")
    with pytest.raises(ServiceRefusedError, match="looking at training job t"):
        sagemaker_api.describe_training_job(sagemaker.client, "t")
