"""S3's bucket policies on this machine: a Deny applies only where its conditions hold.

Touches moto's private parts: FakeBucket.get_permission, S3Backend.put_bucket_policy. moto judges the conditions of a
policy wrongly and takes a Deny whose conditions do not hold for one that does, which locks every bucket that refuses
plain HTTP.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, S3Backend

from emulator.endpoint import ACCOUNT_ID
from emulator.moto_patches import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.endpoint import EmulatorSettings

# What is known of every request. The endpoint is plain HTTP only because it is on this machine: it stands for AWS's.
CONTEXT = {
    "aws:securetransport": "true",
    "s3:tlsversion": "1.3",
    "aws:principalaccount": ACCOUNT_ID,
    "aws:resourceaccount": ACCOUNT_ID,
}


def _like(pattern: str, value: str) -> bool:
    return _regex(pattern).fullmatch(value) is not None


@functools.lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL)


_POSITIVE: dict[str, Callable[[str, str], bool]] = {
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
    "StringEquals": lambda expected, actual: expected == actual,
    "StringLike": _like,
    "NumericLessThan": lambda expected, actual: float(actual) < float(expected),
    "NumericEquals": lambda expected, actual: float(actual) == float(expected),
}
_NEGATIVE = {"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "NumericNotEquals": "NumericEquals"}


def denies(policy: dict[str, Any], action: str, resource: str) -> bool:
    """Whether a statement of the bucket policy refuses `action` (such as `s3:GetObject`) on the ARN `resource`.

    A Deny with a condition on anything but CONTEXT's keys, or with another operator, is taken not to apply: what
    the request carries is not known here.
    """
    return any(
        statement["Effect"] == "Deny" and _concerns(statement, action, resource) and _conditions_hold(statement)
        for statement in _as_list(policy["Statement"])
    )


def _concerns(statement: dict[str, Any], action: str, resource: str) -> bool:
    principal = statement.get("Principal", "*")
    named = _as_list(principal.get("AWS", [])) if isinstance(principal, dict) else [principal]
    if not any(who in {"*", ACCOUNT_ID, f"arn:aws:iam::{ACCOUNT_ID}:root"} for who in named):
        return False
    actions = any(_like(pattern.lower(), action.lower()) for pattern in _as_list(statement.get("Action", [])))
    if "NotAction" in statement:
        actions = not any(_like(pattern.lower(), action.lower()) for pattern in _as_list(statement["NotAction"]))
    return actions and any(_like(pattern, resource) for pattern in _as_list(statement.get("Resource", [])))


def _conditions_hold(statement: dict[str, Any]) -> bool:
    for operator, keys in statement.get("Condition", {}).items():
        name = operator.removesuffix("IfExists")
        matches = _POSITIVE.get(_NEGATIVE.get(name, name))
        for key, expected in keys.items():
            actual = CONTEXT.get(key.lower())
            if matches is None or actual is None:
                return False
            if any(matches(str(one), actual) for one in _as_list(expected)) == (name in _NEGATIVE):
                return False
    return True


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@functools.lru_cache(maxsize=64)
def _parsed(policy: str | bytes) -> dict[str, Any]:
    # The policy of a bucket is looked up at every request.
    document: dict[str, Any] = json.loads(policy)
    return document


def _get_permission(self: Any, action: str, resource: str) -> PermissionResult:
    if self.policy is not None and denies(_parsed(self.policy), action, resource):
        return PermissionResult.DENIED
    return PermissionResult.NEUTRAL


_put_bucket_policy = S3Backend.put_bucket_policy


def put_bucket_policy(self: Any, bucket_name: str, policy: bytes) -> None:
    """As moto's, which stores whatever comes and breaks on it at the next request.

    Raises:
        S3ClientError: it is no policy document.
    """
    try:
        document = json.loads(policy)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise S3ClientError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
    if "Statement" not in document:
        raise S3ClientError("MalformedPolicy", "Missing required field Statement")
    _put_bucket_policy(self, bucket_name, policy)


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every part is installed the same way
    """Make moto's buckets judge their policies with the rules above, and take no other documents."""
    replace(S3Backend, "put_bucket_policy", put_bucket_policy, expects=("self", "bucket_name", "policy"))
    replace(FakeBucket, "get_permission", _get_permission, expects=("self", "action", "resource"))
