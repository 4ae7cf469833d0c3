"""What is not played is refused by name, in the protocol of its service, so that clients neither retry nor misread it."""

from __future__ import annotations

import io
import json
import logging
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.iam.responses import IamResponse

from emulator.endpoint import DEFAULT_REGION, Clients, isolated_session
from emulator.server import Emulator
from tests.emulated import signed

PATIENCE_IN_SECONDS = 60
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:e"
ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Callable[[str], Any]:
    """Return the maker of a client with the retries that boto3 has unless told otherwise."""

    def make(service: str) -> Any:
        maker: Any = isolated_session(DEFAULT_REGION, emulator.settings.keys).client
        config = Config(inject_host_prefix=False, parameter_validation=False, proxies={})
        return maker(service, endpoint_url=emulator.url, config=config)

    return make


@pytest.fixture(scope="module")
def clients(emulator: Emulator) -> Clients:
    return Clients(emulator.url)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "status"),
    [
        ("stepfunctions", "redrive_execution", {"executionArn": EXECUTION}, "UnknownOperationException", 400),
        ("stepfunctions", "test_state", {"definition": "{}"}, "UnknownOperationException", 400),
        ("stepfunctions", "start_sync_execution", {"stateMachineArn": MACHINE}, "UnknownOperationException", 400),
        (
            "stepfunctions",
            "publish_state_machine_version",
            {"stateMachineArn": MACHINE},
            "UnknownOperationException",
            400,
        ),
        (
            "stepfunctions",
            "create_state_machine_alias",
            {"name": "a", "routingConfiguration": []},
            "UnknownOperationException",
            400,
        ),
        ("sagemaker", "delete_training_job", {"TrainingJobName": "j"}, "UnknownOperationException", 400),
        ("sagemaker", "create_endpoint_config", {"EndpointConfigName": "e"}, "UnknownOperationException", 400),
        ("sagemaker", "create_endpoint", {"EndpointName": "e"}, "UnknownOperationException", 400),
        ("sagemaker", "create_processing_job", {"ProcessingJobName": "j"}, "UnknownOperationException", 400),
        (
            "sagemaker",
            "create_hyper_parameter_tuning_job",
            {"HyperParameterTuningJobName": "j"},
            "UnknownOperationException",
            400,
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "Body": b""},
            "UnknownOperationException",
            404,
        ),
        ("lambda", "list_code_signing_configs", {}, "UnknownOperationException", 404),
        ("cloudformation", "detect_stack_drift", {"StackName": "s"}, "InvalidAction", 400),
        ("ec2", "describe_aggregate_id_format", {}, "InvalidAction", 400),
        ("sts", "get_web_identity_token", {}, "InvalidAction", 400),
        ("s3", "put_bucket_analytics_configuration", {"Bucket": "b", "Id": "i"}, "MethodNotAllowed", 405),
        (
            "cloudcontrol",
            "get_resource",
            {"TypeName": "AWS::S3::Bucket", "Identifier": "b"},
            "UnknownOperationException",
            400,
        ),
    ],
)
def test_it_is_refused_by_name_and_not_retried(
    client: Callable[[str], Any],
    service: str,
    operation: str,
    parameters: dict[str, Any],
    code: str,
    status: int,
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(client(service), operation)(**parameters)
    response: Any = refused.value.response
    name = operation.title().replace("_", "")
    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"].lower().startswith(f"this emulator does not play {name.lower()} of ")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["ResponseMetadata"]["RetryAttempts"] == 0


def test_refusing_a_part_of_an_object_leaves_the_object_alone(
    client: Callable[[str], Any], clients: Clients
) -> None:
    s3 = clients.get("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=b"content")
    with pytest.raises(ClientError, match="MethodNotAllowed"):
        client("s3").delete_object_annotation(Bucket="kept", Key="k", AnnotationName="a")
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"content"


def test_events_for_a_target_that_is_not_played_are_refused(clients: Clients) -> None:
    events = clients.get("events")
    events.put_rule(Name="all", EventPattern='{"source": ["own"]}')
    events.put_targets(Rule="all", Targets=[{"Id": "t", "Arn": "arn:aws:sns:us-east-1:123456789012:topic"}])
    with pytest.raises(
        ClientError, match=r"does not play PutEvents of Amazon EventBridge as it was asked for"
    ) as refused:
        events.put_events(Entries=[{"Source": "own", "DetailType": "d", "Detail": "{}"}])
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"


def test_a_fault_of_the_emulators_own_stays_an_error_of_the_server_and_is_logged(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(IamResponse, "list_users", fail)
    with caplog.at_level(logging.ERROR), pytest.raises(Exception, match="Internal Server Error"):
        clients.get("iam").list_users()
    assert "KeyError: 'a fault'" in caplog.text


def test_a_request_on_no_path_of_a_service_is_refused(emulator: Emulator) -> None:
    request = Request(  # noqa: S310 - http, to the emulator
        f"{emulator.url}/nowhere", headers=signed(emulator, "lambda", target="/nowhere")
    )
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=60)  # noqa: S310 - as above
    with refused.value as answer:
        assert json.load(answer)["Message"] == "This emulator does not play GET /nowhere of AWS Lambda."
        assert (answer.code, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def test_a_task_whose_job_is_not_played_fails_with_the_refusal(clients: Clients) -> None:
    states = clients.get("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:createProcessingJob",
        "Parameters": {
            "ProcessingJobName": "j",
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": "image"},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
            },
        },
        "End": True,
    }
    definition = json.dumps({"StartAt": "T", "States": {"T": task}})
    machine = states.create_state_machine(name="processing", definition=definition, roleArn=ROLE)
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    end = time.monotonic() + PATIENCE_IN_SECONDS
    while (run := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < end
        time.sleep(0.02)
    assert run["status"] == "FAILED"
    assert "This emulator does not play CreateProcessingJob of Amazon SageMaker Service." in run["cause"]


UNKNOWN_TYPE = {"Resources": {"T": {"Type": "AWS::SQS::Queue"}}}


BUCKET: dict[str, Any] = {"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}


def named(function: dict[str, Any]) -> dict[str, Any]:
    """Return a template with a bucket whose name a function gives."""
    return {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": function}}}}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (
            BUCKET | {"Conditions": {"C": {"Fn::Equals": [{"Ref": "Missing"}, "a"]}}},
            r"Unresolved resource dependencies \[Missing\] in the Conditions block",
        ),
        (BUCKET | {"Parameters": ["P"]}, r"\[/Parameters\] Every Parameters member must be an object"),
        (BUCKET | {"Outputs": {"O": "text"}}, r"\[/Outputs\] Every Outputs member must be an object"),
        (named({"Ref": ["B"]}), r"Ref cannot be given \[\"B\"\]"),
        (named({"Fn::GetAtt": "B"}), "Fn::GetAtt cannot be given"),
        (named({"Fn::Join": "-"}), "Fn::Join cannot be given"),
        (named({"Fn::If": ["C", "a"]}), "Fn::If cannot be given"),
        (named({"Fn::Select": [0]}), "Fn::Select cannot be given"),
        (named({"Fn::Sub": ["a"]}), "Fn::Sub cannot be given"),
        (UNKNOWN_TYPE, r"Unrecognized resource types: \[AWS::SQS::Queue \(T\)\]"),
        (named({"Ref": "Missing"}), r"Unresolved resource dependencies \[Missing\]"),
    ],
    ids=[
        "condition",
        "parameters",
        "outputs",
        "Ref",
        "GetAtt",
        "Join",
        "If",
        "Select",
        "Sub",
        "type",
        "reference",
    ],
)
def test_templates_are_refused_alike_by_every_way_to_deploy_them(
    clients: Clients, template: dict[str, Any], reason: str
) -> None:
    cloudformation = clients.get("cloudformation")
    body = json.dumps(template)
    good = {"Resources": {"L": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "kept-log"}}}}
    cloudformation.create_stack(StackName="good", TemplateBody=json.dumps(good))
    ways: list[Callable[[], Any]] = [
        lambda: cloudformation.create_stack(StackName="bad", TemplateBody=body),
        lambda: cloudformation.update_stack(StackName="good", TemplateBody=body),
        lambda: cloudformation.create_change_set(
            StackName="bad", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body
        ),
    ]
    for deploy in ways:
        with pytest.raises(ClientError, match=reason) as refused:
            deploy()
        assert refused.value.response["Error"]["Code"] == "ValidationError"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    stacks = cloudformation.describe_stacks()["Stacks"]
    assert [(stack["StackName"], stack["StackStatus"]) for stack in stacks] == [("good", "CREATE_COMPLETE")]
    cloudformation.delete_stack(StackName="good")


