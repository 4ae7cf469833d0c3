"""Refuses bucket names that S3 does not take, of which moto looks at the length alone.

Touches moto's private parts: S3Backend.create_bucket.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.s3 import models
from moto.s3.exceptions import InvalidBucketName

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from emulator.endpoint import EmulatorSettings

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

_create_bucket = models.S3Backend.create_bucket


def is_bucket_name(name: str) -> bool:
    """Whether a general purpose bucket can have this name."""
    return (
        _NAME.fullmatch(name) is not None
        and _ADDRESS.fullmatch(name) is None
        and not name.startswith(_RESERVED_PREFIXES)
        and not name.endswith(_RESERVED_SUFFIXES)
    )


def create_bucket(
    self: Any, bucket_name: str, region_name: str, bucket_namespace: str | None = None
) -> models.FakeBucket:
    """As moto's, of names that S3 takes."""
    if not is_bucket_name(bucket_name):
        raise InvalidBucketName
    return _create_bucket(self, bucket_name, region_name, bucket_namespace)


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every part is installed the same way
    """Make moto's S3 create buckets with the rule above."""
    replace(
        models.S3Backend,
        "create_bucket",
        create_bucket,
        expects=("self", "bucket_name", "region_name", "bucket_namespace"),
    )
