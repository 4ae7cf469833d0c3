"""Tasks on SageMaker, on AWS's APIs and on Lambda: what they send, what they give, and how they fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from .conftest import client_error, until

if TYPE_CHECKING:
    from .conftest import World

TRAINING: dict[str, Any] = {
    "TrainingJobName.$": "$.job",
    "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://out/"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "HyperParameters.$": "$.hyperparameters",
}
TRANSFORM: dict[str, Any] = {
    "TransformJobName.$": "$.job",
    "ModelName": "model",
    "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://in/x.csv"}}},
    "TransformOutput": {"S3OutputPath": "s3://out/"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
SYNC_START = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted"]
GIVEN = {"job": "job-1", "hyperparameters": {"trees": "10"}}


def machine(action: str, parameters: dict[str, Any], **fields: Any) -> dict[str, Any]:
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{action}",
        "Parameters": parameters,
        "TimeoutSeconds": 30,
    }
    return {"StartAt": "T", "States": {"T": state | {"End": True} | fields}}


def sync(**fields: Any) -> dict[str, Any]:
    return machine("sagemaker:createTrainingJob.sync", TRAINING, **fields)


@pytest.mark.parametrize(
    ("action", "parameters", "key"),
    [("createTrainingJob", TRAINING, "TrainingJob"), ("createTransformJob", TRANSFORM, "TransformJob")],
    ids=["training", "transform"],
)
def test_job_is_waited_for_and_described(world: World, action: str, parameters: dict[str, Any], key: str) -> None:
    looks = iter(["InProgress", "InProgress", "Completed"])
    world.sagemaker.status = lambda _: next(looks)

    run = world.run(machine(f"sagemaker:{action}.sync", parameters), GIVEN)

    assert run.types == [*SYNC_START, "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]
    assert run.output == {f"{key}Name": "job-1", f"{key}Status": "Completed"}
    assert world.sagemaker.created[0]["Tags"] == [{"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}]
    submitted = run.events[4]["taskSubmittedEventDetails"]
    assert (submitted["resource"], submitted["resourceType"]) == (f"{action}.sync", "sagemaker")
    assert json.loads(submitted["output"])[f"{key}Arn"] == "arn:job/job-1"


def test_job_that_is_not_waited_for_is_only_started(world: World) -> None:
    world.sagemaker.status = lambda _: "InProgress"

    run = world.run(machine("sagemaker:createTrainingJob", TRAINING), GIVEN)

    assert run.output["TrainingJobArn"] == "arn:job/job-1"
    assert "Tags" not in world.sagemaker.created[0]
    assert world.sagemaker.calls["describe"] == 0


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_job_that_did_not_complete_fails_the_task_with_its_description(world: World, status: str) -> None:
    world.sagemaker.status = lambda _: status
    definition = sync(Catch=[{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "C"}])
    definition["States"]["C"] = {"Type": "Succeed"}

    run = world.run(definition, GIVEN)

    assert run.types[: len(SYNC_START) + 1] == [*SYNC_START, "TaskFailed"]
    assert run.output["error"]["Error"] == "States.TaskFailed"
    assert json.loads(run.output["error"]["Cause"])["TrainingJobStatus"] == status


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceLimitExceeded", "SageMaker.ResourceLimitExceededException"),
        ("ResourceInUse", "SageMaker.ResourceInUseException"),
        ("ThrottlingException", "SageMaker.AmazonSageMakerException"),
        ("AccessDeniedException", "SageMaker.AmazonSageMakerException"),
        ("ValidationException", "SageMaker.AmazonSageMakerException"),
    ],
)
def test_refused_job_has_the_error_name_of_step_functions(world: World, code: str, error: str) -> None:
    world.sagemaker.refusals = [client_error(code, "Rate exceeded")]

    run = world.run(sync(), GIVEN)

    assert run.described["error"] == error
    assert run.described["cause"] == (
        f"Rate exceeded (Service: AmazonSageMaker; Status Code: 400; Error Code: {code}; "
        "Request ID: request-1; Proxy: null)"
    )


def test_refused_job_is_tried_again(world: World) -> None:
    world.sagemaker.refusals = [client_error("ThrottlingException")]
    retry = {"ErrorEquals": ["SageMaker.AmazonSageMakerException"], "IntervalSeconds": 1, "JitterStrategy": "FULL"}

    run = world.run(sync(Retry=[retry]), GIVEN)

    assert run.described["status"] == "SUCCEEDED"
    assert world.sagemaker.calls["create Training"] == 2


def test_stopped_execution_stops_its_job(world: World) -> None:
    world.sagemaker.status = lambda _: "InProgress"
    arn = world.start(sync(), GIVEN)
    until(lambda: world.sagemaker.created)

    world.states.stop_execution(executionArn=arn)

    until(lambda: world.sagemaker.stopped == ["job-1"])
    assert world.wait(arn).types == [*SYNC_START, "ExecutionAborted"]


def test_failed_branch_stops_the_job_of_the_other(world: World) -> None:
    world.sagemaker.status = lambda _: "InProgress"

    def fail_once_the_job_runs(event: Any) -> tuple[Any, str | None]:
        until(lambda: world.sagemaker.created)
        return event, "Unhandled"

    world.functions.answer = fail_once_the_job_runs
    call = machine("lambda:invoke", {"FunctionName": "f", "Payload": {}})
    call["States"] = {"L": call["States"]["T"]}
    branches = [sync(), call | {"StartAt": "L"}]

    run = world.run(
        {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}, GIVEN
    )

    assert run.described["status"] == "FAILED"
    until(lambda: world.sagemaker.stopped == ["job-1"])


def test_timed_out_task_leaves_its_job_running(world: World) -> None:
    world.sagemaker.status = lambda _: "InProgress"

    run = world.run(sync(TimeoutSeconds=1), GIVEN)

    assert run.types == [*SYNC_START, "TaskTimedOut", "ExecutionFailed"]
    assert run.described["error"] == "States.Timeout"
    assert world.sagemaker.stopped == []


def test_execution_out_of_time_leaves_its_job_running(world: World) -> None:
    world.sagemaker.status = lambda _: "InProgress"

    run = world.run(sync() | {"TimeoutSeconds": 1}, GIVEN)

    assert run.types == [*SYNC_START, "ExecutionTimedOut"]
    assert world.sagemaker.stopped == []


def test_look_that_is_throttled_is_taken_again(world: World) -> None:
    answers: list[Any] = [client_error("ThrottlingException"), client_error("x", status=503), "Completed"]

    def status(_: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    world.sagemaker.status = status

    assert world.run(sync(), GIVEN).described["status"] == "SUCCEEDED"
    assert answers == []


def test_job_that_is_gone_fails_the_task(world: World) -> None:
    def status(_: str) -> str:
        raise client_error("ValidationException", "Could not find it")

    world.sagemaker.status = status

    assert world.run(sync(), GIVEN).described["error"] == "SageMaker.AmazonSageMakerException"


@pytest.mark.parametrize("limit", [0, -1, "5", 1.5], ids=str)
def test_time_limit_that_is_no_positive_integer_ends_the_execution(world: World, limit: Any) -> None:
    definition = sync(TimeoutSecondsPath="$.limit")
    del definition["States"]["T"]["TimeoutSeconds"]

    run = world.run(definition, GIVEN | {"limit": limit})

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.Runtime")
    assert world.sagemaker.created == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"job": 5, "hyperparameters": {}}, "The value for the field 'TrainingJobName' must be a STRING"),
        ({"job": "j", "hyperparameters": {"trees": 10}}, "The value for the field 'trees' must be a STRING"),
        ({"job": "j", "hyperparameters": []}, "The value for the field 'HyperParameters' must be an object"),
    ],
    ids=["name", "value", "list"],
)
def test_parameters_of_the_wrong_type_end_the_execution(world: World, given: dict[str, Any], problem: str) -> None:
    definition = sync(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C"}])
    definition["States"]["C"] = {"Type": "Succeed"}

    run = world.run(definition, given)

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.Runtime")
    assert problem in run.described["cause"]
    assert world.sagemaker.created == []


def test_unknown_field_inside_a_whole_sub_object_ends_the_execution(world: World) -> None:
    parameters = {key: value for key, value in TRAINING.items() if key != "ResourceConfig"}
    given = GIVEN | {"resources": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "Volume": 5}}

    run = world.run(
        machine("sagemaker:createTrainingJob.sync", parameters | {"ResourceConfig.$": "$.resources"}), given
    )

    assert "[The field 'Volume' is not supported by Step Functions" in run.described["cause"]


def test_field_without_evidence_behind_a_reference_ends_the_execution(world: World) -> None:
    parameters = {key: value for key, value in TRAINING.items() if key != "ResourceConfig"}
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "KeepAlivePeriodInSeconds": 60}
    definition = machine(
        "sagemaker:createTrainingJob.sync",
        parameters | {"ResourceConfig.$": "$.resources"},
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C"}],
    )
    definition["States"]["C"] = {"Type": "Succeed"}

    run = world.run(definition, GIVEN | {"resources": resources})

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.Runtime")
    assert 'The field "KeepAlivePeriodInSeconds" is not supported' in run.described["cause"]
    assert world.sagemaker.created == []


def test_object_is_written_to_s3_as_json(world: World) -> None:
    parameters = {
        "Bucket": world.bucket,
        "Key.$": "$.key",
        "ContentType": "application/json",
        "Body": {"item.$": "$.item", "nested": {"n": 1}},
    }

    run = world.run(
        machine("aws-sdk:s3:putObject", parameters, OutputPath=None), {"key": "a/b.json", "item": "Zoë 店"}
    )

    assert world.get("a/b.json") == {"item": "Zoë 店", "nested": {"n": 1}}
    assert run.output == {}
    assert run.types[1:] == [
        *["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"],
        "ExecutionSucceeded",
    ]
    assert run.events[2]["taskScheduledEventDetails"]["resourceType"] == "aws-sdk:s3"


def test_object_is_read_as_text(world: World) -> None:
    world.put("a.txt", "hello")

    run = world.run(machine("aws-sdk:s3:getObject", {"Bucket": world.bucket, "Key": "a.txt"}))

    assert run.output["Body"] == "hello"
    assert isinstance(run.output["LastModified"], str)


@pytest.mark.parametrize(
    ("bucket", "key", "error"),
    [("absent", "k", "S3.NoSuchBucketException"), (None, "k", "S3.NoSuchKeyException")],
    ids=["bucket", "key"],
)
def test_s3_errors_have_the_names_of_step_functions(
    world: World, bucket: str | None, key: str, error: str
) -> None:
    run = world.run(machine("aws-sdk:s3:getObject", {"Bucket": bucket or world.bucket, "Key": key}))

    assert run.described["error"] == error
    assert "(Service: S3, Status Code: 404, Request ID: " in run.described["cause"]


def test_unmodelled_error_has_the_name_of_the_service(world: World) -> None:
    world.sagemaker.refusals = [client_error("ValidationException")]

    run = world.run(machine("aws-sdk:sagemaker:createTrainingJob", TRAINING), GIVEN)

    assert run.described["error"] == "SageMaker.SageMakerException"


def test_job_is_stopped_through_its_api(world: World) -> None:
    run = world.run(machine("aws-sdk:sagemaker:stopTrainingJob", {"TrainingJobName.$": "$.job"}), GIVEN)

    assert (run.output, world.sagemaker.stopped) == ({}, ["job-1"])


def test_function_gives_its_payload_and_the_answers_metadata(world: World) -> None:
    run = world.run(machine("lambda:invoke", {"FunctionName": "f", "Payload.$": "$"}), {"a": 1})

    assert run.output["Payload"] == {"got": {"a": 1}}
    assert (run.output["ExecutedVersion"], run.output["StatusCode"]) == ("$LATEST", 200)
    assert run.output["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert run.output["SdkResponseMetadata"] == {"RequestId": "r"}


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"errorType": "MetricsError", "errorMessage": "too bad"}, "MetricsError"),
        ({"errorType": "Sandbox.Timedout", "errorMessage": "3.00 seconds"}, "Sandbox.Timedout"),
        ({"errorMessage": "died"}, "Lambda.Unknown"),
    ],
    ids=["raised", "timed-out", "died"],
)
def test_error_of_a_function_is_named_by_its_class(world: World, payload: dict[str, str], error: str) -> None:
    world.functions.answer = lambda _: (payload, "Unhandled")

    run = world.run(machine("lambda:invoke", {"FunctionName": "f", "Payload": {}}))

    assert run.described["error"] == error
    assert json.loads(run.described["cause"]) == payload


def lambda_refusals() -> list[Any]:
    import boto3

    exceptions = boto3.client("lambda", region_name="us-east-1").exceptions
    answer: Any = {"Error": {"Code": "x", "Message": "no"}, "ResponseMetadata": {}}
    return [
        (exceptions.TooManyRequestsException(answer, "Invoke"), "Lambda.TooManyRequestsException"),
        (exceptions.ServiceException(answer, "Invoke"), "Lambda.ServiceException"),
        (client_error("AccessDeniedException"), "Lambda.AWSLambdaException"),
        (ConnectTimeoutError(endpoint_url="http://x"), "Lambda.SdkClientException"),
    ]


@pytest.mark.parametrize(("refusal", "error"), lambda_refusals(), ids=lambda v: v if isinstance(v, str) else "")
def test_error_of_lambda_itself_has_the_name_of_step_functions(
    world: World, refusal: Exception, error: str
) -> None:
    world.functions.refusals = [refusal]

    run = world.run(machine("lambda:invoke", {"FunctionName": "f", "Payload": {}}))

    assert run.described["error"] == error
