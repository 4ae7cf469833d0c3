"""Finds in S3 what runs and jobs are to read, or says why it would not be read as it is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from pipeline import aws, layout
from pipeline.errors import (
    DataAmbiguousError,
    DataEmptyError,
    DataNotFoundError,
    DataNotReadableError,
    DataTooLargeError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import ItemRequest

# MaxPayloadInMB of CreateTransformJob is 100 at most.
MAX_REQUEST_IN_MB = 100
# Whether SageMaker's MB is 10^6 bytes or 2^20, it takes so many.
MAX_WHOLE_FILE_BYTES = 100_000_000
MAX_SHOWN = 5


def data_uri_of(entry: ItemRequest, data_bucket: str, file_name: str) -> str:
    """S3 URI of the item's data: the one asked for, else its file in the data bucket."""
    return entry.input or layout.S3Location(data_bucket, layout.data_key(entry.item, file_name)).uri


class DataObject(NamedTuple):
    """An object that a job would read.

    Attributes:
        uri: `s3://bucket/key`.
        etag: as S3 tells it; it changes with the content.
        size: in bytes.
        last_modified: when it was written, to the second.
    """

    uri: str
    etag: str
    size: int
    last_modified: datetime


class ObjectVersion(NamedTuple):
    """A version of an object, or the marker of its deletion.

    Attributes:
        uri: `s3://bucket/key`.
        last_modified: when it was written, to the second.
        is_latest: whether it is what the key holds now.
        data: the object; None of a marker.
    """

    uri: str
    last_modified: datetime
    is_latest: bool
    data: DataObject | None


def find_input(s3: S3Client, uri: str) -> list[DataObject]:
    """What a job given `uri` would read, in the order of its keys.

    A file must exist, have bytes, and be alone under its name, since SageMaker takes every URI as a prefix; a
    folder (ending in `/`) must hold an object with bytes.

    Raises:
        DataNotFoundError, DataEmptyError, DataNotReadableError, DataAmbiguousError: a job could not read what is
            meant; the message says what to do.
    """
    place = layout.parse_uri(uri)
    is_folder = place.key.endswith("/")
    with _looking_for(uri, place.bucket):
        pages = _pages(s3, Bucket=place.bucket, Prefix=place.key)
        # Of a file, the first page tells whether it is alone.
        found = list(_objects(place.bucket, pages if is_folder else [next(pages)]))
    if is_folder:
        if not found:
            raise DataNotFoundError(f"there is no object under {uri}; upload the item's data there")
        if not any(data.size for data in found):
            raise DataEmptyError(f"the objects under {uri} are empty (0 bytes); upload the item's data again")
        return found
    if not any(data.uri == uri for data in found):
        raise DataNotFoundError(f"there is no object {uri}; upload the item's data there")
    _check_alone(uri, found)
    if not found[0].size:
        raise DataEmptyError(f"{uri} is empty (0 bytes); upload the item's data again")
    return found


def find_versions(s3: S3Client, uri: str) -> list[ObjectVersion]:
    """Every version of every object that a job given `uri` might have read, of each key those written last first.

    A bucket without versioning has one of each. Where AWS does not grant `s3:ListBucketVersions`, what is there now is
    taken for all there is.

    Raises:
        DataNotFoundError, DataNotReadableError: there is no such bucket, or this stack may not list it.
    """
    bucket, prefix = layout.parse_uri(uri)
    try:
        with _looking_for(uri, bucket):
            pages = list(_version_pages(s3, Bucket=bucket, Prefix=prefix))
    except DataNotReadableError:
        with _looking_for(uri, bucket):
            now = list(_objects(bucket, _pages(s3, Bucket=bucket, Prefix=prefix)))
        return [ObjectVersion(data.uri, data.last_modified, True, data) for data in now]
    kept = [entry for page in pages for entry in page.get("Versions", [])]
    objects = [_data_object(bucket, entry) for entry in kept]
    versions = [
        ObjectVersion(data.uri, data.last_modified, entry["IsLatest"], data)
        for entry, data in zip(kept, objects, strict=True)
    ]
    markers = [
        ObjectVersion(f"s3://{bucket}/{entry['Key']}", _second(entry["LastModified"]), entry["IsLatest"], None)
        for page in pages
        for entry in page.get("DeleteMarkers", [])
    ]
    return [version for version in versions + markers if not version.uri.endswith("/")]


def whole_file(uri: str, found: list[DataObject]) -> str:
    """URI of the one file among `found` that has bytes, which an image can be sent in one request.

    Args:
        uri: the item's data, a file or a folder.
        found: what `find_input` found there.

    Raises:
        DataAmbiguousError, DataTooLargeError, DataNotReadableError: there is not one, or it cannot be sent so.
    """
    instead = "give predictInput, a file of features to score, or run the item with mode train"
    filled = [data for data in found if data.size]
    if len(filled) > 1:
        raise DataAmbiguousError(
            f"mode score sends the item's data in one request, and {uri} holds {len(filled):,} objects"
            f" ({_shown(filled)}); make one object of them, {instead}"
        )
    (data,) = filled
    _check_alone(data.uri, found)
    if data.size > MAX_WHOLE_FILE_BYTES:
        raise DataTooLargeError(
            f"mode score sends the item's data in one request of at most {MAX_REQUEST_IN_MB} MB, and {data.uri} has"
            f" {data.size:,} bytes; {instead}"
        )
    if data.uri.lower().endswith(".gz"):
        raise DataNotReadableError(
            f"mode score sends the item's data as it is, and {data.uri} is compressed; upload it unpacked, {instead}"
        )
    return data.uri


