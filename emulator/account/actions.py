"""Which actions of which services a plan can name."""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase

from emulator.account.plan import INVOKE
from emulator.service_models import service_model

# Of the services whose requests name an action by method and path.
S3_ACTIONS = (
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "GetObject",
    "HeadObject",
    "ListObjectVersions",
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


def check_action(action: str) -> None:
    """Refuse an action, or a pattern of actions, that there is not: it would never happen.

    Raises:
        ValueError: there is none.
    """
    if not any(fnmatchcase(known, action) for known in known_actions()):
        raise ValueError(
            f"{action!r} is no action of SageMaker or Step Functions, nor {INVOKE}, nor one of S3's "
            f"{', '.join(S3_ACTIONS)}"
        )
