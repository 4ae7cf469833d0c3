"""bootstrap.yaml: who may come in, what each role may do, and that it is enough for what CloudFormation does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cfnlint
import pytest
import yaml
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from moto.iam.aws_managed_policies import aws_managed_policies_data

from emulator.cloudformation.intrinsic_functions import Evaluator
from emulator.cloudformation.template import prepare
from tests.iam_policies import allows, as_list, statements, trusts

from .conftest import Document, Loader

ACCOUNT, REGION = "123456789012", "eu-west-1"
REPOSITORY = "octocat@1/my-repo@2"
STACK = "automlops-dev"
ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/bootstrap-{STACK}-boundary"
# CloudFormation ends the names it makes in a hyphen and 12 characters.
SUFFIX = "-a1b2c3d4e5f6"
PASSED = {"iam:passedtoservice": "lambda.amazonaws.com", "iam:permissionsboundary": BOUNDARY}
# The longest names that services take, of the resource types whose names CloudFormation makes.
NAME_LIMITS = {
    "AWS::IAM::Role": 64,
    "AWS::Lambda::Function": 64,
    "AWS::S3::Bucket": 63,
    "AWS::ECR::Repository": 256,
    "AWS::Logs::LogGroup": 512,
}

# Permissions that AWS publishes for a type's handlers, but that a property must call for: type → property → those.
ONLY_FOR_PROPERTY: dict[str, dict[str, set[str]]] = {
    "AWS::S3::Bucket": {
        "AbacStatus": {"s3:PutBucketAbac"},
        "AccelerateConfiguration": {"s3:PutAccelerateConfiguration"},
        "AccessControl": {"s3:PutBucketAcl", "s3:PutObjectAcl"},
        "AnalyticsConfigurations": {"s3:PutAnalyticsConfiguration"},
        "CorsConfiguration": {"s3:PutBucketCORS"},
        "IntelligentTieringConfigurations": {"s3:PutIntelligentTieringConfiguration"},
        "InventoryConfigurations": {"s3:PutInventoryConfiguration"},
        "LoggingConfiguration": {"s3:PutBucketLogging"},
        "MetadataConfiguration": {
            "s3:UpdateBucketMetadataAnnotationTableConfiguration",
            "s3:UpdateBucketMetadataInventoryTableConfiguration",
            "s3:UpdateBucketMetadataJournalTableConfiguration",
        },
        "MetadataTableConfiguration": {
            "s3:CreateBucketMetadataTableConfiguration",
            "s3:DeleteBucketMetadataTableConfiguration",
            "s3tables:CreateNamespace",
            "s3tables:CreateTable",
            "s3tables:CreateTableBucket",
            "s3tables:GetTable",
            "s3tables:GetTableMetadataLocation",
            "s3tables:PutTableBucketPolicy",
            "s3tables:PutTableEncryption",
            "s3tables:PutTablePolicy",
            "s3tables:UpdateTableMetadataLocation",
        },
        "MetricsConfigurations": {"s3:PutMetricsConfiguration"},
        "NotificationConfiguration": {"s3:PutBucketNotification"},
        "ObjectLockConfiguration": {"s3:PutBucketObjectLockConfiguration"},
        "OwnershipControls": {"s3:PutBucketOwnershipControls"},
        "ReplicationConfiguration": {"iam:PassRole", "s3:PutReplicationConfiguration"},
        "WebsiteConfiguration": {"s3:DeleteBucketWebsite", "s3:PutBucketWebsite"},
    },
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": {"lambda:PassCapacityProvider"},
        "CodeSigningConfigArn": {
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        },
        "FileSystemConfigs": {"elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"},
        "FunctionScalingConfig": {"lambda:PutFunctionScalingConfig"},
        "KmsKeyArn": {"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        "Layers": {"lambda:GetLayerVersion"},
        "PublishToLatestPublished": {"lambda:PublishVersion"},
        "RecursiveLoop": {"lambda:PutFunctionRecursionConfig"},
        "ReservedConcurrentExecutions": {"lambda:DeleteFunctionConcurrency", "lambda:PutFunctionConcurrency"},
        "RuntimeManagementConfig": {"lambda:PutRuntimeManagementConfig"},
        "VpcConfig": {
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        },
    },
    "AWS::ECR::Repository": {
        "EncryptionConfiguration": {"kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"},
        "LifecyclePolicy": {"ecr:DeleteLifecyclePolicy", "ecr:PutLifecyclePolicy"},
        "RepositoryPolicyText": {"ecr:DeleteRepositoryPolicy", "ecr:SetRepositoryPolicy"},
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": {"logs:PutBearerTokenAuthentication"},
        # It may name where its findings are delivered.
        "DataProtectionPolicy": {
            "firehose:TagDeliveryStream",
            "logs:CreateLogDelivery",
            "logs:PutDataProtectionPolicy",
        },
        "DeletionProtectionEnabled": {"logs:PutLogGroupDeletionProtection"},
        "FieldIndexPolicies": {"logs:DeleteIndexPolicy", "logs:PutIndexPolicy"},
        "KmsKeyId": {"logs:AssociateKmsKey", "logs:DisassociateKmsKey"},
        "ResourcePolicyDocument": {"logs:DeleteResourcePolicy", "logs:PutResourcePolicy"},
    },
    "AWS::StepFunctions::StateMachine": {
        "EncryptionConfiguration": {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"},
    },
    "AWS::IAM::Policy": {
        "Groups": {"iam:DeleteGroupPolicy", "iam:GetGroupPolicy", "iam:PutGroupPolicy"},
        "Users": {"iam:DeleteUserPolicy", "iam:GetUserPolicy", "iam:PutUserPolicy"},
    },
}
# Withheld although AWS publishes them.
WITHHELD = {
    "iam:DeleteRolePermissionsBoundary": "a role without its boundary would be free",
    "s3:DeleteObject": "deleting a bucket needs it empty, and its objects are the owner's",
}


def arn_of(kind: str, name: str) -> str:
    """The ARN that IAM checks for a resource of the type."""
    return {
        "AWS::ECR::Repository": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}",
        "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
        "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:log-stream:",
        "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
        "AWS::StepFunctions::StateMachine": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}",
    }[kind]


def name_of(kind: str, logical_id: str, properties: Document) -> str:
    """The name that a resource of the stack has."""
    given = [properties[key] for key in ("StateMachineName", "LogGroupName") if key in properties]
    made = f"{STACK}-{logical_id}{SUFFIX}"
    lower = kind in {"AWS::S3::Bucket", "AWS::ECR::Repository"}
    return given[0] if given else made.lower() if lower else made


PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::StackName": STACK}


@pytest.fixture(scope="module")
def document(root: Path) -> Document:
    """bootstrap.yaml."""
    found: Document = yaml.load((root / "bootstrap.yaml").read_text(), Loader=Loader)  # noqa: S506 - a SafeLoader
    return found


def deployed(document: Document, **parameters: Any) -> Document:
    """The properties of every resource that a deployment with the parameters makes, by logical id."""
    given = {"Repository": REPOSITORY, "Environment": "dev", **parameters}
    values = {name: given.get(name, rule.get("Default")) for name, rule in document["Parameters"].items()}
    if isinstance(values["PullingAccounts"], str):
        values["PullingAccounts"] = values["PullingAccounts"].split(",")

    def attribute(logical_id: str, name: str) -> str:
        assert name == "Arn", name
        properties = document["Resources"][logical_id]["Properties"]
        own = next(properties[key] for key in ("RoleName", "BucketName", "RepositoryName") if key in properties)
        return arn_of(document["Resources"][logical_id]["Type"], evaluator.value(own))

    def reference(logical_id: str) -> str:
        match document["Resources"][logical_id]["Type"]:
            case "AWS::IAM::OIDCProvider":
                return PROVIDER
            case "AWS::IAM::ManagedPolicy":
                return BOUNDARY
        return attribute(logical_id, "Arn").split(":")[-1]

    evaluator = Evaluator(
        document, PSEUDO | values, reference=reference, attribute=attribute, imported=lambda name: name
    )
    return {
        name: evaluator.value(resource["Properties"])
        for name, resource in document["Resources"].items()
        if "Condition" not in resource or evaluator.condition(resource["Condition"])
    }


@pytest.fixture(scope="module")
def resources(document: Document) -> Document:
    """What the template makes for the environment dev, all of it."""
    return deployed(document)


@pytest.fixture(scope="module")
def stack(template: Document) -> dict[str, tuple[str, Document]]:
    """template.yaml as CloudFormation carries it out: logical id → type and properties, with the boundary given."""
    packaged = json.loads(json.dumps(template))
    packaged["Globals"]["Function"]["CodeUri"] = "s3://packages/functions"
    packaged["Resources"]["StateMachine"]["Properties"]["DefinitionUri"] = "s3://packages/definition"
    ready = prepare(json.dumps(packaged), {"PermissionsBoundaryArn": BOUNDARY})
    found = ready.document["Resources"]

    def name(logical_id: str) -> str:
        kind = found[logical_id]["Type"]
        return name_of(kind, logical_id, evaluator.value(found[logical_id]["Properties"]))

    def reference(logical_id: str) -> str:
        is_machine = found[logical_id]["Type"] == "AWS::StepFunctions::StateMachine"
        return arn_of(found[logical_id]["Type"], name(logical_id)) if is_machine else name(logical_id)

    def attribute(logical_id: str, key: str) -> str:
        return arn_of(found[logical_id]["Type"], name(logical_id)) if key == "Arn" else name(logical_id)

    evaluator = Evaluator(
        ready.document, PSEUDO | ready.parameters, reference=reference, attribute=attribute, imported=str
    )
    return {key: (one["Type"], evaluator.value(one["Properties"])) for key, one in found.items()}


@pytest.fixture(scope="module")
def known_actions() -> dict[str, bool]:
    """Every IAM action, in small letters → whether AWS has a resource level for it: the lists that cfn-lint brings."""
    folder = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs"
    services = json.loads((folder / "Policies.json").read_text())
    return {
        f"{service}:{action}": bool(told.get("Resources"))
        for service, listed in services.items()
        for action, told in listed["Actions"].items()
    }


def policies_of(resource: Document) -> list[Document]:
    """The documents of a role, or that of a managed policy."""
    if "PolicyDocument" in resource:
        return [resource["PolicyDocument"]]
    return [policy["PolicyDocument"] for policy in resource["Policies"]]


def principals(resources: Document) -> dict[str, list[Document]]:
    """Logical id of each role, and of the boundary → its documents."""
    return {
        name: policies_of(properties)
        for name, properties in resources.items()
        if {"Policies", "ManagedPolicyName"} & properties.keys()
    }


def test_no_action_is_a_pattern_and_every_one_exists(resources: Document, known_actions: dict[str, bool]) -> None:
    assert principals(resources).keys() == {
        "ImageRole",
        "DeployRole",
        "SmokeRole",
        "CloudFormationRole",
        "PermissionsBoundary",
    }
    for name, policies in principals(resources).items():
        for statement in statements(policies):
            for action in as_list(statement["Action"]):
                assert action.lower() in known_actions, (name, action)


def narrowed_by_namespace(statement: Document) -> bool:
    """Whether it allows metrics of told namespaces only; their ARNs, of data sets, came later and are optional."""
    return statement["Action"] == "cloudwatch:PutMetricData" and "cloudwatch:namespace" in json.dumps(statement)


def test_all_resources_are_named_but_where_aws_has_no_resource_level(
    resources: Document, known_actions: dict[str, bool]
) -> None:
    for name, policies in principals(resources).items():
        for statement in statements(policies):
            if "*" in as_list(statement["Resource"]):
                narrowed = [] if narrowed_by_namespace(statement) else as_list(statement["Action"])
                assert not [action for action in narrowed if known_actions[action.lower()]], (
                    name,
                    statement["Sid"],
                )


SUBJECTS = {
    "main": f"repo:{REPOSITORY}:ref:refs/heads/main",
    "a branch": f"repo:{REPOSITORY}:ref:refs/heads/feature",
    "a tag": f"repo:{REPOSITORY}:ref:refs/tags/main",
    "a pull request": f"repo:{REPOSITORY}:pull_request",
    "dev": f"repo:{REPOSITORY}:environment:dev",
    "prod": f"repo:{REPOSITORY}:environment:prod",
    "a longer name": f"repo:{REPOSITORY}:environment:dev2",
    "another repository": "repo:octocat@1/other@3:environment:dev",
    "a name taken over": "repo:octocat@9/my-repo@8:environment:dev",
}


@pytest.mark.parametrize(
    ("role", "welcome"), [("ImageRole", "main"), ("DeployRole", "dev"), ("SmokeRole", "dev")], ids=str
)
@pytest.mark.parametrize("who", SUBJECTS)
def test_a_role_is_given_to_one_subject_only(resources: Document, role: str, welcome: str, who: str) -> None:
    trust = resources[role]["AssumeRolePolicyDocument"]
    action, principal = "sts:AssumeRoleWithWebIdentity", {"Federated": PROVIDER}
    main = {f"{ISSUER}:ref": "refs/heads/main"}
    token = {f"{ISSUER}:sub": SUBJECTS[who], f"{ISSUER}:aud": "sts.amazonaws.com"} | main
    assert trusts(trust, principal, action, token) is (who == welcome)
    if role != "ImageRole":
        assert not trusts(trust, principal, action, token | {f"{ISSUER}:ref": "refs/heads/feature"})
    assert not trusts(trust, principal, action, token | {f"{ISSUER}:aud": "https://github.com/octocat"})
    assert not trusts(trust, principal, action, {f"{ISSUER}:sub": SUBJECTS[who]} | main)


@pytest.mark.parametrize("role", ["ImageRole", "DeployRole", "SmokeRole"])
def test_tokens_are_told_apart_by_equality_never_by_pattern(resources: Document, role: str) -> None:
    (statement,) = resources[role]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"].keys() == {"StringEquals"}
    assert "*" not in json.dumps(statement)


def test_only_cloudformation_takes_the_cloudformation_role(resources: Document) -> None:
    (statement,) = resources["CloudFormationRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


def test_no_role_can_touch_what_bootstrap_makes(resources: Document, known_actions: dict[str, bool]) -> None:
    identities = [action for action in known_actions if action.startswith("iam:")]
    own = [
        arn_of("AWS::IAM::Role", resources[name]["RoleName"])
        for name in resources
        if "RoleName" in resources[name]
    ]
    for name, policies in principals(resources).items():
        for arn in [*own, BOUNDARY, PROVIDER]:
            context = {"iam:permissionsboundary": BOUNDARY, "iam:passedtoservice": "cloudformation.amazonaws.com"}
            found = [action for action in identities if allows(policies, action, arn, context)]
            passed = name == "DeployRole" and arn.endswith("-cloudformation")
            assert found == (["iam:passrole"] if passed else []), (name, arn)


def test_an_environment_cannot_touch_another_ones_stack(
    document: Document, resources: Document, stack: dict[str, tuple[str, Document]]
) -> None:
    def touched(policies: list[Document]) -> set[str]:
        return {
            key
            for key, (kind, properties) in stack.items()
            if kind not in {"AWS::IAM::Policy", "AWS::S3::BucketPolicy"}
            for statement in statements(policies)
            for action in as_list(statement["Action"])
            # Images are pulled from any repository; all else that is on everything only lists or writes telemetry.
            if statement["Sid"] != "PullImages" and as_list(statement["Resource"]) != ["*"]
            if allows([{"Statement": statement}], action, arn_of(kind, name_of(kind, key, properties)), PASSED)
        }

    for name in ("DeployRole", "SmokeRole", "CloudFormationRole", "PermissionsBoundary"):
        assert touched(policies_of(resources[name])) or name == "DeployRole"
        for other in ("prod", "dev2"):
            assert not touched(policies_of(deployed(document, Environment=other)[name])), (name, other)


@pytest.mark.parametrize(
    ("action", "context", "allowed"),
    [
        pytest.param("iam:CreateRole", {"iam:permissionsboundary": BOUNDARY}, True, id="bounded"),
        pytest.param("iam:CreateRole", {}, False, id="unbounded"),
        pytest.param(
            "iam:CreateRole", {"iam:permissionsboundary": BOUNDARY + "2"}, False, id="bounded by another"
        ),
        pytest.param("iam:PutRolePolicy", {"iam:permissionsboundary": BOUNDARY}, True, id="policy"),
        pytest.param("iam:PutRolePolicy", {}, False, id="policy of an unbounded role"),
        pytest.param(
            "iam:PutRolePermissionsBoundary", {"iam:permissionsboundary": BOUNDARY + "2"}, False, id="swap"
        ),
        pytest.param("iam:DeleteRolePermissionsBoundary", {"iam:permissionsboundary": BOUNDARY}, False, id="free"),
        pytest.param("iam:CreateUser", {}, False, id="user"),
        pytest.param("iam:CreateAccessKey", {}, False, id="key"),
        pytest.param("iam:CreatePolicyVersion", {}, False, id="policy version"),
    ],
)
def test_cloudformation_makes_bounded_roles_and_no_other_identities(
    resources: Document, action: str, context: dict[str, str], allowed: bool
) -> None:
    role = arn_of("AWS::IAM::Role", f"{STACK}-PrepareRunFunctionRole{SUFFIX}")
    assert allows(policies_of(resources["CloudFormationRole"]), action, role, context) is allowed


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        ("service-role/AWSLambdaBasicExecutionRole", True),
        ("AWSXrayWriteOnlyAccess", True),
        ("AdministratorAccess", False),
    ],
)
def test_only_the_policies_that_sam_attaches_can_be_attached(
    resources: Document, policy: str, allowed: bool
) -> None:
    role = arn_of("AWS::IAM::Role", f"{STACK}-PrepareRunFunctionRole{SUFFIX}")
    context = {"iam:permissionsboundary": BOUNDARY, "iam:policyarn": f"arn:aws:iam::aws:policy/{policy}"}
    found = policies_of(resources["CloudFormationRole"])
    assert allows(found, "iam:AttachRolePolicy", role, context) is allowed


def test_roles_are_passed_to_told_services_only(resources: Document) -> None:
    found = {
        name: statement["Condition"]["StringEquals"]["iam:PassedToService"]
        for name, policies in principals(resources).items()
        for statement in statements(policies)
        if "iam:PassRole" in as_list(statement["Action"])
    }
    assert found == {
        "DeployRole": "cloudformation.amazonaws.com",
        "CloudFormationRole": ["lambda.amazonaws.com", "states.amazonaws.com"],
        "PermissionsBoundary": "sagemaker.amazonaws.com",
    }


def test_the_deploy_role_plans_changes_with_cloudformations_role_only(resources: Document) -> None:
    policies = policies_of(resources["DeployRole"])
    change_set = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/*"
    role = arn_of("AWS::IAM::Role", resources["CloudFormationRole"]["RoleName"])
    plan = "cloudformation:CreateChangeSet"
    assert allows(policies, plan, change_set, {"cloudformation:rolearn": role})
    assert not allows(policies, plan, change_set)
    assert not allows(policies, plan, change_set, {"cloudformation:rolearn": role + "2"})
    assert not allows(policies, plan, change_set.replace("-dev", "-prod"), {"cloudformation:rolearn": role})


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("s3:PutObject", "databucket{}/analysis_predict/test-0a1b2c3d-smoke-a/Online_Retail.csv", True),
        ("s3:PutObject", "databucket{}/analysis_predict/France/Online_Retail.csv", False),
        ("s3:GetObject", "outputbucket{}/runs/20260101T000000000Z-test-0a1b2c3d-smoke/manifest.json", True),
        (
            "s3:DeleteObjectVersion",
            "outputbucket{}/runs/20260101T000000000Z-nightly/records/store-test-1.json",
            False,
        ),
        ("s3:GetObject", "outputbucket{}/analysis_predicted_out/France/r/sample_prediction.csv.out", False),
        ("s3:DeleteObjectVersion", "outputbucket{}/analysis_predicted/test-0a1b2c3d-smoke-a/latest.json", True),
        ("s3:DeleteObjectVersion", "outputbucket{}/analysis_predicted/France/latest.json", False),
        ("s3:DeleteObjectVersion", "outputbucket{}/runs/20260101T000000000Z-nightly/manifest.json", False),
    ],
)
def test_smoke_runs_leave_other_items_alone(
    resources: Document, action: str, resource: str, allowed: bool
) -> None:
    arn = f"arn:aws:s3:::{STACK}-" + resource.format(SUFFIX)
    assert allows(policies_of(resources["SmokeRole"]), action, arn) is allowed


@pytest.mark.parametrize(
    "kind", ["training-job/training-job-", "transform-job/batch-transform-job-", "model/model-"]
)
def test_smoke_runs_leave_other_jobs_and_models_alone(resources: Document, kind: str) -> None:
    verb = {"m": "DeleteModel"}.get(kind[0]) or ("StopTrainingJob" if "training" in kind else "StopTransformJob")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}"
    policies = policies_of(resources["SmokeRole"])
    assert allows(policies, f"sagemaker:{verb}", f"{arn}test-0a1b2c3d-smoke-a-20260101T000000000Z")
    assert not allows(policies, f"sagemaker:{verb}", f"{arn}France-20260101T000000000Z")


def test_every_role_of_the_stack_has_the_boundary(
    stack: dict[str, tuple[str, Document]], template: Document
) -> None:
    roles = {name: properties for name, (kind, properties) in stack.items() if kind == "AWS::IAM::Role"}
    assert len(roles) == 2 + 5
    assert {properties["PermissionsBoundary"] for properties in roles.values()} == {BOUNDARY}
    assert template["Parameters"]["PermissionsBoundaryArn"]["Default"] == ""


def test_the_boundary_leaves_the_stacks_roles_all_they_are_given(
    resources: Document, stack: dict[str, tuple[str, Document]]
) -> None:
    bound = policies_of(resources["PermissionsBoundary"])
    context = {
        "iam:passedtoservice": "sagemaker.amazonaws.com",
        "cloudwatch:namespace": "/aws/sagemaker/TrainingJobs",
        "aws:resourceaccount": ACCOUNT,
    }
    given = [
        (name, action, resource)
        for name, (kind, properties) in stack.items()
        if kind in {"AWS::IAM::Role", "AWS::IAM::Policy"}
        for statement in statements(policies_of(properties))
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]
    assert len(given) > 50
    assert not [one for one in given if not allows(bound, one[1], one[2], context)]


@pytest.mark.parametrize("policy", ["AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"])
def test_the_boundary_leaves_functions_their_logs_and_traces(resources: Document, policy: str) -> None:
    told = json.loads(aws_managed_policies_data)[policy]["Document"]
    bound = policies_of(resources["PermissionsBoundary"])
    for statement in statements([told]):
        for action in as_list(statement["Action"]):
            group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{STACK}-PrepareRunLogs{SUFFIX}:log-stream:2026"
            assert allows(bound, action, group if action.startswith("logs:") else "*"), action


def published(kind: str) -> set[str]:
    """The permissions that AWS publishes for making, reading, changing and deleting resources of the type."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    return {one for verb, told in handlers.items() if verb != "list" for one in told["permissions"]}


