"""An S3 bucket with versions and times, for tests of data that changes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.unit.pipeline.stored_documents import refusal

BEGIN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the time at `seconds` after BEGIN."""
    return BEGIN + timedelta(seconds=seconds)


class Stored(NamedTuple):
    """A version, or a delete marker without a body; S3 keeps times to the second."""

    key: str
    written: datetime
    body: bytes | None


class VersionedBucket:
    """S3's client for listings of objects and versions; all buckets are the same one.

    Args:
        versioned: whether the bucket keeps versions.
        page_size: entries of a page.
    """

    def __init__(self, *, versioned: bool = True, page_size: int = 1000) -> None:
        self.versions: list[Stored] = []
        self.refused: set[str] = set()
        self.calls: list[str] = []
        self._versioned = versioned
        self._page_size = page_size

    def put(self, key: str, body: bytes, seconds: float) -> None:
        """Write an object."""
        self._store(Stored(key, at(seconds).replace(microsecond=0), body))

    def delete(self, key: str, seconds: float) -> None:
        """Delete an object."""
        self._store(Stored(key, at(seconds).replace(microsecond=0), None))

    def _store(self, stored: Stored) -> None:
        if not self._versioned:
            self.versions = [one for one in self.versions if one.key != stored.key]
        if self._versioned or stored.body is not None:
            self.versions.append(stored)

    def list_objects_v2(self, Bucket: str, Prefix: str, ContinuationToken: str = "") -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        """As boto3's."""
        self._called("list_objects_v2")
        newest = {stored.key: stored for stored in self.versions}
        keys = sorted(key for key, stored in newest.items() if key.startswith(Prefix) and stored.body is not None)
        later = [key for key in keys if key > ContinuationToken]
        page = later[: self._page_size]
        answer = {"Contents": [_shown(newest[key]) for key in page], "IsTruncated": len(page) < len(later)}
        return answer | ({"NextContinuationToken": page[-1]} if page else {})

    def list_object_versions(
        self,
        Bucket: str,  # noqa: N803, ARG002 - boto3's names
        Prefix: str,  # noqa: N803
        KeyMarker: str = "",  # noqa: N803
        VersionIdMarker: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        """As boto3's: the newest of each key first, versions and delete markers in separate lists."""
        self._called("list_object_versions")
        newest = {stored.key: stored for stored in self.versions}
        numbered = list(enumerate(self.versions))
        listed = [(number, stored) for number, stored in reversed(numbered) if stored.key.startswith(Prefix)]
        listed.sort(key=lambda one: one[1].key)
        found = [stored for _, stored in listed]
        ids = [(stored.key, str(number)) for number, stored in listed]
        start = ids.index((KeyMarker, VersionIdMarker)) + 1 if KeyMarker else 0
        page = found[start : start + self._page_size]
        shown = [_shown(stored) | {"IsLatest": stored is newest[stored.key]} for stored in page]
        answer: dict[str, Any] = {
            "Versions": [one for one in shown if "Size" in one],
            "DeleteMarkers": [one for one in shown if "Size" not in one],
            "IsTruncated": start + len(page) < len(found),
        }
        if page:
            answer["NextKeyMarker"], answer["NextVersionIdMarker"] = ids[start + len(page) - 1]
        return answer

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self.refused:
            raise refusal("AccessDenied", 403)


def _shown(stored: Stored) -> dict[str, Any]:
    entry: dict[str, Any] = {"Key": stored.key, "LastModified": stored.written}
    if stored.body is None:
        return entry
    return entry | {"Size": len(stored.body), "ETag": f'"{hashlib.sha256(stored.body).hexdigest()[:32]}"'}
