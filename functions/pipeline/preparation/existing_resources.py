"""Checks the bucket and the role that a stack was given, before a run costs anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.aws import roles, s3_objects
from pipeline.errors import ExistingResourceError, InvalidRequestError
from pipeline.fields import MAX_SHOWN
from pipeline.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

    from pipeline.settings import PrepareRunSettings

SAGEMAKER = "sagemaker.amazonaws.com"
# arn:PARTITION:states:REGION:ACCOUNT:execution:MACHINE:NAME
EXECUTION_ARN_PARTS = 8
_TAKING_A_ROLE = frozenset({"sts:assumerole", "sts:*", "*"})
_ALLOWED = 'docs/configuration.md, "A bucket and a role of your own", has the policies to copy'


def check_existing_resources(
    settings: PrepareRunSettings, execution_arn: str, s3: S3Client, iam: Callable[[], IAMClient]
) -> None:
    """Looks at what the stack was given in place of its own; what the stack has made is not looked at.

    Args:
        settings: the stack's.
        execution_arn: ARN of the run's execution, which names the stack's account.
        s3: the client.
        iam: makes a client, for a stack that was given a role.

    Raises:
        ExistingResourceError: the bucket or the role is not there, or not as SageMaker needs it.
        InvalidRequestError: `execution_arn` is no such ARN.
    """
    if settings.check_data_bucket:
        _check_bucket(settings.data_bucket, settings.aws_region, s3)
    if settings.check_sagemaker_role:
        _check_role(settings.sagemaker_role_arn, _account_of(execution_arn), iam)


def _account_of(execution_arn: str) -> str:
    parts = execution_arn.split(":")
    if len(parts) != EXECUTION_ARN_PARTS:
        raise InvalidRequestError(
            [f"execution.id: must be the ARN of an execution, not {execution_arn[:MAX_SHOWN]!r}"]
        )
    return parts[4]


def _check_bucket(bucket: str, region: str, s3: S3Client) -> None:
    given = f"bucket {bucket!r}, the stack's parameter ExistingDataBucketName,"
    found = s3_objects.look_at_bucket(s3, bucket)
    if found == "absent":
        raise ExistingResourceError(f"{given} does not exist; make it in {region}, or deploy with another")
    if found == "refused":
        raise ExistingResourceError(
            f"{given} may not be listed by this stack; allow s3:ListBucket in the bucket's policy: {_ALLOWED}"
        )
    if found != region:
        raise ExistingResourceError(
            f"{given} is in {found}, and SageMaker reads data of its own Region only, {region}; copy the data to a"
            f" bucket there, or deploy the stack in {found}"
        )


def _check_role(arn: str, account: str, iam: Callable[[], IAMClient]) -> None:
    given = f"role {arn}, the stack's parameter ExistingSageMakerRoleArn,"
    if arn.split(":")[4] != account:
        raise ExistingResourceError(
            f"{given} is of another account than the stack's, {account}, and SageMaker takes none of those; deploy with"
            f" a role of {account}"
        )
    found = roles.find_role(iam(), arn.rsplit("/", 1)[1])
    if found == "refused":
        # Not needed for the jobs themselves, and an organization may keep it from everybody.
        logger.warning("role not looked at: IAM refuses iam:GetRole", extra={"role": arn})
        return
    if found == "absent" or found["Arn"] != arn:
        there = "there is none of this name" if found == "absent" else f"it is {found['Arn']}"
        raise ExistingResourceError(f"{given} does not exist: {there}; deploy with the ARN of one that does")
    if not _trusts_sagemaker(found["AssumeRolePolicyDocument"]):
        raise ExistingResourceError(
            f"{given} does not let SageMaker take it; add the principal {SAGEMAKER} with sts:AssumeRole to its trust"
            f" policy: {_ALLOWED}"
        )


def _trusts_sagemaker(policy: Mapping[str, Any]) -> bool:
    """Whether a statement lets SageMaker take the role; its conditions are not judged."""
    return any(
        statement["Effect"] == "Allow"
        and SAGEMAKER in _as_list(_principal(statement).get("Service"))
        and any(action.lower() in _TAKING_A_ROLE for action in _as_list(statement.get("Action")))
        for statement in _as_list(policy["Statement"])
    )


def _principal(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    principal = statement.get("Principal")
    return principal if isinstance(principal, dict) else {}


def _as_list(value: Any) -> list[Any]:
    """What IAM takes alone or in a list, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
