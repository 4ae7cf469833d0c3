"""Lists a bucket's objects by looking only at those that are asked for, where moto looks at all of them.

Touches moto's private parts: the name `_VersionedKeyStore` in moto.s3.models, which a bucket's `keys` are made of,
S3Backend.list_objects with its `_pagination_tokens`, `_get_results_from_token` and `_truncate_result`,
S3Backend.list_objects_v2, and S3Backend.list_object_versions, of whose versions moto.s3.responses reads what
`ListedVersion` has.
"""

from __future__ import annotations

import bisect
import itertools
import threading
from typing import TYPE_CHECKING, Any

from moto.s3 import models
from moto.s3.exceptions import InvalidContinuationToken

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.endpoint import EmulatorSettings


class KeyStore(models._VersionedKeyStore):  # type: ignore[misc]  # noqa: SLF001 - what a bucket keeps its keys in
    """A bucket's objects by key, each with its versions; knows its keys in order as well."""

    def __init__(self) -> None:
        super().__init__()
        self._order: list[str] = []
        self._order_lock = threading.Lock()

    def __setitem__(self, key: str, value: Any) -> None:
        self._note(key)
        super().__setitem__(key, value)

    def setlist(self, key: str, list_: Any) -> None:
        """Put all versions of a key in the place of those there were."""
        self._note(key)
        super().setlist(key, list_)

    def pop(self, key: str) -> None:
        """Forget a key."""
        super().pop(key)
        with self._order_lock:
            place = bisect.bisect_left(self._order, key)
            if self._order[place : place + 1] == [key]:
                del self._order[place]

    def _note(self, key: str) -> None:
        with self._order_lock:
            if key not in self:
                place = bisect.bisect_left(self._order, key)
                if self._order[place : place + 1] != [key]:
                    self._order.insert(place, key)

    def starting_with(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, in order."""
        with self._order_lock:
            first = bisect.bisect_left(self._order, prefix)
            last = bisect.bisect_right(self._order, prefix, lo=first, key=lambda key: key[: len(prefix)])
            return self._order[first:last]


def list_objects(
    self: Any, bucket: Any, prefix: str | None, delimiter: str | None, marker: str | None, max_keys: int | None
) -> tuple[list[Any], list[str], bool, str | None]:
    """As moto's: objects and folders in order, whether there are more, and where those begin."""
    if isinstance(bucket, models.FakeTableStorageBucket):
        raise models.MethodNotAllowed
    keys: list[Any] = []
    folders: dict[str, None] = {}
    start = prefix or ""
    for name, key in _current(bucket.keys, start):
        head, found, _ = name[len(start) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            folders[f"{start}{head}{found}"] = None
        else:
            keys.append(key)
    if marker:
        keys = self._get_results_from_token(keys, self._pagination_tokens.get(marker) or marker)
    more, token = False, None
    if max_keys is not None:
        keys, more, token = self._truncate_result(keys, max_keys)
    return keys, sorted(folders), more, token


# moto's own, which looks a token up and breaks when there is none.
_list_objects_v2 = models.S3Backend.list_objects_v2


def list_objects_v2(
    self: Any,
    bucket: Any,
    prefix: str | None,
    delimiter: str | None,
    continuation_token: str | None,
    start_after: str | None,
    max_keys: int,
) -> Any:
    """As moto's, and refuses a token that no list has answered."""
    if continuation_token and continuation_token not in self._pagination_tokens:
        raise InvalidContinuationToken
    return _list_objects_v2(self, bucket, prefix, delimiter, continuation_token, start_after, max_keys)


class ListedVersion:
    """A version of an object as a list shows it, without the copy of its content that moto would make.

    Args:
        version: moto's object or delete marker.
        is_latest: whether it is the key's newest.
    """

    def __init__(self, version: Any, *, is_latest: bool) -> None:
        self.moto = version
        self.is_latest = is_latest

    def __getattr__(self, name: str) -> Any:
        return getattr(self.moto, name)


def list_object_versions(
    self: Any,
    bucket_name: str,
    delimiter: str | None = None,
    key_marker: str | None = None,
    max_keys: int | None = 1000,
    prefix: str = "",
    version_id_marker: str | None = None,
) -> tuple[list[ListedVersion], list[str], list[ListedVersion], str | None, str | None]:
    """As moto's: versions, folders, delete markers, and the key and the version where the next page begins after."""
    versions: list[ListedVersion] = []
    markers: list[ListedVersion] = []
    folders: dict[str, None] = {}
    last: tuple[str | None, str | None] = (None, None)
    for version in _after(_versions(self.get_bucket(bucket_name).keys, prefix), key_marker, version_id_marker):
        head, found, _ = version.name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        folder = f"{prefix}{head}{found}"
        if found and (folder in folders or folder == key_marker):
            continue
        if max_keys is not None and len(versions) + len(markers) + len(folders) >= max_keys:
            return versions, sorted(folders), markers, *last
        if found:
            folders[folder] = None
            last = folder, None
            continue
        last = version.name, version.version_id
        (markers if isinstance(version.moto, models.FakeDeleteMarker) else versions).append(version)
    return versions, sorted(folders), markers, None, None


def _versions(store: KeyStore, prefix: str) -> Iterator[ListedVersion]:
    """All versions of the keys that begin with `prefix`, of each key the newest first."""
    for name in store.starting_with(prefix):
        for number, version in enumerate(reversed(store.getlist(name, []))):
            yield ListedVersion(version, is_latest=number == 0)


def _after(
    versions: Iterator[ListedVersion], key_marker: str | None, version_id_marker: str | None
) -> Iterator[ListedVersion]:
    """Those that come after the last one of the page before."""
    if not key_marker:
        return versions
    later = itertools.dropwhile(lambda version: version.name < key_marker, versions)
    of_key_passed = False

    def is_passed(version: ListedVersion) -> bool:
        nonlocal of_key_passed
        if version.name != key_marker or of_key_passed:
            return False
        of_key_passed = version.version_id == version_id_marker
        return True

    return itertools.dropwhile(is_passed, later)


def _current(store: KeyStore, prefix: str) -> Iterator[tuple[str, Any]]:
    """Keys that begin with `prefix` and their newest versions, without those that were deleted."""
    for name in store.starting_with(prefix):
        key = store.get(name)
        if key is not None and not isinstance(key, models.FakeDeleteMarker):
            yield name, key


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every part is installed the same way
    """Make moto's buckets keep their keys in order, and list by that order."""
    replace(models, "_VersionedKeyStore", KeyStore)
    replace(
        models.S3Backend,
        "list_objects",
        list_objects,
        expects=("self", "bucket", "prefix", "delimiter", "marker", "max_keys"),
    )
    replace(
        models.S3Backend,
        "list_objects_v2",
        list_objects_v2,
        expects=("self", "bucket", "prefix", "delimiter", "continuation_token", "start_after", "max_keys"),
    )
    replace(
        models.S3Backend,
        "list_object_versions",
        list_object_versions,
        expects=(
            "self", "bucket_name", "delimiter", "key_marker", "max_keys", "prefix", "version_id_marker",
        ),
    )  # fmt: skip
