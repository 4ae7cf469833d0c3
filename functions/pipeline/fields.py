"""Types of the values in contracts and documents: names, S3 URIs, and values with SageMaker's limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.parser import Field
from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from pipeline import naming

# An error message repeats at most this much of the value or key that is refused.
MAX_SHOWN_CHARACTERS = 200
MAX_URI_LENGTH = 1024
# The URI of an item's data is also the environment variable file_path, and SageMaker takes 512 characters of a variable.
MAX_DATA_URI_LENGTH = 512
MAX_CONCURRENCY = 10_000
# The limit of CreateTransformJob for MaxPayloadInMB.
MAX_PAYLOAD_IN_MB = 100


def check_item(value: Any) -> str:
    """Return an item's name unchanged; raise a ValueError with the reason if it is not allowed."""
    if problem := naming.item_problem(value):
        raise ValueError(problem)
    return str(value)


def check_uri(uri: str, longest: int = MAX_URI_LENGTH) -> str:
    """Return `s3://bucket/key` of an object, or of a folder (ending in `/`); raise a ValueError if it is malformed."""
    if len(uri) > longest:
        raise ValueError(f"must have at most {longest:,} characters, not {len(uri):,}")
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\n\ud800-\udfff]+", uri):
        raise ValueError(f"must be s3://bucket/key, not {uri[:MAX_SHOWN_CHARACTERS]!r}")
    # SageMaker cannot download such keys.
    if re.search(r"//|/\.{1,2}(/|$)", uri.removeprefix("s3://")):
        raise ValueError(f"a key must not hold '//', '/./' or '/../': {uri[:MAX_SHOWN_CHARACTERS]!r}")
    return uri


def check_data_uri(uri: str) -> str:
    """Return the URI of an item's data; raise a ValueError if it is malformed or too long for a variable."""
    return check_uri(uri, MAX_DATA_URI_LENGTH)


def _check_object_uri(uri: str) -> str:
    if check_uri(uri).endswith("/"):
        raise ValueError(f"must be an object's URI, not a folder's: {uri[:MAX_SHOWN_CHARACTERS]!r}")
    return uri


def _check_item_prefix(prefix: str) -> str:
    if not prefix.endswith("/") or prefix.startswith("/"):
        raise ValueError(
            f"must be s3://bucket/prefix/ or prefix/, ending in '/', not {prefix[:MAX_SHOWN_CHARACTERS]!r}"
        )
    # A prefix follows the rules of URIs, so it is checked as part of one.
    check_uri(f"{prefix}x" if prefix.startswith("s3://") else f"s3://bucket/{prefix}")
    return prefix


def matching(pattern: str, description: str) -> AfterValidator:
    """Return a validator: the whole string must match `pattern`; the error says that it must be `description`."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {description}")
        return text

    return AfterValidator(check)


def _moment(value: Any) -> datetime | None:
    """Return the time that `value` holds: epoch milliseconds, as Step Functions writes times, or ISO 8601 text.

    Return None if it holds no time: no verdict depends on the times of a job.
    """
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number or a string")  # noqa: TRY004 - pydantic reports no other error
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def iso_text(moment: datetime) -> str:
    """Return `moment` in UTC to the millisecond, such as 2026-11-22T09:42:36.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime | None,
    BeforeValidator(_moment),
    PlainSerializer(lambda moment: moment and iso_text(moment), return_type=str | None),
]
ItemName = Annotated[str, BeforeValidator(check_item)]
S3Uri = Annotated[str, AfterValidator(check_uri)]
ObjectUri = Annotated[str, AfterValidator(_check_object_uri)]
DataUri = Annotated[str, AfterValidator(check_data_uri)]
# The folder that holds the items' folders: `s3://bucket/prefix/`, `s3://bucket/`, or a prefix in the stack's data bucket.
ItemPrefix = Annotated[str, AfterValidator(_check_item_prefix)]
Timestamp = Annotated[str, matching(r"\d{8}T\d{9}Z", "a timestamp such as 20261122T094236123Z")]
Mode = Literal["train", "score"]
RunId = Annotated[
    str,
    matching(
        r"(?=.{0,128}\Z)\d{8}T\d{9}Z-[A-Za-z0-9_-]+",
        "a run's id such as 20261122T094236123Z-name, of at most 128 characters",
    ),
]
InstanceType = Annotated[str, matching(r"ml\.[a-z0-9-]+\.[a-z0-9-]+", "an instance type such as ml.m5.large")]
InstanceCount = Annotated[int, Field(ge=1, le=20)]
# 28 days, SageMaker's limit for a training job.
RuntimeInSeconds = Annotated[int, Field(ge=1, le=2_419_200)]
Concurrency = Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)]
PayloadInMB = Annotated[int, Field(ge=0, le=MAX_PAYLOAD_IN_MB)]
SageMakerName = Annotated[
    str,
    matching(
        r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        "1 to 63 letters, digits and hyphens, without a hyphen at either end",
    ),
]
ImageUri = Annotated[str, Field(min_length=1, max_length=255)]
# JSON can hold lone surrogates, which are no characters and which AWS refuses.
_LETTER = r"[^\n\ud800-\udfff]"
# Limits of CreateTrainingJob: 100 hyperparameters, each on one line, names of 256 and values of 2,500 characters.
Hyperparameters = Annotated[
    dict[
        Annotated[str, matching(rf"{_LETTER}{{0,256}}", "one line of at most 256 characters")],
        Annotated[str, matching(rf"{_LETTER}{{0,2500}}", "one line of at most 2,500 characters")],
    ],
    Field(max_length=100),
]
