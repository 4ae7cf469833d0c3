"""Finds the input of runs and jobs in S3, and raises an error if a job could not read it as intended."""

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
from pipeline.fields import MAX_PAYLOAD_IN_MB

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import ItemRequest

# AWS does not say whether its MB is 10^6 bytes or 2^20; the smaller one is accepted in both cases.
MAX_WHOLE_FILE_BYTES = MAX_PAYLOAD_IN_MB * 1_000_000
# An error message names at most this many objects.
MAX_SHOWN_OBJECTS = 5


def data_uri_of(entry: ItemRequest, data_bucket: str, file_name: str) -> str:
    """Return the S3 URI of the item's data: its setting `input`, else its file in the data bucket."""
    return entry.input or layout.S3Location(data_bucket, layout.data_key(entry.item, file_name)).uri


def find_input(s3: S3Client, uri: str) -> list[DataObject]:
    """Return the objects that a job with input `uri` would read, in the order of their keys.

    A file must exist, have bytes, and be the only object with this prefix, because SageMaker takes every URI as a
    prefix. A folder (ending in `/`) must hold an object with bytes.

    Raises:
        DataNotFoundError, DataEmptyError, DataNotReadableError, DataAmbiguousError: a job could not read the input as
            intended; the message says what to do.
    """
    is_folder = uri.endswith("/")
    # The first page shows whether a file is the only object with its prefix.
    objects = s3_objects.list_objects(s3, uri, first_page=not is_folder)
    if is_folder:
        if not objects:
            raise DataNotFoundError(f"there is no object under {uri}; upload the item's data there")
        if not any(data.size for data in objects):
            raise DataEmptyError(f"the objects under {uri} are empty (0 bytes); upload the item's data again")
        return objects
    if not any(data.uri == uri for data in objects):
        raise DataNotFoundError(f"there is no object {uri}; upload the item's data there")
    _require_unambiguous(uri, objects)
    if not objects[0].size:
        raise DataEmptyError(f"{uri} is empty (0 bytes); upload the item's data again")
    return objects


def find_versions(s3: S3Client, uri: str) -> list[ObjectVersion]:
    """Return all versions of the objects that a job with input `uri` may have read; of each key, the newest first.

    A bucket without versioning has one version of each object. Without permission for `s3:ListBucketVersions`, the
    current objects are returned.

    Raises:
        DataNotFoundError, DataNotReadableError: there is no such bucket, or this stack may not list it.
    """
    try:
        return s3_objects.list_versions(s3, uri)
    except DataNotReadableError:
        objects = s3_objects.list_objects(s3, uri)
        return [ObjectVersion(data.uri, data.last_modified, True, data) for data in objects]


def whole_file(uri: str, objects: list[DataObject]) -> str:
    """Return the URI of the only file with bytes among `objects`, if SageMaker can send it in one request.

    Args:
        uri: the item's data, a file or a folder.
        objects: the result of `find_input` for it.

    Raises:
        DataAmbiguousError, DataTooLargeError, DataNotReadableError: there are several, or it cannot be sent whole.
    """
    instead = "give predictInput, a file of features to score, or run the item with mode train"
    filled = [data for data in objects if data.size]
    if len(filled) > 1:
        raise DataAmbiguousError(
            f"mode score sends the item's data in one request, and {uri} holds {len(filled):,} objects"
            f" ({_shown(filled)}); make one object of them, {instead}"
        )
    (data,) = filled
    _require_unambiguous(data.uri, objects)
    if data.size > MAX_WHOLE_FILE_BYTES:
        raise DataTooLargeError(
            f"mode score sends the item's data in one request of at most {MAX_PAYLOAD_IN_MB} MB, and {data.uri} has"
            f" {data.size:,} bytes; {instead}"
        )
    if data.uri.lower().endswith(".gz"):
        raise DataNotReadableError(
            f"mode score sends the item's data as it is, and {data.uri} is compressed; upload it unpacked, {instead}"
        )
    return data.uri


def exists(s3: S3Client, uri: str) -> bool:
    """Return whether the object `uri` exists or, for a folder, whether it holds an object."""
    return s3_objects.has_objects(s3, uri) if uri.endswith("/") else s3_objects.object_exists(s3, uri)


def _require_unambiguous(uri: str, objects: list[DataObject]) -> None:
    others = [data for data in objects if data.uri != uri and data.uri.startswith(uri)]
    if others:
        raise DataAmbiguousError(
            f"SageMaker takes {uri} as a prefix and would also read {_shown(others)}; rename or remove these"
        )


def _shown(objects: list[DataObject]) -> str:
    more = f" and {len(objects) - MAX_SHOWN_OBJECTS:,} more" if len(objects) > MAX_SHOWN_OBJECTS else ""
    return ", ".join(layout.parse_uri(data.uri).key for data in objects[:MAX_SHOWN_OBJECTS]) + more
