"""Stacks: made, changed, taken back and removed through CloudFormation's API."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.deployment import DeploymentError, deploy
from emulator.endpoint import Clients
from emulator.server import Emulator

BUCKETS = """
Parameters:
  Versioning: {Type: String, Default: Enabled, AllowedValues: [Enabled, Suspended]}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {VersioningConfiguration: {Status: !Ref Versioning}}
Outputs:
  Name: {Value: !Ref Bucket}
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="module")
def clients(emulator: Emulator) -> Clients:
    return Clients(emulator.url)


class Stacks:
    """Deploys the text of a template as a stack that bears the test's name."""

    def __init__(self, emulator: Emulator, clients: Clients, folder: Path, name: str) -> None:
        self._url, self._folder, self.name = emulator.url, folder, name
        self.cloudformation = clients.get("cloudformation")

    def deploy(self, text: str, **parameters: str) -> dict[str, str]:
        path = self._folder / "template.yaml"
        path.write_text(text)
        return deploy(self._url, path, self.name, parameters)

    def status(self) -> str:
        status: str = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]
        return status

    def parameters(self) -> dict[str, str]:
        found = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["Parameters"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in found}

    def resources(self) -> dict[str, str]:
        found = self.cloudformation.describe_stack_resources(StackName=self.name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def events(self) -> list[tuple[str, str]]:
        found = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [(one["LogicalResourceId"], one["ResourceStatus"]) for one in reversed(found)]


@pytest.fixture
def stacks(emulator: Emulator, clients: Clients, tmp_path: Path, request: pytest.FixtureRequest) -> Stacks:
    name = re.sub("[^A-Za-z0-9]+", "-", request.node.name)[:60].strip("-")
    return Stacks(emulator, clients, tmp_path, name)


@pytest.fixture(scope="module")
def outputs(emulator: Emulator, root: Path) -> dict[str, str]:
    """Of the project's own template, deployed with its defaults."""
    return deploy(emulator.url, root / "template.yaml", "automlops", {})


def bucket_exists(clients: Clients, name: str) -> bool:
    return name in {bucket["Name"] for bucket in clients.get("s3").list_buckets()["Buckets"]}


def test_every_resource_of_the_projects_template_exists(clients: Clients, outputs: dict[str, str]) -> None:
    cloudformation = clients.get("cloudformation")
    found = cloudformation.describe_stack_resources(StackName="automlops")["StackResources"]
    ids: dict[str, set[str]] = {}
    for one in found:
        ids.setdefault(one["ResourceType"], set()).add(one["PhysicalResourceId"])
    functions = clients.get("lambda").list_functions()["Functions"]
    assert ids["AWS::Lambda::Function"] == {one["FunctionName"] for one in functions}
    assert ids["AWS::IAM::Role"] == {one["RoleName"] for one in clients.get("iam").list_roles()["Roles"]}
    assert ids["AWS::S3::Bucket"] <= {one["Name"] for one in clients.get("s3").list_buckets()["Buckets"]}
    groups = clients.get("logs").describe_log_groups()["logGroups"]
    assert ids["AWS::Logs::LogGroup"] <= {one["logGroupName"] for one in groups}
    repositories = clients.get("ecr").describe_repositories()["repositories"]
    assert ids["AWS::ECR::Repository"] == {one["repositoryName"] for one in repositories}
    assert {one["repositoryUri"] for one in repositories} == {outputs["ImageRepositoryUri"]}
    machines = clients.get("stepfunctions").list_state_machines()["stateMachines"]
    assert ids["AWS::StepFunctions::StateMachine"] == {one["stateMachineArn"] for one in machines}


def test_a_bucket_has_the_properties_of_its_template_and_can_be_used(
    clients: Clients, outputs: dict[str, str]
) -> None:
    s3, name = clients.get("s3"), outputs["DataBucketName"]
    assert re.fullmatch(r"automlops-databucket-[a-z0-9]{12}", name)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert {rule["ID"] for rule in lifecycle} == {"RemoveOldVersions", "RemoveBrokenUploads"}
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    assert policy["Statement"][0]["Effect"] == "Deny"
    # That Deny is for plain HTTP, which the emulator's own stands for TLS.
    s3.put_object(Bucket=name, Key="a b/鍵", Body=b"x")
    assert s3.get_object(Bucket=name, Key="a b/鍵")["Body"].read() == b"x"
    s3.delete_object(Bucket=name, Key="a b/鍵")


def test_a_function_has_the_properties_of_its_template(clients: Clients, outputs: dict[str, str]) -> None:
    told = clients.get("lambda").get_function_configuration(FunctionName=outputs["PrepareRunFunctionName"])
    assert (told["Timeout"], told["MemorySize"], told["Architectures"]) == (900, 2048, ["x86_64"])
    assert told["TracingConfig"] == {"Mode": "Active"}
    assert told["LoggingConfig"]["LogGroup"].startswith("automlops-PrepareRunLogs-")
    variables = told["Environment"]["Variables"]
    assert variables["DATA_BUCKET"] == outputs["DataBucketName"]
    assert variables["IMAGE_URI"] == "123456789012.dkr.ecr.us-east-1.amazonaws.com/automlops:local"


def test_a_role_has_the_policies_of_its_template(clients: Clients, outputs: dict[str, str]) -> None:
    iam = clients.get("iam")
    name = outputs["SageMakerRoleArn"].rsplit("/", 1)[1]
    assert set(iam.list_role_policies(RoleName=name)["PolicyNames"]) == {"jobs", "find-data", "read-data"}
    policy = iam.get_role_policy(RoleName=name, PolicyName="find-data")["PolicyDocument"]
    resources = {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}
    assert f"arn:aws:s3:::{outputs['DataBucketName']}" in resources["ListBuckets"]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_the_machines_policy_is_in_its_role_and_its_placeholders_are_filled(
    clients: Clients, outputs: dict[str, str]
) -> None:
    machine = clients.get("stepfunctions").describe_state_machine(stateMachineArn=outputs["StateMachineArn"])
    assert not re.search(r"\$\{\w+\}", machine["definition"])
    assert outputs["OutputBucketName"] in machine["definition"]
    role = machine["roleArn"].rsplit("/", 1)[1]
    policies = clients.get("iam").list_role_policies(RoleName=role)["PolicyNames"]
    assert set(policies) == {"pipeline", "resources", "children-of-the-map"}


def test_deploying_the_same_again_changes_nothing(emulator: Emulator, root: Path, outputs: dict[str, str]) -> None:
    events = Clients(emulator.url).get("cloudformation").describe_stack_events
    before = len(events(StackName="automlops")["StackEvents"])
    assert deploy(emulator.url, root / "template.yaml", "automlops", {}) == outputs
    assert len(events(StackName="automlops")["StackEvents"]) == before


def test_a_changed_parameter_changes_what_uses_it_alone(clients: Clients, stacks: Stacks) -> None:
    name = stacks.deploy(BUCKETS)["Name"]
    assert stacks.deploy(BUCKETS, Versioning="Suspended") == {"Name": name}
    assert clients.get("s3").get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    assert stacks.status() == "UPDATE_COMPLETE"


ROLES = """
Parameters:
  Both: {Type: String, Default: "yes"}
Conditions:
  IsForBoth: !Equals [!Ref Both, "yes"]
Resources:
  One: &role
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
  Other: *role
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: read
      Roles: [!Ref One, !If [IsForBoth, !Ref Other, !Ref AWS::NoValue]]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*"}]
Outputs:
  One: {Value: !Ref One}
  Other: {Value: !Ref Other}
"""


def test_a_policy_leaves_the_roles_that_are_no_longer_its_own_and_stays_in_the_others(
    clients: Clients, stacks: Stacks
) -> None:
    roles = stacks.deploy(ROLES)
    for both in ("yes", "no", "yes"):
        assert stacks.deploy(ROLES, Both=both) == roles
        held = {
            name: clients.get("iam").list_role_policies(RoleName=role)["PolicyNames"]
            for name, role in roles.items()
        }
        assert held == {"One": ["read"], "Other": ["read"] if both == "yes" else []}


def test_a_resource_tells_its_own_status(stacks: Stacks) -> None:
    text = BUCKETS.replace("Outputs:", "  Logs: {Type: AWS::Logs::LogGroup}\nOutputs:")
    stacks.deploy(text)
    stacks.deploy(text, Versioning="Suspended")
    found = stacks.cloudformation.describe_stack_resources(StackName=stacks.name)["StackResources"]
    assert {one["LogicalResourceId"]: one["ResourceStatus"] for one in found} == {
        "Bucket": "UPDATE_COMPLETE",
        "Logs": "CREATE_COMPLETE",
    }


def test_resources_are_added_replaced_and_removed(clients: Clients, stacks: Stacks) -> None:
    group = "  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: %s, RetentionInDays: 7}}\n"
    bucket = "Resources:\n  Bucket: {Type: AWS::S3::Bucket}\n"
    stacks.deploy(bucket + group % "one")
    before = stacks.resources()
    stacks.deploy("Resources:\n" + group % "two" + "  Other: {Type: AWS::S3::Bucket}\n")
    after = stacks.resources()
    assert set(after) == {"Group", "Other"}
    assert after["Group"] == "two"
    names = [one["logGroupName"] for one in clients.get("logs").describe_log_groups()["logGroups"]]
    assert "two" in names
    assert "one" not in names
    assert not bucket_exists(clients, before["Bucket"])
    assert bucket_exists(clients, after["Other"])


FAILING = """
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Function:
    Type: AWS::Lambda::Function
    DependsOn: Bucket
    Properties:
      Runtime: python3.13
      Handler: a.b
      Role: arn:aws:iam::123456789012:role/nobody
      Code: {ZipFile: "b = None"}
"""


def test_a_failed_stack_names_the_resource_and_leaves_nothing(clients: Clients, stacks: Stacks) -> None:
    with pytest.raises(
        DeploymentError, match=r"ROLLBACK_COMPLETE:\n  Function \(AWS::Lambda::Function\): The role"
    ):
        stacks.deploy(FAILING)
    assert stacks.status() == "ROLLBACK_COMPLETE"
    assert stacks.resources() == {}
    assert ("Bucket", "DELETE_COMPLETE") in stacks.events()
    prefix = f"{stacks.name}-bucket".lower()[:40]
    assert not [one for one in clients.get("s3").list_buckets()["Buckets"] if one["Name"].startswith(prefix)]


def test_a_failed_update_is_taken_back(clients: Clients, stacks: Stacks) -> None:
    name = stacks.deploy(BUCKETS)["Name"]
    broken = BUCKETS.replace("Default: Enabled", "Default: Suspended") + (
        "  Unused: {Value: !GetAtt Bucket.Nothing}\n"
    )
    with pytest.raises(DeploymentError, match="UPDATE_ROLLBACK_COMPLETE"):
        stacks.deploy(broken)
    assert stacks.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert clients.get("s3").get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    # And it can go on from there.
    assert stacks.deploy(BUCKETS, Versioning="Suspended") == {"Name": name}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Resources: {Q: {Type: AWS::SQS::Queue}}", r"AWS::SQS::Queue \(Q\)", id="unknown type"),
        pytest.param(
            "Resources: {B: {Type: AWS::S3::Bucket, Properties: {ObjectLockEnabled: true}}}",
            r"B \(AWS::S3::Bucket\): the emulator does not read ObjectLockEnabled",
            id="unknown property",
        ),
        pytest.param(
            "Resources: {L: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: soon}}}",
            r"L \(AWS::Logs::LogGroup\): Properties validation failed",
            id="malformed property",
        ),
        pytest.param(BUCKETS.replace("Default: Enabled", "Default: On"), "one of AllowedValues", id="bad default"),
        pytest.param(
            "Resources: {A: {Type: AWS::S3::Bucket, DependsOn: B}}", r"dependencies \[B\]", id="no such resource"
        ),
        pytest.param("no template", "unsupported structure", id="no template"),
        pytest.param(
            "Transform: AWS::Serverless-2016-10-31\n"
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: nowhere/}}}",
            "nowhere: No such file",
            id="no code",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_its_reason(stacks: Stacks, text: str, words: str) -> None:
    with pytest.raises(DeploymentError, match=words):
        stacks.deploy(text)


