"""Checks that a job has read the objects that PrepareRun found, because files can be replaced during a run.

The fingerprint of an item's result covers the objects that PrepareRun found. A job reads its input later. If the
objects have changed by then, the fingerprint does not describe the result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from pipeline.aws.s3_objects import DataObject, ObjectVersion
from pipeline.data import input_data
from pipeline.documents import InputVersion
from pipeline.errors import DataAmbiguousError, DataChangedError, DataEmptyError, DataNotFoundError
from pipeline.fields import iso_text

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


# Without a changed object to name: S3 keeps no time of an object deleted from a bucket without versioning, and the time
# of a multipart upload is its start.
NO_CHANGED_OBJECT = (
    "an object is gone and no version of it is left, or an upload that began before the run has replaced it"
)
REMEDY = "run the item again, and leave its data as it is until it has ended"


def make_input_version(uri: str, objects: Iterable[DataObject]) -> InputVersion:
    """Return the version of a job's input: a hash over its objects.

    Args:
        uri: the file, or the folder (ending in `/`).
        objects: all objects that the job would read.
    """
    facts = sorted((data.uri, data.size, data.etag, iso_text(data.last_modified)) for data in objects)
    return InputVersion(uri=uri, version=hashlib.sha256(json.dumps(facts).encode()).hexdigest())


def check_current_input(s3: S3Client, expected: InputVersion) -> None:
    """Check that a job's input is still as PrepareRun found it, and was not replaced in between.

    Raises:
        DataChangedError: it has changed.
    """
    try:
        objects = input_data.find_input(s3, expected.uri)
    except (DataNotFoundError, DataEmptyError, DataAmbiguousError) as error:
        raise DataChangedError(f"the data changed while the item was trained: {error}; then {REMEDY}") from error
    if make_input_version(expected.uri, objects).version != expected.version:
        newest = max(objects, key=attrgetter("last_modified"))
        written = f"{newest.uri} was written at {iso_text(newest.last_modified)}"
        explanation = "after the run had found it"
        if newest.uri != expected.uri:
            explanation = f"last of all; other objects than now were under {expected.uri} when the run began"
        raise DataChangedError(f"the data changed while the item was trained: {written}, {explanation}; {REMEDY}")


def check_input_at(s3: S3Client, expected: InputVersion, ended: datetime, since: datetime) -> bool:
    """Check that a job's input was as PrepareRun found it when the job ended; later changes do not count.

    Args:
        s3: the client.
        expected: the input that PrepareRun found.
        ended: when the job ended.
        since: when the run began.

    Returns:
        True if it was; False if S3 cannot show it, because an object was written later and the bucket keeps no older
        version of it.

    Raises:
        DataChangedError: it had changed.
        DataNotFoundError, DataNotReadableError: this stack may no longer list the objects.
    """
    versions = sorted(input_data.find_versions(s3, expected.uri), key=attrgetter("uri"))
    present, is_incomplete = [], False
    for _, versions_of_key in groupby(versions, key=attrgetter("uri")):
        version = _version_at(versions_of_key, ended)
        is_incomplete = is_incomplete or version is None
        present += [version] if version else []
    objects = [version.data for version in present if version.data]
    if make_input_version(expected.uri, objects).version == expected.version:
        return True
    changed = [version for version in present if version.last_modified >= since]
    if is_incomplete and not changed:
        return False
    changes = [
        f"{version.uri} was {'written' if version.data else 'deleted'} at {iso_text(version.last_modified)}"
        for version in changed[: input_data.MAX_SHOWN_OBJECTS]
    ]
    more = [f"{len(changed) - len(changes):,} more have changed"] if len(changed) > len(changes) else []
    raise DataChangedError(
        f"the data under {expected.uri} changed before the job had read it:"
        f" {', '.join(changes + more) or NO_CHANGED_OBJECT}; {REMEDY}"
    )


def _version_at(versions: Iterable[ObjectVersion], moment: datetime) -> ObjectVersion | None:
    """Return what a key held at `moment`: a version, or a delete marker; None if all were written later.

    Args:
        versions: all versions of the key, the newest first.
        moment: the time.
    """
    before = [version for version in versions if version.last_modified <= moment]
    # The time of a multipart upload is its start, so the order of versions counts, not their times. S3 lists delete
    # markers apart from versions, so between a version and a marker the time decides.
    stored = next((version for version in before if version.data), None)
    marker = next((version for version in before if not version.data), None)
    if stored is None or marker is None:
        return stored or marker
    if marker.last_modified == stored.last_modified:
        return marker if marker.is_latest else stored
    return max(stored, marker, key=attrgetter("last_modified"))