def test_a_parameter_without_any_value_is_refused(clients: Clients) -> None:
    cloudformation = clients.get("cloudformation")
    body = json.dumps({"Resources": {"L": {"Type": "AWS::Logs::LogGroup"}}})
    previous = [{"ParameterKey": "P", "UsePreviousValue": True}]
    with pytest.raises(
        ClientError, match=r"ValidationError.*of a stack that is to be created has no previous value"
    ):
        cloudformation.create_change_set(
            StackName="s", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body, Parameters=previous
        )
    cloudformation.create_stack(StackName="s", TemplateBody=body)
    for parameters, reason in (
        (previous, "usePreviousValue"),
        ([{"ParameterKey": "P"}], "must have a key, and a value"),
    ):
        with pytest.raises(ClientError, match=f"ValidationError.*{reason}"):
            cloudformation.update_stack(StackName="s", TemplateBody=body, Parameters=parameters)
    cloudformation.delete_stack(StackName="s")


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (b'{"Entries": "text"}', "SerializationException", "Invalid type for parameter Entries"),
        (b"{", "SerializationException", "The request is no JSON"),
        (b'{"Unknown": 1}', "ValidationException", 'Missing required parameter in input: "Entries"'),
    ],
    ids=["type", "no JSON", "missing"],
)
def test_a_request_that_breaks_the_model_of_its_service_is_refused(
    emulator: Emulator, content: bytes, code: str, reason: str
) -> None:
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"}
    request = Request(  # noqa: S310 - http, to the emulator
        f"{emulator.url}/",
        data=content,
        headers=signed(emulator, "events", "POST", headers=headers, body=content),
    )
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=60)  # noqa: S310 - as above
    with refused.value as answer:
        found = json.load(answer)
    assert (refused.value.code, found["__type"]) == (400, code)
    assert found["Message"].startswith(reason)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ({"Runtime": "nodejs20.x"}, r"does not play functions of the runtime nodejs20\.x: it runs Python 3 alone"),
        (
            {"Runtime": "python9"},
            r"Value python9 at 'runtime' failed to satisfy constraint: Member must satisfy enum",
        ),
        ({"PackageType": "Image"}, "does not play functions of PackageType Image"),
    ],
    ids=["another", "none", "image"],
)
def test_a_function_that_cannot_run_is_not_created(
    clients: Clients, function: dict[str, str], reason: str
) -> None:
    clients.get("iam").get_account_summary()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("m.js", "exports.h = async () => 1")
    with pytest.raises(ClientError, match=reason) as refused:
        clients.get("lambda").create_function(
            FunctionName="f", Role=ROLE, Handler="m.h", Code={"ZipFile": content.getvalue()}, **function
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert clients.get("lambda").list_functions()["Functions"] == []


@pytest.mark.parametrize(
    "name", ["ExampleS3Bucket", "a_b", "a..b", "-ab", "ab-", "192.168.5.4", "xn--a", "a-s3alias"]
)
def test_buckets_have_names_that_s3_takes(clients: Clients, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        clients.get("s3").create_bucket(Bucket=name)
    assert refused.value.response["Error"]["Code"] == "InvalidBucketName"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_list_does_not_go_on_from_a_token_that_is_none(clients: Clients) -> None:
    s3 = clients.get("s3")
    s3.create_bucket(Bucket="listed")
    for key in ("a", "b"):
        s3.put_object(Bucket="listed", Key=key, Body=b"")
    with pytest.raises(ClientError, match="The continuation token provided is incorrect") as refused:
        s3.list_objects_v2(Bucket="listed", ContinuationToken="nonsense")
    assert refused.value.response["Error"]["Code"] == "InvalidArgument"
    first = s3.list_objects_v2(Bucket="listed", MaxKeys=1)
    second = s3.list_objects_v2(Bucket="listed", ContinuationToken=first["NextContinuationToken"])
    assert [one["Key"] for one in second["Contents"]] == ["b"]


@pytest.mark.parametrize("policy", ["no JSON", "[]", "{}"])
def test_a_bucket_takes_no_policy_that_is_none(clients: Clients, policy: str) -> None:
    s3 = clients.get("s3")
    s3.create_bucket(Bucket="guarded")
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_policy(Bucket="guarded", Policy=policy)
    assert refused.value.response["Error"]["Code"] == "MalformedPolicy"
    s3.put_object(Bucket="guarded", Key="k", Body=b"")