def test_a_refused_parameter_is_a_validation_error(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="must be one of AllowedValues") as caught:
        stacks.cloudformation.create_stack(
            StackName=stacks.name,
            TemplateBody=BUCKETS,
            Parameters=[{"ParameterKey": "Versioning", "ParameterValue": "Perhaps"}],
        )
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_stack_name_that_no_state_machine_can_have_fails_at_the_machine(
    emulator: Emulator, clients: Clients, root: Path
) -> None:
    """As on AWS: stacks may have longer names than state machines, and nothing in a template can ask for a length."""
    name = "a" * 81
    with pytest.raises(DeploymentError, match=r"ROLLBACK_COMPLETE:\n  StateMachine .*less than or equal to 80"):
        deploy(emulator.url, root / "template.yaml", name, {})
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        clients.get("cloudformation").update_stack(StackName=name, TemplateBody=BUCKETS)
    clients.get("cloudformation").delete_stack(StackName=name)


def test_a_name_that_cloudformation_does_not_take_is_a_validation_error(stacks: Stacks) -> None:
    for name in ("a" * 129, "1a", "a_b"):
        with pytest.raises(ClientError) as caught:
            stacks.cloudformation.create_stack(StackName=name, TemplateBody=BUCKETS)
        assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_removing_a_stack_removes_its_resources(clients: Clients, stacks: Stacks) -> None:
    name = stacks.deploy(BUCKETS)["Name"]
    stacks.cloudformation.delete_stack(StackName=stacks.name)
    assert not bucket_exists(clients, name)
    with pytest.raises(ClientError, match="does not exist"):
        stacks.status()


