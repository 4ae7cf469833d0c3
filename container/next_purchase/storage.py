"""The one module that talks to S3: fetches the item's data and puts results, with our own errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from next_purchase.errors import PlatformError, SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What S3 says when the request itself is wrong, so that a second try cannot help.
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
    """An S3 client for this Region, with the endpoint and credentials that the environment names."""
    # Imported here because it takes a third of a second that jobs with local data need not spend.
    import boto3

    with _translated("set up the connection to S3"):
        return boto3.client("s3", region_name=region)


def is_s3_uri(text: str) -> bool:
    """Whether the text names an object in S3 rather than a local file."""
    return text.startswith("s3://")


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URI.

    Raises:
        SettingError: The URI names no object.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not is_s3_uri(uri) or not bucket or not key or key.endswith("/"):
        raise SettingError(f"{uri!r} is not the address of one object in S3 (s3://bucket/key).")
    return bucket, key


def fetch_object(client: Any, uri: str, folder: Path) -> Path:
    """Download one object into the folder, under its own file name.

    Raises:
        SettingError: The object or bucket does not exist or may not be read.
        PlatformError: S3 could not be reached or did not answer properly.
    """
    from boto3.s3.transfer import TransferConfig

    bucket, key = split_s3_uri(uri)
    target = folder / key.rpartition("/")[2]
    with _translated(f"read {uri}"):
        # In this thread, since a process told to end would wait for all others' answers from S3.
        client.download_file(bucket, key, str(target), Config=TransferConfig(use_threads=False))
    return target


def put_file(client: Any, path: Path, bucket: str, key: str, content_type: str) -> None:
    """Upload one file of at most 5 GB.

    Raises:
        SettingError: The bucket does not exist or may not be written.
        PlatformError: S3 could not be reached or did not answer properly.
    """
    # put_object, because upload_file answers with a sentence that hides S3's error code.
    with _translated(f"write s3://{bucket}/{key}"), path.open("rb") as body:
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


@contextmanager
def _translated(action: str) -> Iterator[None]:
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