def has_objects(s3: S3Client, uri: str) -> bool:
    """Whether there is the object `uri`, or for a folder anything in it."""
    if not uri.endswith("/"):
        return aws.object_exists(s3, uri)
    place = layout.parse_uri(uri)
    with aws.translated(f"looking for {uri}"):
        return bool(s3.list_objects_v2(Bucket=place.bucket, Prefix=place.key, MaxKeys=1).get("Contents"))


def list_folders(s3: S3Client, uri: str, limit: int) -> list[str]:
    """Names of the folders directly under the folder `uri`, in S3's order; no more than one over `limit`.

    Raises:
        DataNotFoundError, DataNotReadableError: there is no such bucket, or this stack may not list it.
    """
    place = layout.parse_uri(uri)
    names: list[str] = []
    with _looking_for(uri, place.bucket):
        for page in _pages(s3, Bucket=place.bucket, Prefix=place.key, Delimiter="/"):
            names += [entry["Prefix"][len(place.key) : -1] for entry in page.get("CommonPrefixes", [])]
            if len(names) > limit:
                break
    return names[: limit + 1]


def read_list(s3: S3Client, uri: str, limit: int) -> bytes:
    """The object `uri`, of at most `limit` bytes.

    Raises:
        DataNotFoundError, DataNotReadableError, DataTooLargeError: it cannot be read.
    """
    place = layout.parse_uri(uri)
    with _looking_for(uri, place.bucket):
        try:
            answer = s3.get_object(Bucket=place.bucket, Key=place.key)
        except ClientError as error:
            if aws.code_of(error) == "NoSuchKey":
                raise DataNotFoundError(f"there is no object {uri}; upload the list there") from error
            raise
        if answer["ContentLength"] > limit:
            answer["Body"].close()
            raise DataTooLargeError(
                f"{uri} has {answer['ContentLength']:,} bytes; a list of items has at most {limit:,}"
            )
        return answer["Body"].read()


def _pages(s3: S3Client, **request: Any) -> Iterator[Any]:
    """Every page of a listing, asked for when it is wanted."""
    page = s3.list_objects_v2(**request)
    yield page
    while page.get("IsTruncated"):
        page = s3.list_objects_v2(**request, ContinuationToken=page["NextContinuationToken"])
        yield page


def _version_pages(s3: S3Client, **request: Any) -> Iterator[Any]:
    """Every page of a listing of versions."""
    page = s3.list_object_versions(**request)
    yield page
    while page.get("IsTruncated"):
        page = s3.list_object_versions(
            **request, KeyMarker=page["NextKeyMarker"], VersionIdMarker=page["NextVersionIdMarker"]
        )
        yield page


def _objects(bucket: str, pages: Iterable[Any]) -> Iterator[DataObject]:
    """The objects of a listing's pages, without the markers that consoles leave for folders."""
    for page in pages:
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("/"):
                yield _data_object(bucket, entry)


def _data_object(bucket: str, entry: Any) -> DataObject:
    return DataObject(
        f"s3://{bucket}/{entry['Key']}", entry["ETag"], entry["Size"], _second(entry["LastModified"])
    )


def _second(moment: datetime) -> datetime:
    """The whole second; S3 tells no more."""
    return moment.replace(microsecond=0)


@contextmanager
def _looking_for(uri: str, bucket: str) -> Iterator[None]:
    """Turns the refusals that the user can mend into this application's, and the others as everywhere."""
    with aws.translated(f"looking for {uri}"):
        try:
            yield
        except ClientError as error:
            if aws.code_of(error) == "NoSuchBucket":
                raise DataNotFoundError(
                    f"there is no bucket {bucket!r}; check the URI {uri} or create it"
                ) from error
            if aws.code_of(error) in aws.REFUSED:
                raise DataNotReadableError(
                    f"this stack may not read {uri}; put it into the stack's data bucket, or deploy the stack with"
                    f" {bucket} among AllowedBuckets; a bucket's own policy must allow it, too"
                ) from error
            raise


def _check_alone(uri: str, found: list[DataObject]) -> None:
    others = [data for data in found if data.uri != uri and data.uri.startswith(uri)]
    if others:
        raise DataAmbiguousError(
            f"SageMaker takes {uri} as a prefix and would also read {_shown(others)}; rename or remove these"
        )


def _shown(found: list[DataObject]) -> str:
    more = f" and {len(found) - MAX_SHOWN:,} more" if len(found) > MAX_SHOWN else ""
    return ", ".join(layout.parse_uri(data.uri).key for data in found[:MAX_SHOWN]) + more
