"""Holds what a job has read against what PrepareRun had found for it, as files can be replaced while a run goes on.

The fingerprint of an item's result is made of the objects that PrepareRun found. A job reads them later: if they are
others by then, the result is of other data than its fingerprint says.
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


# A deleted object of a bucket without versioning has no time, and an upload in parts has the time at which it began.
NO_TIME_TELLS = (
    "an object is gone and no version of it is left, or an upload that began before the run has replaced it"
)
REMEDY = "run the item again, and leave its data as it is until it has ended"


def promise(uri: str, found: Iterable[DataObject]) -> InputVersion:
    """What a job given `uri` is to read.

    Args:
        uri: the file, or the folder (ending in `/`).
        found: every object in it.
    """
    told = sorted((data.uri, data.size, data.etag, iso_text(data.last_modified)) for data in found)
    return InputVersion(uri=uri, version=hashlib.sha256(json.dumps(told).encode()).hexdigest())


def check_now(s3: S3Client, promised: InputVersion) -> None:
    """Makes sure that what was promised is there still, and was not away in between.

    Raises:
        DataChangedError: it is not.
    """
    try:
        found = input_data.find_input(s3, promised.uri)
    except (DataNotFoundError, DataEmptyError, DataAmbiguousError) as error:
        raise DataChangedError(f"the data changed while the item was trained: {error}; then {REMEDY}") from error
    if promise(promised.uri, found).version != promised.version:
        newest = max(found, key=attrgetter("last_modified"))
        written = f"{newest.uri} was written at {iso_text(newest.last_modified)}"
        told = "after the run had found it"
        if newest.uri != promised.uri:
            told = f"last of all; other objects than now were under {promised.uri} when the run began"
        raise DataChangedError(f"the data changed while the item was trained: {written}, {told}; {REMEDY}")


def check_then(s3: S3Client, promised: InputVersion, ended: datetime, since: datetime) -> bool:
    """Makes sure that what was promised was there when a job ended; what has changed later does not count.

    Args:
        s3: the client.
        promised: what the job was to read.
        ended: when it ended.
        since: when the run began.

    Returns:
        Whether it was. False where S3 does not tell: an object was written later, and its bucket has kept nothing of
        what it was before.

    Raises:
        DataChangedError: it was not.
        DataNotFoundError, DataNotReadableError: this stack may not look there any more.
    """
    versions = sorted(input_data.find_versions(s3, promised.uri), key=attrgetter("uri"))
    current, is_untold = [], False
    for _, of_key in groupby(versions, key=attrgetter("uri")):
        version = _current(of_key, ended)
        is_untold = is_untold or version is None
        current += [version] if version else []
    if promise(promised.uri, [version.data for version in current if version.data]).version == promised.version:
        return True
    changed = [version for version in current if version.last_modified >= since]
    if is_untold and not changed:
        return False
    told = [
        f"{version.uri} was {'written' if version.data else 'deleted'} at {iso_text(version.last_modified)}"
        for version in changed[: input_data.MAX_SHOWN]
    ]
    more = [f"{len(changed) - len(told):,} more have changed"] if len(changed) > len(told) else []
    raise DataChangedError(
        f"the data under {promised.uri} changed before the job had read it:"
        f" {', '.join(told + more) or NO_TIME_TELLS}; {REMEDY}"
    )


def _current(versions: Iterable[ObjectVersion], moment: datetime) -> ObjectVersion | None:
    """What a key held at `moment`: a version, or the marker of a deletion; None where all are later.

    Args:
        versions: all of the key, those written last first.
        moment: the time.
    """
    before = [version for version in versions if version.last_modified <= moment]
    # An upload in parts has the time at which it began, so of versions the order counts, and not the time. Lists tell
    # markers apart from them, so there the time decides.
    kept = next((version for version in before if version.data), None)
    marker = next((version for version in before if not version.data), None)
    if kept is None or marker is None:
        return kept or marker
    if marker.last_modified == kept.last_modified:
        return marker if marker.is_latest else kept
    return max(kept, marker, key=attrgetter("last_modified"))
