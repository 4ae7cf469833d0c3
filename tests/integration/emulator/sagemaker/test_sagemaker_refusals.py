"""What SageMaker's API refuses, with AWS's codes and words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

UNKNOWN_ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        pytest.param(
            {"TrainingJobName": "under_score"},
            "ValidationException",
            "1 validation error detected: Value 'under_score' at 'trainingJobName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
            id="name with an underscore",
        ),
        pytest.param(
            {"TrainingJobName": "x" * 64},
            "ValidationException",
            f"2 validation errors detected: Value '{'x' * 64}' at 'trainingJobName' failed to satisfy constraint: "
            "Member must have length less than or equal to 63; ",
            id="name of 64 characters",
        ),
        pytest.param(
            {"TrainingJobName": 5},
            "SerializationException",
            "NUMBER_VALUE can not be converted to a String",
            id="name that is a number",
        ),
        pytest.param(
            {"RoleArn": None, "OutputDataConfig": None},
            "ValidationException",
            "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be "
            "null; Value null at 'outputDataConfig' failed to satisfy constraint: Member must not be null",
            id="two members missing",
        ),
        pytest.param(
            {"RoleArn": "not-a-role-arn-at-all"},
            "ValidationException",
            "1 validation error detected: Value 'not-a-role-arn-at-all' at 'roleArn'",
            id="role that is no ARN",
        ),
        pytest.param(
            {"ResourceConfig": {"InstanceType": "ml.huge", "InstanceCount": 1, "VolumeSizeInGB": 5}},
            "ValidationException",
            "1 validation error detected: Value 'ml.huge' at 'resourceConfig.instanceType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [",
            id="no such instance type",
        ),
        pytest.param(
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": -1, "VolumeSizeInGB": 5}},
            "ValidationException",
            "1 validation error detected: Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
            id="negative number of instances",
        ),
        pytest.param(
            {"HyperParameters": {f"p{n}": "1" for n in range(101)}},
            "ValidationException",
            "1 validation error detected: Value '{p0=1, p1=1,",
            id="101 hyperparameters",
        ),
        pytest.param(
            {"HyperParameters": {"p": "x" * 2501}},
            "ValidationException",
            "1 validation error detected: Value '{p=xxx",
            id="hyperparameter of 2,501 characters",
        ),
        pytest.param(
            {"HyperParameters": {"p": 1}},
            "SerializationException",
            "NUMBER_VALUE can not be converted to a String",
            id="hyperparameter that is a number",
        ),
        pytest.param(
            {"Environment": {f"E{n}": "1" for n in range(101)}},
            "ValidationException",
            "1 validation error detected: Value '{E0=1,",
            id="101 environment variables",
        ),
        pytest.param(
            {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
            "ValidationException",
            "1 validation error detected: Value '0' at 'stoppingCondition.maxRuntimeInSeconds'",
            id="no runtime",
        ),
        pytest.param(
            {"RetryStrategy": {"MaximumRetryAttempts": 31}},
            "ValidationException",
            "1 validation error detected: Value '31' at 'retryStrategy.maximumRetryAttempts'",
            id="31 retries",
        ),
        pytest.param(
            {"Tags": [{"Key": "Item", "Value": "a;b"}]},
            "ValidationException",
            "1 validation error detected: Value 'a;b' at 'tags.1.member.value' failed to satisfy constraint",
            id="tag value with a semicolon",
        ),
        pytest.param(
            {"EnableManagedSpotTraining": True},
            "ValidationException",
            "MaxWaitTimeInSeconds must be specified",
            id="spot without a wait",
        ),
        pytest.param(
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59},
            },
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
            id="spot that waits less than it runs",
        ),
        pytest.param(
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "training",
                        "DataSource": {
                            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/nothing/"}
                        },
                    }
                ]
            },
            "ValidationException",
            'No S3 objects found under S3 URL "s3://bucket/nothing/" given in input data source. Please ensure that '
            "the bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that "
            'the role "arn:aws:iam::123456789012:role/SageMakerRole" has "s3:ListBucket" permissions on bucket '
            '"bucket".',
            id="no objects",
        ),
        pytest.param(
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "training",
                        "DataSource": {
                            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://no-such-bucket/x"}
                        },
                    }
                ]
            },
            "ValidationException",
            'No S3 objects found under S3 URL "s3://no-such-bucket/x"',
            id="no such bucket",
        ),
        pytest.param({"ResourceConfig": None}, "ValidationException", "ResourceConfig must be", id="no resources"),
        pytest.param(
            {"OutputDataConfig": {"S3OutputPath": "s3://bucket/x", "CompressionType": "NONE"}},
            "ValidationException",
            "This emulator does not support OutputDataConfig's CompressionType NONE; AWS does.",
            id="what the emulator cannot do",
        ),
    ],
)
def test_training_job_is_refused(bench: Any, changes: dict[str, Any], code: str, message: str) -> None:
    request = bench.training_request(**changes)
    found = bench.refusal(bench.sagemaker.create_training_job, **request)
    assert found[0] == code
    assert found[1].startswith(message)
    name = str(request["TrainingJobName"])
    # A refused create does not spend the name.
    assert name not in {
        job["TrainingJobName"]
        for page in bench.sagemaker.get_paginator("list_training_jobs").paginate()
        for job in page["TrainingJobSummaries"]
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"BatchStrategy": "MultiRecord", "split": "None"}, "BatchStrategy MultiRecord", id="unsplit"),
        pytest.param(
            {"MaxPayloadInMB": 51, "MaxConcurrentTransforms": 2},
            "MaxConcurrentTransforms * MaxPayloadInMB cannot exceed 100 MB",
            id="more than 100 MB at once",
        ),
        pytest.param({"MaxPayloadInMB": 101}, "MaxPayloadInMB cannot exceed 100 MB", id="payload above 100 MB"),
        pytest.param(
            {"Environment": {f"E{n}": "1" for n in range(17)}},
            "1 validation error detected: Value '{E0=1",
            id="17 environment variables",
        ),
        pytest.param(
            {"TransformResources": {"InstanceType": "ml.m5.large"}},
            "1 validation error detected: Value null at 'transformResources.instanceCount'",
            id="no instance count",
        ),
        pytest.param(
            {"BatchStrategy": "Many"},
            "1 validation error detected: Value 'Many' at 'batchStrategy' failed to satisfy constraint: Member must "
            "satisfy enum value set: [MultiRecord, SingleRecord]",
            id="no such strategy",
        ),
        pytest.param(
            {"DataProcessing": {"OutputFilter": "$[0]"}},
            "This emulator does not support OutputFilter $[0]; AWS does.",
            id="filter",
        ),
        pytest.param({"split": "RecordIO"}, "This emulator does not support SplitType RecordIO", id="RecordIO"),
        pytest.param(
            {"DataProcessing": {"JoinSource": "Input"}, "output": {"Accept": "application/json"}},
            "This emulator does not support JoinSource Input for anything but text/csv",
            id="join of JSON",
        ),
        pytest.param({"ModelName": "no-such"}, f'Could not find model "{UNKNOWN_ARN}:model/no-such".', id="model"),
    ],
)
def test_transform_job_is_refused(bench: Any, changes: dict[str, Any], message: str) -> None:
    uri = bench.put("api/a.csv", "1\n")
    request = bench.transform_request(bench.model(), uri, **changes)
    found = bench.refusal(bench.sagemaker.create_transform_job, **request)
    assert found[0] == "ValidationException"
    assert found[1].startswith(message)


def test_transform_job_without_input_is_refused(bench: Any) -> None:
    request = bench.transform_request(bench.model(), "s3://bucket/nothing/a.csv")
    code, message = bench.refusal(bench.sagemaker.create_transform_job, **request)
    assert code == "ValidationException"
    assert message.startswith('No S3 objects found under S3 URL "s3://bucket/nothing/a.csv"')


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"ModelName": "under_score"}, "1 validation error detected: Value 'under_score'", id="name"),
        pytest.param({"PrimaryContainer": {}}, "Image or ModelPackageName must be provided", id="no image"),
        pytest.param(
            {"PrimaryContainer": None}, "Exactly one of PrimaryContainer and Containers", id="no container"
        ),
        pytest.param(
            {"PrimaryContainer": {"Image": "registry.test/echo", "ModelDataUrl": "s3://bucket/no/model.tar.gz"}},
            "Could not find model data at s3://bucket/no/model.tar.gz.",
            id="no artifact",
        ),
    ],
)
def test_model_is_refused(bench: Any, changes: dict[str, Any], message: str) -> None:
    request = {
        "ModelName": bench.name("model"),
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "PrimaryContainer": {"Image": "registry.test/echo:1"},
        **changes,
    }
    given = {name: value for name, value in request.items() if value is not None}
    code, found = bench.refusal(bench.sagemaker.create_model, **given)
    assert code == "ValidationException"
    assert found.startswith(message)


def test_taken_names_are_refused_whatever_their_case(bench: Any) -> None:
    training = bench.training_request("empty-handed", TrainingJobName="Taken-Name")
    bench.sagemaker.create_training_job(**training)
    bench.wait_training("Taken-Name")
    transform = bench.transform_request(
        bench.model(), bench.put("api/a.csv", "1\n"), TransformJobName="Taken-Name"
    )
    bench.sagemaker.create_transform_job(**transform)
    bench.wait_transform("Taken-Name")
    model = {"ModelName": "Taken-Name", "PrimaryContainer": {"Image": "registry.test/echo:1"}}
    bench.sagemaker.create_model(**model)
    lower = {"TrainingJobName": "taken-name", "TransformJobName": "taken-name", "ModelName": "taken-name"}
    assert bench.refusal(
        bench.sagemaker.create_training_job, **(training | {"TrainingJobName": "taken-name"})
    ) == (
        "ResourceInUse",
        (
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            f"already exists ({UNKNOWN_ARN}:training-job/taken-name)"
        ),
    )
    code, message = bench.refusal(bench.sagemaker.create_transform_job, **transform)
    assert code == "ResourceInUse"
    assert message.startswith("Job name must be unique within an AWS account and region")
    assert bench.refusal(bench.sagemaker.create_model, **(model | {"ModelName": lower["ModelName"]})) == (
        "ValidationException",
        f'Cannot create already existing model "{UNKNOWN_ARN}:model/taken-name".',
    )


def test_name_asked_for_at_the_same_time_is_given_once(bench: Any) -> None:
    channel = bench.channel(bench.put("api/same/a.csv", "1\n"))
    request = bench.training_request("empty-handed", InputDataConfig=[channel])

    def create(_: int) -> str:
        try:
            bench.sagemaker.create_training_job(**request)
        except ClientError as error:
            code: str = error.response["Error"]["Code"]
            return code
        return "created"

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(create, range(8)))
    assert found == ["ResourceInUse"] * 7 + ["created"]


@pytest.mark.parametrize(
    ("action", "key", "message"),
    [
        pytest.param("describe_training_job", "TrainingJobName", "Requested resource not found.", id="training"),
        pytest.param("stop_training_job", "TrainingJobName", "Requested resource not found.", id="stop training"),
        pytest.param(
            "describe_transform_job",
            "TransformJobName",
            "Could not find requested job with name: no-such",
            id="transform",
        ),
        pytest.param(
            "stop_transform_job",
            "TransformJobName",
            "Could not find requested job with name: no-such",
            id="stop transform",
        ),
        pytest.param(
            "describe_model", "ModelName", f'Could not find model "{UNKNOWN_ARN}:model/no-such".', id="model"
        ),
        pytest.param(
            "delete_model", "ModelName", f'Could not find model "{UNKNOWN_ARN}:model/no-such".', id="delete model"
        ),
        pytest.param(
            "list_tags",
            "ResourceArn",
            f"Could not find resource {UNKNOWN_ARN}:training-job/no-such.",
            id="tags",
        ),
    ],
)
def test_what_does_not_exist_is_refused(bench: Any, action: str, key: str, message: str) -> None:
    value = f"{UNKNOWN_ARN}:training-job/no-such" if key == "ResourceArn" else "no-such"
    assert bench.refusal(getattr(bench.sagemaker, action), **{key: value}) == ("ValidationException", message)
