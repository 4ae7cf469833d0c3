"""Roles in IAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from pipeline.aws.errors import REFUSED, code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


def find_role(iam: IAMClient, name: str) -> dict[str, Any] | Literal["absent", "refused"]:
    """Return IAM's description of the role, `absent` if there is none, or `refused` if IAM denies the call."""
    with translated(f"looking at role {name}"):
        try:
            return dict(iam.get_role(RoleName=name)["Role"])
        except ClientError as error:
            if code_of(error) == "NoSuchEntity":
                return "absent"
            if code_of(error) in REFUSED:
                return "refused"
            raise
