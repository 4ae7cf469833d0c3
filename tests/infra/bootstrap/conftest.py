"""bootstrap.yaml as CloudFormation makes it, and the stack whose resources its roles are for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cfnlint
import pytest
import yaml

from emulator.cloudformation.intrinsic_functions import Evaluator
from emulator.cloudformation.template import prepare
from tests.infra.conftest import Document, Loader

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


def arn_of(kind: str, name: str) -> str:
    """Return the ARN that IAM checks for a resource of the type."""
    return {
        "AWS::ECR::Repository": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}",
        "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
        "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:log-stream:",
        "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
        "AWS::StepFunctions::StateMachine": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}",
    }[kind]


def name_of(kind: str, logical_id: str, properties: Document) -> str:
    """Return the name that a resource of the stack has."""
    given = [properties[key] for key in ("StateMachineName", "LogGroupName") if key in properties]
    made = f"{STACK}-{logical_id}{SUFFIX}"
    lower = kind in {"AWS::S3::Bucket", "AWS::ECR::Repository"}
    return given[0] if given else made.lower() if lower else made


PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}


@pytest.fixture(scope="module")
def document(root: Path) -> Document:
    """Return bootstrap.yaml."""
    found: Document = yaml.load((root / "bootstrap.yaml").read_text(), Loader=Loader)  # noqa: S506 - a SafeLoader
    return found


def deployed(document: Document, **parameters: Any) -> Document:
    """Return the properties of every resource that a deployment with the parameters makes, by logical id."""
    given = {"Repository": REPOSITORY, "Environment": "dev", **parameters}
    values = {name: given.get(name, rule.get("Default")) for name, rule in document["Parameters"].items()}
    for name in ("PullingAccounts", "DataBuckets"):
        if isinstance(values[name], str):
            values[name] = values[name].split(",")

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
    """Return all resources of the template for the environment dev."""
    return deployed(document)


@pytest.fixture(scope="module")
def stack(template: Document) -> dict[str, tuple[str, Document]]:
    """Return template.yaml as CloudFormation carries it out: logical id → type and properties, with the boundary given."""
    return carried_out(template)


def carried_out(template: Document, **parameters: str) -> dict[str, tuple[str, Document]]:
    """Return the same with further parameters."""
    packaged = json.loads(json.dumps(template))
    packaged["Globals"]["Function"]["CodeUri"] = "s3://packages/functions"
    packaged["Resources"]["StateMachine"]["Properties"]["DefinitionUri"] = "s3://packages/definition"
    ready = prepare(json.dumps(packaged), {"PermissionsBoundaryArn": BOUNDARY, **parameters})
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
    return {
        key: (one["Type"], evaluator.value(one["Properties"]))
        for key, one in found.items()
        if "Condition" not in one or evaluator.condition(one["Condition"])
    }


@pytest.fixture(scope="module")
def known_actions() -> dict[str, bool]:
    """Return every IAM action, in small letters → whether AWS has a resource level for it, from the lists of cfn-lint."""
    folder = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs"
    services = json.loads((folder / "Policies.json").read_text())
    return {
        f"{service}:{action}": bool(told.get("Resources"))
        for service, listed in services.items()
        for action, told in listed["Actions"].items()
    }


def policies_of(resource: Document) -> list[Document]:
    """Return the documents of a role, or that of a managed policy."""
    if "PolicyDocument" in resource:
        return [resource["PolicyDocument"]]
    return [policy["PolicyDocument"] for policy in resource["Policies"]]


def principals(resources: Document) -> dict[str, list[Document]]:
    """Return logical id of each role, and of the boundary → its documents."""
    return {
        name: policies_of(properties)
        for name, properties in resources.items()
        if {"Policies", "ManagedPolicyName"} & properties.keys()
    }
