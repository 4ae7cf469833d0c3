"""Objects in S3: reading and writing documents and other objects, and listing buckets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from aws_lambda_powertools.utilities.parser import BaseModel
from botocore.exceptions import ClientError

from pipeline import documents, layout
from pipeline.aws.errors import ABSENT, REFUSED, code_of, status_of, translated
from pipeline.errors import DataNotFoundError, DataNotReadableError, DataTooLargeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Content = TypeVar("Content", bound=BaseModel)


class Stored(NamedTuple, Generic[Content]):
    """A document in S3 and its ETag."""

    content: Content
    etag: str


class DataObject(NamedTuple):
    """An object that a job would read.

    Attributes:
        uri: `s3://bucket/key`.
        etag: S3's ETag, which changes with the content.
        size: in bytes.
        last_modified: when it was written, to the second.
    """

    uri: str
    etag: str
    size: int
    last_modified: datetime


class ObjectVersion(NamedTuple):
    """A version of an object, or a delete marker.

    Attributes:
        uri: `s3://bucket/key`.
        last_modified: when it was written, to the second.
        is_latest: whether it is the current version of its key.
        data: the object; None for a delete marker.
    """

    uri: str
    last_modified: datetime
    is_latest: bool
    data: DataObject | None


def read_document(s3: S3Client, bucket: str, key: str, kind: type[Content]) -> Stored[Content] | None:
    """Return the document at `key`, or None if there is no object.

    Raises:
        DataNotReadableError: the object holds no document of this kind.
    """
    stored = _get(s3, bucket, key)
    if stored is None:
        return None
    body, etag = stored
    try:
        return Stored(documents.read_document(kind, body), etag)
    except ValueError as error:
        raise DataNotReadableError(f"s3://{bucket}/{key} cannot be read: {error}") from error


def read_bytes(s3: S3Client, bucket: str, key: str) -> bytes | None:
    """Return the content of the object at `key`, or None if there is no object."""
    stored = _get(s3, bucket, key)
    return stored[0] if stored else None


def _get(s3: S3Client, bucket: str, key: str) -> tuple[bytes, str] | None:
    with translated(f"reading s3://{bucket}/{key}"):
        try:
            response = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise
        return response["Body"].read(), response["ETag"]


def write_document(
    s3: S3Client,
    bucket: str,
    key: str,
    content: BaseModel,
    *,
    only_if_absent: bool = False,
    only_if_etag: str | None = None,
) -> bool:
    """Write the document as JSON; return False if the condition did not hold and nothing was written."""
    body = documents.as_bytes(content)
    return write_bytes(s3, bucket, key, body, only_if_absent=only_if_absent, only_if_etag=only_if_etag)


def write_bytes(
    s3: S3Client,
    bucket: str,
    key: str,
    body: bytes,
    *,
    only_if_absent: bool = False,
    only_if_etag: str | None = None,
    metadata: dict[str, str] | None = None,
    content_type: str = "application/json",
) -> bool:
    """Write `body`; return False if the condition did not hold and nothing was written."""
    condition: dict[str, str] = {}
    if only_if_absent:
        condition["IfNoneMatch"] = "*"
    if only_if_etag is not None:
        condition["IfMatch"] = only_if_etag
    with translated(f"writing s3://{bucket}/{key}"):
        try:
            s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=metadata or {},
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if condition and status_of(error) == 412:
                return False
            raise
    return True


@contextmanager
def open_object(s3: S3Client, bucket: str, key: str) -> Iterator[tuple[IO[bytes], int] | None]:
    """Yield the object's content as a stream for the block, and its size in bytes; None if there is no object."""
    with translated(f"reading s3://{bucket}/{key}"):
        try:
            response = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            yield None
            return
        # boto3's stubs do not say that the body is a file object.
        yield cast("IO[bytes]", response["Body"]), response["ContentLength"]


def find_metadata(s3: S3Client, bucket: str, key: str) -> dict[str, str] | None:
    """Return the user metadata of the object, or None if there is no object."""
    description = _head(s3, bucket, key)
    return description["Metadata"] if description else None


def find_last_modified(s3: S3Client, bucket: str, key: str) -> datetime | None:
    """Return when the object was written, to the second, or None if there is no object."""
    description = _head(s3, bucket, key)
    return description["LastModified"] if description else None


