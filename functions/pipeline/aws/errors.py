"""Translates AWS's errors into this application's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import ServiceRefusedError, ServiceThrottledError, ServiceUnavailableError

THROTTLES = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
    "SlowDown", "ResourceLimitExceeded", "ConditionalRequestConflict", "RequestTimeout",
})  # fmt: skip
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
REFUSED = frozenset({"403", "AccessDenied", "AllAccessDisabled"})


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate AWS's errors inside the block into this application's.

    Args:
        what: the operation and its resource, in words; the message begins with it.

    Raises:
        ServiceThrottledError, ServiceUnavailableError: a retry may succeed.
        ServiceRefusedError: a retry cannot succeed.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        text = f"{what}: {code}: {error.response.get('Error', {}).get('Message', '')}"
        if code in THROTTLES:
            raise ServiceThrottledError(text) from error
        if status_of(error) >= 500:
            raise ServiceUnavailableError(text) from error
        raise ServiceRefusedError(text) from error
    except BotoCoreError as error:
        raise ServiceUnavailableError(f"{what}: {error}") from error


def code_of(error: ClientError) -> str:
    """Return AWS's error code, empty if there is none."""
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    """Return the HTTP status, 0 if there is none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
