"""Names and sizes within their limits, and the repository and bucket that bootstrap.yaml makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.infra.conftest import Document

from .conftest import (
    ACCOUNT,
    NAME_LIMITS,
    PROVIDER,
    REGION,
    SUFFIX,
    deployed,
    principals,
)


def non_blank(document: Document) -> int:
    return len("".join(json.dumps(document).split()))


LONGEST = {"Application": "a" * 15, "Environment": "e" * 8}


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_names_are_what_the_parameters_take(document: Document, name: str) -> None:
    pattern = document["Parameters"][name]["AllowedPattern"]
    assert re.fullmatch(pattern, LONGEST[name])
    assert not re.fullmatch(pattern, LONGEST[name] + "a")


def test_policies_keep_iams_size_limits(document: Document) -> None:
    own = {"DataBuckets": ["b" * 63] * 5, "SageMakerRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{'r' * 64}"}
    for name, policies in principals(deployed(document, **LONGEST, **own)).items():
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


def test_named_accounts_may_pull_images_and_no_more(document: Document) -> None:
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
