"""The kinds of values that contracts are made of: names, places in S3, and what SageMaker takes."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from msgspec import Meta

from pipeline import naming

# Characters of a refused value or key that are told back.
MAX_SHOWN = 200


class ItemName(str):
    """An item's name; `naming.item_problem` says what it may be."""

    __slots__ = ()

    def __new__(cls, value: object) -> Self:
        """The name that `value` is; a ValueError says why it is none."""
        if problem := naming.item_problem(value):
            raise ValueError(problem)
        return super().__new__(cls, value)


class S3Uri(str):
    """`s3://bucket/key` of an object, or of a folder if it ends in `/`."""

    __slots__ = ()
    MAX_LENGTH = 1024

    def __new__(cls, value: object) -> Self:
        """The URI that `value` is; a ValueError or TypeError says why it is none."""
        if not isinstance(value, str):
            raise TypeError("must be a string")
        if len(value) > cls.MAX_LENGTH:
            raise ValueError(f"must have at most {cls.MAX_LENGTH:,} characters, not {len(value):,}")
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\n\ud800-\udfff]+", value):
            raise ValueError(f"must be s3://bucket/key, not {value[:MAX_SHOWN]!r}")
        # SageMaker cannot download such keys.
        if re.search(r"//|/\.{1,2}(/|$)", value.removeprefix("s3://")):
            raise ValueError(f"a key must not hold '//', '/./' or '/../': {value[:MAX_SHOWN]!r}")
        return super().__new__(cls, value)


class ObjectUri(S3Uri):
    """One of an object, not of a folder."""

    __slots__ = ()

    def __new__(cls, value: object) -> Self:
        """The URI that `value` is; a ValueError or TypeError says why it is none."""
        uri = super().__new__(cls, value)
        if uri.endswith("/"):
            raise ValueError(f"must be an object's URI, not a folder's: {uri[:MAX_SHOWN]!r}")
        return uri


class ItemPrefix(str):
    """A folder of folders: `s3://bucket/prefix/`, `s3://bucket/`, or a prefix inside the stack's data bucket."""

    __slots__ = ()

    def __new__(cls, value: object) -> Self:
        """The prefix that `value` is; a ValueError or TypeError says why it is none."""
        if not isinstance(value, str):
            raise TypeError("must be a string")
        if not value.endswith("/") or value.startswith("/"):
            raise ValueError(f"must be s3://bucket/prefix/ or prefix/, ending in '/', not {value[:MAX_SHOWN]!r}")
        # A prefix is a URI's end, and a URI without one becomes one by a key.
        S3Uri(f"{value}x" if value.startswith("s3://") else f"s3://bucket/{value}")
        return super().__new__(cls, value)


class DataUri(S3Uri):
    """One that also travels as the environment variable file_path, of which SageMaker takes 512 characters."""

    __slots__ = ()
    MAX_LENGTH = 512


# A description completes "must be …". JSON can spell halves of characters (surrogates), which no service takes.
WHOLE_CHARACTERS = r"\A[^\ud800-\udfff]*\Z"
ONE_LINE = r"\A[^\n\ud800-\udfff]*\Z"
Timestamp = Annotated[
    str, Meta(pattern=r"\A\d{8}T\d{9}Z\Z", description="a timestamp such as 20261122T094236123Z")
]
Mode = Literal["train", "score"]
RunId = Annotated[
    str,
    Meta(
        pattern=r"\A\d{8}T\d{9}Z-[A-Za-z0-9_-]+\Z",
        max_length=128,
        description="a run's id such as 20261122T094236123Z-name, of at most 128 characters",
    ),
]
InstanceType = Annotated[
    str, Meta(pattern=r"\Aml\.[a-z0-9-]+\.[a-z0-9-]+\Z", description="an instance type such as ml.m5.large")
]
# 28 days, the longest that SageMaker grants a training job.
RuntimeInSeconds = Annotated[int, Meta(ge=1, le=2_419_200)]
SageMakerName = Annotated[
    str,
    Meta(
        pattern=r"\A[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}\Z",
        description="1 to 63 letters, digits and hyphens, without a hyphen at either end",
    ),
]
ImageUri = Annotated[
    str,
    Meta(pattern=WHOLE_CHARACTERS, min_length=1, max_length=255, description="a URI of at most 255 characters"),
]
# Limits of CreateTrainingJob: 100 hyperparameters of 256 and 2,500 characters on one line, 100 variables of 512 and 512.
Hyperparameters = Annotated[
    dict[
        Annotated[str, Meta(pattern=ONE_LINE, max_length=256, description="one line of at most 256 characters")],
        Annotated[
            str, Meta(pattern=ONE_LINE, max_length=2500, description="one line of at most 2,500 characters")
        ],
    ],
    Meta(max_length=100),
]
InstanceCount = Annotated[int, Meta(ge=1, le=20)]