def test_a_stack_whose_bucket_holds_something_is_not_removed(clients: Clients, stacks: Stacks) -> None:
    name, s3 = stacks.deploy(BUCKETS, Versioning="Suspended")["Name"], clients.get("s3")
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    stacks.cloudformation.delete_stack(StackName=stacks.name)
    assert stacks.status() == "DELETE_FAILED"
    assert ("Bucket", "DELETE_FAILED") in stacks.events()
    versions = s3.list_object_versions(Bucket=name)
    for version in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
        s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    stacks.cloudformation.delete_stack(StackName=stacks.name)
    assert not bucket_exists(clients, name)


def test_what_is_retained_stays(clients: Clients, stacks: Stacks) -> None:
    kept = BUCKETS.replace("Type: AWS::S3::Bucket", "Type: AWS::S3::Bucket\n    DeletionPolicy: Retain")
    name = stacks.deploy(kept)["Name"]
    stacks.cloudformation.delete_stack(StackName=stacks.name)
    assert bucket_exists(clients, name)


def test_a_change_set_tells_what_it_would_do_and_does_nothing(clients: Clients, stacks: Stacks) -> None:
    name = stacks.deploy(BUCKETS)["Name"]
    text = BUCKETS.replace("Bucket:", "Renamed:", 1).replace("!Ref Bucket", "!Ref Renamed")
    made = stacks.cloudformation.create_change_set(
        StackName=stacks.name, ChangeSetName="look", ChangeSetType="UPDATE", TemplateBody=text
    )
    told = stacks.cloudformation.describe_change_set(ChangeSetName=made["Id"])
    changes = {(c["ResourceChange"]["Action"], c["ResourceChange"]["LogicalResourceId"]) for c in told["Changes"]}
    assert changes == {("Add", "Renamed"), ("Remove", "Bucket")}
    assert bucket_exists(clients, name)
    stacks.cloudformation.delete_change_set(ChangeSetName=made["Id"])
    with pytest.raises(ClientError) as caught:
        stacks.cloudformation.describe_change_set(ChangeSetName=made["Id"])
    assert caught.value.response["Error"]["Code"] == "ChangeSetNotFound"


