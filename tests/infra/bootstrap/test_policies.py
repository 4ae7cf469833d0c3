"""Who may take the roles of bootstrap.yaml, and what each may do and no more."""

from __future__ import annotations

import json

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.iam_policies import allows, as_list, statements, trusts
from tests.infra.conftest import Document

from .conftest import (
    ACCOUNT,
    BOUNDARY,
    ISSUER,
    PASSED,
    PROVIDER,
    REGION,
    REPOSITORY,
    STACK,
    SUFFIX,
    arn_of,
    carried_out,
    deployed,
    name_of,
    policies_of,
    principals,
)


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
    """Return whether it allows metrics of named namespaces only; their ARNs, of data sets, came later and are optional."""
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
def test_tokens_are_compared_by_equality_never_by_pattern(resources: Document, role: str) -> None:
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


def test_roles_are_passed_to_named_services_only(resources: Document) -> None:
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
    assert len(roles) == 2 + 6
    assert {properties["PermissionsBoundary"] for properties in roles.values()} == {BOUNDARY}
    assert template["Parameters"]["PermissionsBoundaryArn"]["Default"] == ""


def test_the_boundary_leaves_the_stacks_roles_all_they_are_given(
    resources: Document, stack: dict[str, tuple[str, Document]]
) -> None:
    assert not kept_from(resources, stack)


def kept_from(resources: Document, stack: dict[str, tuple[str, Document]]) -> list[tuple[str, str, str]]:
    """Return the permissions of the stack's roles that the boundary denies: logical id, action and resource."""
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
    return [one for one in given if not allows(bound, one[1], one[2], context)]


OWN = {
    "ExistingDataBucketName": "team-data",
    "AllowedBuckets": "team-archive,other-team",
    "ExistingSageMakerRoleArn": f"arn:aws:iam::{ACCOUNT}:role/team/sagemaker",
}


def test_the_boundary_leaves_them_buckets_and_a_role_that_bootstrap_was_given(
    document: Document, resources: Document, template: Document
) -> None:
    stack = carried_out(template, **OWN)
    told = {
        "DataBuckets": ["team-data", "team-archive", "other-team"],
        "SageMakerRoleArn": OWN["ExistingSageMakerRoleArn"],
    }
    assert not kept_from(deployed(document, **told), stack)
    kept = {(action, resource) for _, action, resource in kept_from(resources, stack)}
    assert ("s3:GetObject", "arn:aws:s3:::team-data/*") in kept
    assert {action for action, _ in kept} == {
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "iam:PassRole",
        "iam:GetRole",
    }


def test_of_buckets_that_bootstrap_was_given_roles_change_nothing_but_smoke_runs_items(document: Document) -> None:
    made = deployed(document, DataBuckets=["team-data"])
    item = "arn:aws:s3:::team-data/analysis_predict/{}/Online_Retail.csv"
    for name, policies in principals(made).items():
        own = {
            action
            for action in ("s3:PutObject", "s3:DeleteObjectVersion", "s3:DeleteObject", "s3:PutBucketPolicy")
            for key in ("France", "test-0a1b2c3d-smoke-a")
            if allows(policies, action, item.format(key), {"aws:resourceaccount": ACCOUNT})
        }
        assert own == ({"s3:PutObject", "s3:DeleteObjectVersion"} if name == "SmokeRole" else set()), name
        assert not allows(policies, "s3:PutObject", item.format("France"))
    assert allows(policies_of(made["SmokeRole"]), "s3:ListBucketVersions", "arn:aws:s3:::team-data")


@pytest.mark.parametrize("policy", ["AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"])
def test_the_boundary_leaves_functions_their_logs_and_traces(resources: Document, policy: str) -> None:
    told = json.loads(aws_managed_policies_data)[policy]["Document"]
    bound = policies_of(resources["PermissionsBoundary"])
    for statement in statements([told]):
        for action in as_list(statement["Action"]):
            group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{STACK}-PrepareRunLogs{SUFFIX}:log-stream:2026"
            assert allows(bound, action, group if action.startswith("logs:") else "*"), action