def properties_of(kind: str, stack: dict[str, tuple[str, Document]]) -> set[str]:
    return {key for one, properties in stack.values() if one == kind for key in properties}


KINDS = [
    "AWS::ECR::Repository",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::StepFunctions::StateMachine",
]


def test_the_stacks_resource_types_are_those_that_are_checked(stack: dict[str, tuple[str, Document]]) -> None:
    assert sorted({kind for kind, _ in stack.values()}) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_cloudformation_may_do_what_its_handlers_do(
    kind: str,
    resources: Document,
    stack: dict[str, tuple[str, Document]],
    known_actions: dict[str, bool],
) -> None:
    """The handlers' permissions stand in each resource type's public schema, which cfn-lint brings."""
    unused = ONLY_FOR_PROPERTY.get(kind, {}).keys() - properties_of(kind, stack)
    spared = {one for name in unused for one in ONLY_FOR_PROPERTY[kind][name]}
    # Schemas name a few operations that are no IAM actions, such as s3:PutBucketReplication.
    needed = {one for one in published(kind) - spared - WITHHELD.keys() if one.lower() in known_actions}
    policies = policies_of(resources["CloudFormationRole"])
    context = {
        "iam:permissionsboundary": BOUNDARY,
        "iam:policyarn": "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
        "iam:passedtoservice": "states.amazonaws.com" if "StepFunctions" in kind else "lambda.amazonaws.com",
    }
    bucket = arn_of("AWS::S3::Bucket", resources["ArtifactBucket"]["BucketName"])
    held = {"AWS::IAM::Policy": "AWS::IAM::Role", "AWS::S3::BucketPolicy": "AWS::S3::Bucket"}.get(kind, kind)
    missing = []
    for key, (one, properties) in stack.items():
        if one != held:
            continue
        for action in needed:
            if action == "iam:PassRole":
                arn = arn_of("AWS::IAM::Role", f"{STACK}-Role{SUFFIX}")
            elif action in {"s3:GetObject", "s3:GetObjectVersion"}:
                arn = f"{bucket}/{STACK}/package"
            elif known_actions[action.lower()]:
                arn = arn_of(held, name_of(held, key, properties))
            else:
                arn = "*"
            if not allows(policies, action, arn, context):
                missing.append((action, arn))
    assert not missing
    assert needed