def test_a_stack_made_by_create_stack_can_be_updated_by_update_stack(clients: Clients, stacks: Stacks) -> None:
    cloudformation = stacks.cloudformation
    told: dict[str, Any] = {"StackName": stacks.name, "TemplateBody": BUCKETS}
    cloudformation.create_stack(**told, Tags=[{"Key": "team", "Value": "a"}])
    name = stacks.resources()["Bucket"]
    assert clients.get("s3").get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "team", "Value": "a"}]
    parameters = [{"ParameterKey": "Versioning", "ParameterValue": "Suspended"}]
    cloudformation.update_stack(**told, Parameters=parameters)
    assert stacks.status() == "UPDATE_COMPLETE"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(**told, Parameters=[{"ParameterKey": "Versioning", "UsePreviousValue": True}])


def test_a_parameters_previous_value_outlives_a_change_of_its_type(stacks: Stacks) -> None:
    """As believed of AWS, so that a stack of an earlier version keeps its TimeSeriesLength."""
    number = "Parameters:\n  Length: {Type: Number, Default: 5, MinValue: 1}\n"
    text = 'Parameters:\n  Length: {Type: String, Default: "", AllowedPattern: "^$|^[1-9]$"}\n'
    rest = "Resources: {L: {Type: AWS::Logs::LogGroup}}\nOutputs: {Length: {Value: !Ref Length}}\n"
    assert stacks.deploy(number + rest) == {"Length": "5"}
    assert stacks.parameters() == {"Length": "5"}
    stacks.cloudformation.update_stack(
        StackName=stacks.name,
        # What uses no parameter changes as well, so that there is something to update.
        TemplateBody=text + rest.replace("LogGroup}", "LogGroup, Properties: {RetentionInDays: 1}}"),
        Parameters=[{"ParameterKey": "Length", "UsePreviousValue": True}],
    )
    assert stacks.status() == "UPDATE_COMPLETE"
    assert stacks.parameters() == {"Length": "5"}


