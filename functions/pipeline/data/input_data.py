"""Finds in S3 what runs and jobs are to read, or says why it would not be read as it is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import layout
from pipeline.aws import s3_objects
from pipeline.aws.s3_objects import DataObject, ObjectVersion
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


def find_input(s3: S3Client, uri: str) -> list[DataObject]:
    """What a job given `uri` would read, in the order of its keys.

    A file must exist, have bytes, and be alone under its name, since SageMaker takes every URI as a prefix; a
    folder (ending in `/`) must hold an object with bytes.

    Raises:
        DataNotFoundError, DataEmptyError, DataNotReadableError, DataAmbiguousError: a job could not read what is
            meant; the message says what to do.
    """
    is_folder = uri.endswith("/")
    # Of a file, the first page tells whether it is alone.
    found = s3_objects.list_objects(s3, uri, first_page=not is_folder)
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
    try:
        return s3_objects.list_versions(s3, uri)
    except DataNotReadableError:
        objects = s3_objects.list_objects(s3, uri)
        return [ObjectVersion(data.uri, data.last_modified, True, data) for data in objects]


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


def exists(s3: S3Client, uri: str) -> bool:
    """Whether there is the object `uri`, or for a folder anything in it."""
    return s3_objects.has_objects(s3, uri) if uri.endswith("/") else s3_objects.object_exists(s3, uri)


def _check_alone(uri: str, found: list[DataObject]) -> None:
    others = [data for data in found if data.uri != uri and data.uri.startswith(uri)]
    if others:
        raise DataAmbiguousError(
            f"SageMaker takes {uri} as a prefix and would also read {_shown(others)}; rename or remove these"
        )


def _shown(found: list[DataObject]) -> str:
    more = f" and {len(found) - MAX_SHOWN:,} more" if len(found) > MAX_SHOWN else ""
    return ", ".join(layout.parse_uri(data.uri).key for data in found[:MAX_SHOWN]) + more