@pytest.mark.parametrize("kind", ONLY_FOR_PROPERTY)
def test_spared_permissions_belong_to_properties_that_exist(kind: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    assert ONLY_FOR_PROPERTY[kind].keys() <= schema["properties"].keys()
    assert {one for spared in ONLY_FOR_PROPERTY[kind].values() for one in spared} <= published(kind)


def test_tags_may_be_set_since_every_deployment_has_them(resources: Document) -> None:
    allowed = {
        action
        for one in statements(policies_of(resources["CloudFormationRole"]))
        for action in as_list(one["Action"])
    }
    for kind in KINDS:
        tagging = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("tagging", {})
        assert {one for one in tagging.get("permissions", []) if one != "s3:DeleteBucketTagging"} <= allowed, kind


def non_blank(document: Document) -> int:
    return len("".join(json.dumps(document).split()))


LONGEST = {"Application": "a" * 15, "Environment": "e" * 8}


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_names_are_what_the_parameters_take(document: Document, name: str) -> None:
    pattern = document["Parameters"][name]["AllowedPattern"]
    assert re.fullmatch(pattern, LONGEST[name])
    assert not re.fullmatch(pattern, LONGEST[name] + "a")


def test_policies_keep_iams_size_limits(document: Document) -> None:
    for name, policies in principals(deployed(document, **LONGEST)).items():
        # IAM and STS quotas: characters without white space, of a managed policy and of all inline ones of a role.
        limit = 6144 if name == "PermissionsBoundary" else 10240
        assert sum(non_blank(policy) for policy in policies) < limit, name


def test_the_longest_names_fit(document: Document) -> None:
    made = deployed(document, **LONGEST)
    roles = [properties["RoleName"] for properties in made.values() if "RoleName" in properties]
    assert len(roles) == 4
    assert max(map(len, roles)) <= 64
    longest_region = len("ap-southeast-1") - len(REGION)
    assert len(made["ArtifactBucket"]["BucketName"]) + longest_region <= 63


def test_the_longest_stack_name_is_kept_whole_in_the_names_that_cloudformation_makes(
    stack: dict[str, tuple[str, Document]],
) -> None:
    stack_name = f"{LONGEST['Application']}-{LONGEST['Environment']}"
    checked = 0
    for key, (kind, properties) in stack.items():
        if kind in NAME_LIMITS and "LogGroupName" not in properties:
            assert len(f"{stack_name}-{key}{SUFFIX}") <= NAME_LIMITS[kind], key
            checked += 1
    assert checked > 15


def test_the_artifact_bucket_is_as_closed_as_the_stacks(document: Document, template: Document) -> None:
    own, other = (
        {**source["Resources"][name]["Properties"]}
        for source, name in ((document, "ArtifactBucket"), (template, "DataBucket"))
    )
    for name in ("VersioningConfiguration", "BucketEncryption", "PublicAccessBlockConfiguration"):
        assert own[name] == other[name]
    (statement,) = document["Resources"]["ArtifactBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Sid"] == "DenyPlainHttp"
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_images_are_immutable_scanned_and_kept(resources: Document) -> None:
    repository = resources["ImageRepository"]
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    (rule,) = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rule["selection"]["tagStatus"] == "untagged"
    assert "RepositoryPolicyText" not in repository


def test_told_accounts_may_pull_images_and_no_more(document: Document) -> None:
    accounts = ["111122223333", "444455556666"]
    policy = deployed(document, PullingAccounts=accounts)["ImageRepository"]["RepositoryPolicyText"]
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"AWS": accounts}
    assert not [action for action in statement["Action"] if "Put" in action or "Upload" in action]


def test_an_account_that_has_provider_and_repository_gets_roles_only(document: Document) -> None:
    made = deployed(document, MakeOidcProvider="false", MakeImageRepository="false")
    assert {"OidcProvider", "ImageRepository", "ImageRole"}.isdisjoint(made)
    (statement,) = made["DeployRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Federated": PROVIDER}


def outside(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("bootstrap-automlops")}


def test_names_stand_outside_of_what_any_stack_is_called(resources: Document) -> None:
    keys = ("RoleName", "BucketName", "ManagedPolicyName")
    assert not outside(properties[key] for properties in resources.values() for key in keys if key in properties)


def test_outputs_are_the_variables_that_the_documents_ask_for(root: Path, document: Document) -> None:
    text = (root / "docs" / "pipelines.md").read_text()
    for name, output in document["Outputs"].items():
        variable = output["Description"].split(" ")[0]
        assert f"`{variable}` | `{name}`" in text
