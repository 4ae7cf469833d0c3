"""A bucket or role that the stack was given is checked before anything is started."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline.errors import (
    ExistingResourceError,
    InvalidRequestError,
    ServiceThrottledError,
    ServiceUnavailableError,
)
from pipeline.preparation.existing_resources import check_existing_resources
from pipeline.settings import PrepareRunSettings, load_settings
from tests.unit.pipeline.in_memory_aws import Objects, data, prepare
from tests.unit.pipeline.stubbed_clients import stubbed_client

ACCOUNT = "123456789012"
EXECUTION = f"arn:aws:states:ap-east-2:{ACCOUNT}:execution:shop:nightly"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/sagemaker"


@pytest.fixture
def s3() -> Iterator[Stubber]:
    with stubbed_client("s3") as stubber:
        yield stubber


@pytest.fixture
def iam() -> Iterator[Stubber]:
    with stubbed_client("iam") as stubber:
        yield stubber


def check(environment: dict[str, str], s3: Any, iam: Any, **changes: str) -> None:
    settings = load_settings(PrepareRunSettings, environment | changes)
    check_existing_resources(settings, EXECUTION, s3.client, lambda: iam.client)


def trust(**changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    } | changes


def role(*statements: dict[str, Any], arn: str = ROLE) -> dict[str, Any]:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return {
        "Role": {
            "Arn": arn,
            "Path": "/team/",
            "RoleName": "sagemaker",
            "RoleId": "AROA" + "X" * 17,
            "CreateDate": "2026-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": json.dumps(policy),
        }
    }


def test_the_stacks_own_resources_are_not_checked(environment: dict[str, str], s3: Any, iam: Any) -> None:
    check(environment, s3, iam)


def test_a_bucket_of_the_stacks_region_that_may_be_listed_will_do(
    environment: dict[str, str], s3: Any, iam: Any
) -> None:
    s3.add_response("head_bucket", {"BucketRegion": "ap-east-2"}, {"Bucket": "data-bucket"})
    check(environment, s3, iam, CHECK_DATA_BUCKET="true")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(
            404, "'data-bucket', the stack's parameter ExistingDataBucketName, does not exist", id="none"
        ),
        pytest.param(403, "allow s3:ListBucket in the bucket's policy", id="refused"),
    ],
)
def test_a_bucket_that_cannot_be_listed_is_refused(
    environment: dict[str, str], s3: Any, iam: Any, status: int, words: str
) -> None:
    s3.add_client_error("head_bucket", str(status), http_status_code=status)
    with pytest.raises(ExistingResourceError, match=words):
        check(environment, s3, iam, CHECK_DATA_BUCKET="true")


def test_a_bucket_of_another_region_is_refused(environment: dict[str, str], s3: Any, iam: Any) -> None:
    s3.add_response("head_bucket", {"BucketRegion": "eu-west-1"})
    with pytest.raises(ExistingResourceError, match=r"is in eu-west-1, .* only, ap-east-2; copy the data"):
        check(environment, s3, iam, CHECK_DATA_BUCKET="true")


@pytest.mark.parametrize(
    "statement",
    [
        trust(),
        trust(
            Principal={"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}, Action=["sts:AssumeRole"]
        ),
        trust(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        trust(Action="sts:*"),
    ],
    ids=["plain", "lists", "condition", "wildcard"],
)
def test_a_role_that_sagemaker_may_take_will_do(
    environment: dict[str, str], s3: Any, iam: Any, statement: dict[str, Any]
) -> None:
    iam.add_response("get_role", role(statement), {"RoleName": "sagemaker"})
    check(environment, s3, iam, CHECK_SAGEMAKER_ROLE="true", SAGEMAKER_ROLE_ARN=ROLE)


@pytest.mark.parametrize(
    "statement",
    [
        trust(Effect="Deny"),
        trust(Principal={"Service": "lambda.amazonaws.com"}),
        trust(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        trust(Principal="*"),
        trust(Action="sts:TagSession"),
    ],
    ids=["deny", "other service", "account", "anybody", "other action"],
)
def test_a_role_that_sagemaker_may_not_take_is_refused(
    environment: dict[str, str], s3: Any, iam: Any, statement: dict[str, Any]
) -> None:
    iam.add_response("get_role", role(statement))
    with pytest.raises(
        ExistingResourceError, match=r"add the principal sagemaker\.amazonaws\.com with sts:AssumeRole"
    ):
        check(environment, s3, iam, CHECK_SAGEMAKER_ROLE="true", SAGEMAKER_ROLE_ARN=ROLE)


def test_a_role_of_another_account_is_refused_without_asking_iam(
    environment: dict[str, str], s3: Any, iam: Any
) -> None:
    other = ROLE.replace(ACCOUNT, "210987654321")
    with pytest.raises(ExistingResourceError, match="in another account than the stack, 123456789012"):
        check(environment, s3, iam, CHECK_SAGEMAKER_ROLE="true", SAGEMAKER_ROLE_ARN=other)


def test_an_execution_that_names_no_account_is_refused_in_words(
    environment: dict[str, str], s3: Any, iam: Any
) -> None:
    variables = environment | {"CHECK_SAGEMAKER_ROLE": "true", "SAGEMAKER_ROLE_ARN": ROLE}
    settings = load_settings(PrepareRunSettings, variables)
    with pytest.raises(InvalidRequestError, match=r"execution\.id: must be the ARN of an execution, not 'arn:x'"):
        check_existing_resources(settings, "arn:x", s3.client, lambda: iam.client)


def test_a_role_that_is_not_there_is_refused(environment: dict[str, str], s3: Any, iam: Any) -> None:
    iam.add_client_error("get_role", "NoSuchEntity", http_status_code=404)
    with pytest.raises(ExistingResourceError, match=r"does not exist: there is no role of this name"):
        check(environment, s3, iam, CHECK_SAGEMAKER_ROLE="true", SAGEMAKER_ROLE_ARN=ROLE)
    iam.add_response("get_role", role(trust()))
    without_path = ROLE.replace("team/", "")
    with pytest.raises(ExistingResourceError, match=rf"does not exist: the role of this name is {ROLE}"):
        check(environment, s3, iam, CHECK_SAGEMAKER_ROLE="true", SAGEMAKER_ROLE_ARN=without_path)


def test_a_denied_get_role_is_only_a_warning(
    environment: dict[str, str], s3: Any, iam: Any, caplog: pytest.LogCaptureFixture
) -> None:
    iam.add_client_error("get_role", "AccessDenied", http_status_code=403)
    with caplog.at_level(logging.WARNING):
        check(environment, s3, iam, CHECK_SAGEMAKER_ROLE="true", SAGEMAKER_ROLE_ARN=ROLE)
    assert "IAM refuses iam:GetRole" in caplog.text


def test_a_missing_response_can_be_retried(environment: dict[str, str], s3: Any, iam: Any) -> None:
    s3.add_client_error("head_bucket", "503", http_status_code=503)
    with pytest.raises(ServiceUnavailableError, match="looking at bucket data-bucket"):
        check(environment, s3, iam, CHECK_DATA_BUCKET="true")
    iam.add_client_error("get_role", "Throttling", http_status_code=400)
    with pytest.raises(ServiceThrottledError, match="looking at role sagemaker"):
        check(environment, s3, iam, CHECK_SAGEMAKER_ROLE="true", SAGEMAKER_ROLE_ARN=ROLE)


def test_a_run_looks_once_and_before_it_writes_anything(environment: dict[str, str]) -> None:
    class Elsewhere(Objects):
        region = "eu-west-1"

        def head_bucket(self, Bucket: str) -> dict[str, str]:  # noqa: N803, ARG002 - boto3's names
            self.calls["head_bucket"] += 1
            return {"BucketRegion": self.region}

    settings = load_settings(PrepareRunSettings, environment | {"CHECK_DATA_BUCKET": "true"})
    s3 = Elsewhere(data("a", "b"))
    with pytest.raises(ExistingResourceError):
        prepare(settings, s3, {"itemList": ["a", "b"]})
    assert s3.objects == data("a", "b")
    s3.region, s3.calls["head_bucket"] = "ap-east-2", 0
    prepare(settings, s3, {"itemList": ["a", "b"]})
    prepare(settings, s3, {"itemList": ["a", "b"]})
    assert s3.calls["head_bucket"] == 1