def test_an_export_is_imported_by_another_stack(stacks: Stacks, emulator: Emulator, tmp_path: Path) -> None:
    exported = BUCKETS.replace("{Value: !Ref Bucket}", "{Value: !Ref Bucket, Export: {Name: shared-bucket}}")
    name = stacks.deploy(exported)
    text = "Resources: {L: {Type: AWS::Logs::LogGroup}}\nOutputs: {N: {Value: !ImportValue shared-bucket}}\n"
    (tmp_path / "other.yaml").write_text(text)
    assert deploy(emulator.url, tmp_path / "other.yaml", "importer", {})["N"] == name["Name"]


def test_a_bucket_that_is_there_is_not_taken_over(clients: Clients, stacks: Stacks) -> None:
    s3 = clients.get("s3")
    s3.create_bucket(Bucket="somebody-elses")
    s3.put_object(Bucket="somebody-elses", Key="kept", Body=b"1")
    with pytest.raises(DeploymentError, match=r"Bucket \(AWS::S3::Bucket\): somebody-elses already exists"):
        stacks.deploy("Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: somebody-elses}}}")
    assert stacks.status() == "ROLLBACK_COMPLETE"
    assert s3.get_object(Bucket="somebody-elses", Key="kept")["Body"].read() == b"1"


def test_a_policy_of_sams_own_templates_is_taken(clients: Clients, stacks: Stacks) -> None:
    stacks.deploy("""
Transform: AWS::Serverless-2016-10-31
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}
      Policies: [S3ReadPolicy: {BucketName: !Ref Bucket}]
""")
    assert stacks.status() == "CREATE_COMPLETE"
    role = stacks.resources()["MachineRole"]
    (policy,) = clients.get("iam").list_role_policies(RoleName=role)["PolicyNames"]
    document = clients.get("iam").get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    assert "Version" not in document


def test_a_change_set_of_a_stack_that_is_not_there_has_to_create_it(stacks: Stacks) -> None:
    body = "Resources: {Bucket: {Type: AWS::S3::Bucket}}"
    name = stacks.name
    with pytest.raises(ClientError, match=f"ValidationError.*Stack .*{name}.* does not exist"):
        stacks.cloudformation.create_change_set(StackName=name, ChangeSetName="c", TemplateBody=body)
    stacks.cloudformation.create_stack(StackName=name, TemplateBody=body)
    with pytest.raises(ClientError, match=f"ValidationError.*Stack .*{name}.* already exists"):
        stacks.cloudformation.create_change_set(
            StackName=name, ChangeSetName="c", TemplateBody=body, ChangeSetType="CREATE"
        )


def test_events_are_found_by_the_beginning_of_their_streams_name(clients: Clients) -> None:
    logs = clients.get("logs")
    logs.create_log_group(logGroupName="group")
    now = int(time.time() * 1000)
    for stream in ("job-1/a", "job-1/b", "job-2/a"):
        logs.create_log_stream(logGroupName="group", logStreamName=stream)
        logs.put_log_events(
            logGroupName="group", logStreamName=stream, logEvents=[{"timestamp": now, "message": stream}]
        )

    def found(prefix: str, **more: Any) -> set[str]:
        answer = logs.filter_log_events(logGroupName="group", logStreamNamePrefix=prefix, **more)
        return {event["message"] for event in answer["events"]}

    assert found("job-1/") == {"job-1/a", "job-1/b"}
    assert found("other") == set()
    with pytest.raises(ClientError, match="InvalidParameterException"):
        found("job-1/", logStreamNames=["job-2/a"])
