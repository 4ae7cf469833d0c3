"""Checks the bucket and the role that a stack was given, before a run costs anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.aws import roles, s3_objects
from pipeline.errors import ExistingResourceError, InvalidRequestError
from pipeline.fields import MAX_SHOWN_CHARACTERS
from pipeline.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

    from pipeline.settings import PrepareRunSettings

SAGEMAKER = "sagemaker.amazonaws.com"
# arn:PARTITION:states:REGION:ACCOUNT:execution:MACHINE:NAME
EXECUTION_ARN_PARTS = 8
_ASSUME_ROLE_ACTIONS = frozenset({"sts:assumerole", "sts:*", "*"})
_POLICIES_HINT = 'docs/configuration.md, "A bucket and a role of your own", has the policies to copy'


def check_existing_resources(
    settings: PrepareRunSettings, execution_arn: str, s3: S3Client, iam: Callable[[], IAMClient]
) -> None:
    """Check the bucket and the role that the stack was given; a bucket or role of the stack's own is not checked.

    Args:
        settings: the stack's settings.
        execution_arn: ARN of the run's execution, which names the stack's account.
        s3: the client.
        iam: returns a client; called only for a stack that was given a role.

    Raises:
        ExistingResourceError: the bucket or the role does not exist, or is not as SageMaker needs it.
        InvalidRequestError: `execution_arn` is not the ARN of an execution.
    """
    if settings.check_data_bucket:
        _check_bucket(settings.data_bucket, settings.aws_region, s3)
    if settings.check_sagemaker_role:
        _check_role(settings.sagemaker_role_arn, _account_of(execution_arn), iam)


def _account_of(execution_arn: str) -> str:
    parts = execution_arn.split(":")
    if len(parts) != EXECUTION_ARN_PARTS:
        raise InvalidRequestError(
            [f"execution.id: must be the ARN of an execution, not {execution_arn[:MAX_SHOWN_CHARACTERS]!r}"]
        )
    return parts[4]


def _check_bucket(bucket: str, region: str, s3: S3Client) -> None:
    subject = f"bucket {bucket!r}, the stack's parameter ExistingDataBucketName,"
    bucket_region = s3_objects.find_bucket_region(s3, bucket)
    if bucket_region == "absent":
        raise ExistingResourceError(f"{subject} does not exist; create it in {region}, or deploy with another")
    if bucket_region == "refused":
        raise ExistingResourceError(
            f"{subject} may not be listed by this stack; allow s3:ListBucket in the bucket's policy: {_POLICIES_HINT}"
        )
    if bucket_region != region:
        raise ExistingResourceError(
            f"{subject} is in {bucket_region}, and SageMaker reads data of its own Region only, {region}; copy the data"
            f" to a bucket there, or deploy the stack in {bucket_region}"
        )


def _check_role(arn: str, account: str, iam: Callable[[], IAMClient]) -> None:
    subject = f"role {arn}, the stack's parameter ExistingSageMakerRoleArn,"
    if arn.split(":")[4] != account:
        raise ExistingResourceError(
            f"{subject} is in another account than the stack, {account}, and SageMaker accepts only roles of its own"
            f" account; deploy with a role of {account}"
        )
    role = roles.find_role(iam(), arn.rsplit("/", 1)[1])
    if role == "refused":
        # The jobs do not need iam:GetRole, and an organization's policy may deny it.
        logger.warning("role not looked at: IAM refuses iam:GetRole", extra={"role": arn})
        return
    if role == "absent" or role["Arn"] != arn:
        found = "there is no role of this name" if role == "absent" else f"the role of this name is {role['Arn']}"
        raise ExistingResourceError(f"{subject} does not exist: {found}; deploy with the ARN of an existing role")
    if not _trusts_sagemaker(role["AssumeRolePolicyDocument"]):
        raise ExistingResourceError(
            f"{subject} does not let SageMaker assume it; add the principal {SAGEMAKER} with sts:AssumeRole to its trust"
            f" policy: {_POLICIES_HINT}"
        )


def _trusts_sagemaker(policy: Mapping[str, Any]) -> bool:
    """Return whether a statement lets SageMaker assume the role; its conditions are not evaluated."""
    return any(
        statement["Effect"] == "Allow"
        and SAGEMAKER in _as_list(_principal(statement).get("Service"))
        and any(action.lower() in _ASSUME_ROLE_ACTIONS for action in _as_list(statement.get("Action")))
        for statement in _as_list(policy["Statement"])
    )


def _principal(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    principal = statement.get("Principal")
    return principal if isinstance(principal, dict) else {}


def _as_list(value: Any) -> list[Any]:
    """Return a value of a policy as a list; IAM also accepts a single element without a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