def list_keys(s3: S3Client, bucket: str, prefix: str) -> list[str]:
    """Return all keys that begin with `prefix`."""
    with translated(f"listing s3://{bucket}/{prefix}"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def object_exists(s3: S3Client, uri: str) -> bool:
    """Return whether there is an object with exactly this URI."""
    return describe_object(s3, uri) is not None


def describe_object(s3: S3Client, uri: str) -> dict[str, Any] | None:
    """Return HeadObject's response, or None if there is no object with exactly this URI."""
    return _head(s3, *layout.parse_uri(uri))


def _head(s3: S3Client, bucket: str, key: str) -> dict[str, Any] | None:
    with translated(f"looking for s3://{bucket}/{key}"):
        try:
            return dict(s3.head_object(Bucket=bucket, Key=key))
        except ClientError as error:
            # HEAD also answers 404, without a code, if the bucket does not exist.
            if status_of(error) == 404:
                return None
            raise


def find_bucket_region(s3: S3Client, bucket: str) -> str:
    """Return the bucket's Region, `absent` if there is no such bucket, or `refused` if S3 denies listing it."""
    with translated(f"looking at bucket {bucket}"):
        try:
            return s3.head_bucket(Bucket=bucket)["BucketRegion"]
        except ClientError as error:
            # HEAD responses have no body, so the status is the only code.
            if status_of(error) == 404:
                return "absent"
            if status_of(error) == 403:
                return "refused"
            raise


def list_objects(s3: S3Client, uri: str, *, first_page: bool = False) -> list[DataObject]:
    """Return the objects whose URIs begin with `uri`, in the order of their keys, without folder markers.

    Args:
        s3: the client.
        uri: the prefix of their URIs.
        first_page: whether the first 1,000 objects are enough.

    Raises:
        DataNotFoundError, DataNotReadableError: there is no such bucket, or this stack may not list it.
    """
    bucket, prefix = layout.parse_uri(uri)
    with _data_errors(uri, bucket):
        pages = _pages(s3, Bucket=bucket, Prefix=prefix)
        return [
            _data_object(bucket, entry)
            for page in ([next(pages)] if first_page else pages)
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/")
        ]


def list_versions(s3: S3Client, uri: str) -> list[ObjectVersion]:
    """Return all versions, the newest of each key first, and delete markers of the objects whose URIs begin with `uri`.

    Raises:
        DataNotFoundError, DataNotReadableError: there is no such bucket, or this stack may not list its versions.
    """
    bucket, prefix = layout.parse_uri(uri)
    with _data_errors(uri, bucket):
        pages = list(_version_pages(s3, Bucket=bucket, Prefix=prefix))
    entries = [entry for page in pages for entry in page.get("Versions", [])]
    objects = [_data_object(bucket, entry) for entry in entries]
    versions = [
        ObjectVersion(data.uri, data.last_modified, entry["IsLatest"], data)
        for entry, data in zip(entries, objects, strict=True)
    ]
    markers = [
        ObjectVersion(f"s3://{bucket}/{entry['Key']}", _second(entry["LastModified"]), entry["IsLatest"], None)
        for page in pages
        for entry in page.get("DeleteMarkers", [])
    ]
    return [version for version in versions + markers if not version.uri.endswith("/")]


def list_folders(s3: S3Client, uri: str, limit: int) -> list[str]:
    """Return the names of the folders directly under the folder `uri`, in S3's order, and at most `limit` + 1 of them.

    Raises:
        DataNotFoundError, DataNotReadableError: there is no such bucket, or this stack may not list it.
    """
    bucket, prefix = layout.parse_uri(uri)
    names: list[str] = []
    with _data_errors(uri, bucket):
        for page in _pages(s3, Bucket=bucket, Prefix=prefix, Delimiter="/"):
            names += [entry["Prefix"][len(prefix) : -1] for entry in page.get("CommonPrefixes", [])]
            if len(names) > limit:
                break
    return names[: limit + 1]


def has_objects(s3: S3Client, folder: str) -> bool:
    """Return whether the folder, a URI that ends in `/`, holds an object."""
    bucket, prefix = layout.parse_uri(folder)
    with translated(f"looking for {folder}"):
        return bool(s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"))


def read_data(s3: S3Client, uri: str, limit: int) -> bytes:
    """Return the content of the object `uri`, of at most `limit` bytes.

    Raises:
        DataNotFoundError, DataNotReadableError, DataTooLargeError: it cannot be read.
    """
    bucket, key = layout.parse_uri(uri)
    with _data_errors(uri, bucket):
        response = s3.get_object(Bucket=bucket, Key=key)
        if response["ContentLength"] > limit:
            response["Body"].close()
            raise DataTooLargeError(f"{uri} has {response['ContentLength']:,} bytes; at most {limit:,} are read")
        return response["Body"].read()


def _pages(s3: S3Client, **request: Any) -> Iterator[Any]:
    """Yield the pages of a listing, each requested when it is needed."""
    page = s3.list_objects_v2(**request)
    yield page
    while page.get("IsTruncated"):
        page = s3.list_objects_v2(**request, ContinuationToken=page["NextContinuationToken"])
        yield page


def _version_pages(s3: S3Client, **request: Any) -> Iterator[Any]:
    """Yield the pages of a listing of versions."""
    page = s3.list_object_versions(**request)
    yield page
    while page.get("IsTruncated"):
        page = s3.list_object_versions(
            **request, KeyMarker=page["NextKeyMarker"], VersionIdMarker=page["NextVersionIdMarker"]
        )
        yield page


def _data_object(bucket: str, entry: Any) -> DataObject:
    return DataObject(
        f"s3://{bucket}/{entry['Key']}", entry["ETag"], entry["Size"], _second(entry["LastModified"])
    )


def _second(moment: datetime) -> datetime:
    """Return the time without fractions of a second, which S3 itself does not keep."""
    return moment.replace(microsecond=0)


@contextmanager
def _data_errors(uri: str, bucket: str) -> Iterator[None]:
    """Translate the errors that the owner of the data can correct into errors that say how."""
    with translated(f"looking for {uri}"):
        try:
            yield
        except ClientError as error:
            if code_of(error) == "NoSuchBucket":
                raise DataNotFoundError(
                    f"there is no bucket {bucket!r}; check the URI {uri} or create it"
                ) from error
            if code_of(error) == "NoSuchKey":
                raise DataNotFoundError(f"there is no object {uri}; upload it there") from error
            if code_of(error) in REFUSED:
                raise DataNotReadableError(
                    f"this stack may not read {uri}; put it into the stack's data bucket, or deploy the stack with"
                    f" {bucket} among AllowedBuckets; a bucket's own policy must allow it, too"
                ) from error
            raise
