"""Stacks that are given a data bucket and a SageMaker role that were there before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from emulator.deployment import DeploymentError
from emulator.endpoint import ACCOUNT_ID, Clients
from emulator.server import Emulator
from tests.emulated import deploy_stack
from tests.iam_policies import allows
from tests.live.stack import Run, Stack

BUCKET, ARCHIVE, ELSEWHERE = "team-data", "team-archive", "team-data-europe"
GIVEN, SWITCHED = "given", "switched"
DATA_KEY = "analysis_predict/shop/Online_Retail.csv"
ARCHIVE_KEY = "2025/shop-of-last-year.csv"


@dataclass(frozen=True)
class Account:
    """An emulator with a user's own buckets and roles, and small data in two of the buckets."""

    url: str
    clients: Clients
    role: str
    untrusting_role: str

    def deploy(self, name: str, **parameters: str) -> Stack:
        return deploy_stack(self.url, name, parameters)

    def objects(self, bucket: str) -> list[tuple[str, str, Any]]:
        """Every version of every object: key, version and when it was written."""
        found = self.clients.get("s3").list_object_versions(Bucket=bucket)
        return [(one["Key"], one["VersionId"], one["LastModified"]) for one in found.get("Versions", [])]

    def resources(self, stack: str) -> dict[str, str]:
        """Logical id of each of the stack's resources → physical id."""
        found = self.clients.get("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


@pytest.fixture(scope="module")
def account(small_csv: bytes) -> Iterator[Account]:
    with Emulator() as emulator:
        clients = Clients(emulator.url)
        s3, iam = clients.get("s3"), clients.get("iam")
        for bucket in (BUCKET, ARCHIVE):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        clients.get("s3", "eu-west-1").create_bucket(
            Bucket=ELSEWHERE, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        s3.put_object(Bucket=BUCKET, Key=DATA_KEY, Body=small_csv)
        s3.put_object(Bucket=ARCHIVE, Key=ARCHIVE_KEY, Body=small_csv)
        roles = []
        for name, service in (("team-sagemaker", "sagemaker.amazonaws.com"), ("team-etl", "glue.amazonaws.com")):
            statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            roles.append(
                iam.create_role(RoleName=name, Path="/team/", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
            )
        yield Account(emulator.url, clients, *roles)


@pytest.fixture(scope="module")
def given(account: Account) -> Stack:
    """Return a stack with a bucket and a role of the user's, and a further bucket that requests may name."""
    return account.deploy(
        GIVEN, ExistingDataBucketName=BUCKET, ExistingSageMakerRoleArn=account.role, AllowedBuckets=ARCHIVE
    )


@pytest.fixture(scope="module")
def written_before(account: Account) -> dict[str, list[tuple[str, str, Any]]]:
    return {bucket: account.objects(bucket) for bucket in (BUCKET, ARCHIVE)}


@pytest.fixture(scope="module")
def run(given: Stack, written_before: dict[str, list[tuple[str, str, Any]]]) -> Run:
    """Return a run of an item of the given bucket, and of one whose data are in the further bucket."""
    assert all(written_before.values())
    archived = {"item": "archived", "input": f"s3://{ARCHIVE}/{ARCHIVE_KEY}"}
    return given.run({"itemList": ["shop", archived]}, "end-to-end")


def test_items_run_end_to_end_on_a_given_bucket_and_role(account: Account, given: Stack, run: Run) -> None:
    assert run.description["status"] == "SUCCEEDED", run.description.get("cause")
    assert set(run.items) == {"shop", "archived"}
    for entry in run.items.values():
        assert entry["status"] == "SUCCEEDED"
        assert entry["predictionsUri"].startswith(f"s3://{given.outputs['OutputBucketName']}/")
        job = account.clients.get("sagemaker").describe_training_job(TrainingJobName=entry["trainingJobName"])
        assert job["RoleArn"] == account.role


def test_nothing_is_written_to_buckets_that_are_the_users(
    account: Account, run: Run, written_before: dict[str, list[tuple[str, str, Any]]]
) -> None:
    assert run.manifest
    assert {bucket: account.objects(bucket) for bucket in written_before} == written_before


def test_outputs_tell_what_is_in_use_and_the_stack_makes_neither(account: Account, given: Stack) -> None:
    assert given.outputs["DataBucketName"] == BUCKET
    assert given.outputs["SageMakerRoleArn"] == account.role
    assert {"DataBucket", "DataBucketPolicy", "SageMakerRole"}.isdisjoint(account.resources(GIVEN))


@pytest.mark.parametrize(
    ("function", "reads"),
    [
        ("PrepareRun", True),
        ("TrainingJob", False),
        ("CreateModel", True),
        ("BatchTransform", False),
        ("SummarizeRun", False),
    ],
)
def test_functions_may_look_into_the_given_buckets_and_into_no_others(
    account: Account, given: Stack, function: str, reads: bool
) -> None:
    assert given.outputs["DataBucketName"] == BUCKET
    iam, role = account.clients.get("iam"), account.resources(GIVEN)[f"{function}FunctionRole"]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    for bucket, allowed in ((BUCKET, True), (ARCHIVE, True), (ELSEWHERE, False)):
        arn = f"arn:aws:s3:::{bucket}"
        assert allows(policies, "s3:ListBucket", arn) is allowed, bucket
        assert allows(policies, "s3:GetObject", f"{arn}/a") is (allowed and reads), bucket
        assert not allows(policies, "s3:PutObject", f"{arn}/a")
    assert allows(policies, "iam:GetRole", account.role) is (function == "PrepareRun")


@pytest.mark.parametrize(
    ("name", "parameter", "value", "words"),
    [
        (
            "no-bucket",
            "ExistingDataBucketName",
            "nobodys",
            r"'nobodys', .* does not exist; create it in us-east-1",
        ),
        ("elsewhere", "ExistingDataBucketName", ELSEWHERE, "is in eu-west-1, and SageMaker reads data of its own"),
        (
            "no-trust",
            "ExistingSageMakerRoleArn",
            "{etl}",
            r"team-etl, .* add the principal sagemaker\.amazonaws\.com",
        ),
        ("account", "ExistingSageMakerRoleArn", "arn:aws:iam::210987654321:role/r", "in another account than"),
        (
            "no-role",
            "ExistingSageMakerRoleArn",
            f"arn:aws:iam::{ACCOUNT_ID}:role/r",
            "there is no role of this name",
        ),
    ],
)
def test_a_run_is_refused_before_anything_starts(
    account: Account, name: str, parameter: str, value: str, words: str
) -> None:
    own = {"ExistingDataBucketName": BUCKET, "ExistingSageMakerRoleArn": account.role}
    stack = account.deploy("refusing", **own | {parameter: value.format(etl=account.untrusting_role)})
    run = stack.run({"itemList": ["shop"]}, name)
    assert (run.description["status"], run.description["error"]) == ("FAILED", "ExistingResourceError")
    assert re.search(words, run.description["cause"])
    assert not stack.keys("")


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("ExistingDataBucketName", "s3://team-data", "must be the name of a bucket"),
        ("AllowedBuckets", "team-data,arn:aws:s3:::b", "must be names of buckets"),
        ("ExistingSageMakerRoleArn", "team-sagemaker", "must be the ARN of a role"),
    ],
)
def test_what_is_no_name_is_refused_before_anything_is_made(
    account: Account, parameter: str, value: str, words: str
) -> None:
    with pytest.raises(DeploymentError, match=words):
        account.deploy("nameless", **{parameter: value})


def test_a_bucket_with_data_stays_when_its_stack_is_given_another(account: Account, small_csv: bytes) -> None:
    before = account.deploy(SWITCHED)
    own, role = before.outputs["DataBucketName"], account.resources(SWITCHED)["SageMakerRole"]
    before.upload("shop", small_csv)
    kept = account.objects(own)
    after = account.deploy(SWITCHED, ExistingDataBucketName=BUCKET, ExistingSageMakerRoleArn=account.role)
    assert after.outputs["DataBucketName"] == BUCKET
    assert account.objects(own) == kept
    events = account.clients.get("cloudformation").describe_stack_events(StackName=SWITCHED)["StackEvents"]
    told = [
        (one["ResourceStatus"], one["PhysicalResourceId"])
        for one in events
        if one["LogicalResourceId"] == "DataBucket"
    ]
    assert told[0] == ("DELETE_FAILED", own)
    iam = account.clients.get("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=role)
    # It can be named again, as any other.
    again = account.deploy(SWITCHED, ExistingDataBucketName=own)
    assert again.outputs["DataBucketName"] == own
    run = again.run({"itemList": ["shop"]}, "again")
    assert run.description["status"] == "SUCCEEDED", run.description.get("cause")
