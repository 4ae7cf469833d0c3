"""The one module that talks to S3: downloads the item's data, uploads results, and translates errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from next_purchase.errors import PlatformError, SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Error codes of requests that would fail again.
_USER_CODES = frozenset(
    {
        "301",
        "403",
        "404",
        "AccessDenied",
        "InvalidBucketName",
        "InvalidObjectState",
        "NoSuchBucket",
        "NoSuchKey",
        "PermanentRedirect",
    }
)


def create_s3_client(region: str) -> Any:
    """Return an S3 client for the Region, with the environment's endpoint and credentials."""
    # Imported here because the import takes a third of a second, and jobs with local data do not need it.
    import boto3

    with _translated("set up the connection to S3"):
        return boto3.client("s3", region_name=region)


def is_s3_uri(text: str) -> bool:
    """Return whether the text names an object in S3 and no local file."""
    return text.startswith("s3://")


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URI.

    Raises:
        SettingError: the URI names no object.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not is_s3_uri(uri) or not bucket or not key or key.endswith("/"):
        raise SettingError(f"{uri!r} is not the address of one object in S3 (s3://bucket/key).")
    return bucket, key


def fetch_object(client: Any, uri: str, folder: Path) -> Path:
    """Download one object into the folder, under its own file name.

    Raises:
        SettingError: the object or bucket does not exist or may not be read.
        PlatformError: S3 could not be reached or did not answer properly.
    """
    from boto3.s3.transfer import TransferConfig

    bucket, key = split_s3_uri(uri)
    target = folder / key.rpartition("/")[2]
    with _translated(f"read {uri}"):
        # Without threads, since a process that is stopped would wait for their answers from S3.
        client.download_file(bucket, key, str(target), Config=TransferConfig(use_threads=False))
    return target


def put_file(client: Any, path: Path, bucket: str, key: str, content_type: str) -> None:
    """Upload one file of at most 5 GB.

    Raises:
        SettingError: the bucket does not exist or may not be written.
        PlatformError: S3 could not be reached or did not answer properly.
    """
    # put_object and not upload_file, whose error has no error code of S3.
    with _translated(f"write s3://{bucket}/{key}"), path.open("rb") as body:
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


@contextmanager
def _translated(action: str) -> Iterator[None]:
    """Translate errors of boto3 in the block into SettingError or PlatformError."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        kind = SettingError if code in _USER_CODES else PlatformError
        raise kind(f"Could not {action}: {error}") from error
    except (NoCredentialsError, ParamValidationError) as error:
        raise SettingError(f"Could not {action}: {error}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise PlatformError(f"Could not {action}: {error}") from error
