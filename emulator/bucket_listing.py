"""Lists a bucket's objects by looking only at those that are asked for, where moto looks at all of them.

Touches moto's private parts: the name `_VersionedKeyStore` in moto.s3.models, which a bucket's `keys` are made of, and
S3Backend.list_objects with its `_pagination_tokens`, `_get_results_from_token` and `_truncate_result`.
"""

from __future__ import annotations

import bisect
import threading
from typing import TYPE_CHECKING, Any

from moto.s3 import models

from emulator.seams import replace

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
        """The keys that begin with `prefix`, in order."""
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


def _current(store: KeyStore, prefix: str) -> Iterator[tuple[str, Any]]:
    """Keys that begin with `prefix` and their newest versions, without those that were deleted."""
    for name in store.starting_with(prefix):
        key = store.get(name)
        if key is not None and not isinstance(key, models.FakeDeleteMarker):
            yield name, key


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every seam is installed the same way
    """Make moto's buckets keep their keys in order, and list by that order."""
    replace(models, "_VersionedKeyStore", KeyStore)
    replace(
        models.S3Backend,
        "list_objects",
        list_objects,
        expects=("self", "bucket", "prefix", "delimiter", "marker", "max_keys"),
    )
