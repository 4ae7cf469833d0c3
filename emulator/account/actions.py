"""Which actions of which services a plan can name."""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from emulator.account.plan import INVOKE, JOB_RUNS
from emulator.service_models import service_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.account.plan import Account, Fault, Rate

# Of the services whose actions are told by method and path.
S3_ACTIONS = (
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "GetObject",
    "HeadObject",
    "ListObjects",
    "ListObjectsV2",
    "PutObject",
    "UploadPart",
)


@functools.cache
def known_actions() -> frozenset[str]:
    """All of SageMaker's and Step Functions' actions, Lambda's Invoke, and those of S3 that concern objects."""
    return frozenset(
        {
            *service_model("sagemaker").operation_names,
            *service_model("stepfunctions").operation_names,
            *S3_ACTIONS,
            INVOKE,
        }
    )


def check_actions(account: Account) -> None:
    """Refuse a plan that names an action there is not: it would never happen.

    Raises:
        ValidationError: it does; says where.
    """
    named: dict[str, Sequence[Rate | Fault]] = {"rates": account.rates, "faults": account.faults}
    for name, parts in named.items():
        for index, part in enumerate(parts):
            allowed = part.action in JOB_RUNS and name == "faults"
            if not allowed and not any(fnmatchcase(known, part.action) for known in known_actions()):
                raise msgspec.ValidationError(
                    f"`{part.action}` is no action of SageMaker or Step Functions, nor {INVOKE}, nor one of S3's "
                    f"{', '.join(S3_ACTIONS)} - at `$.{name}[{index}].action`"
                )
