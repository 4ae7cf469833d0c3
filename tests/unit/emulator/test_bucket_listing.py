"""Lists are those of S3: in order, by prefix, with folders, page by page, without what was deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.s3 import models

from emulator import bucket_listing
from emulator.bucket_listing import KeyStore
from emulator.endpoint import EmulatorSettings

KEYS = ["a/1", "a/2", "a/b/1", "a/b/2", "a0", "b", "\U0001f600/x", "中文/x"]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Any]:
    bucket_listing.install(EmulatorSettings(port=1, work_dir=tmp_path))
    made = models.S3Backend("us-east-1", "123456789012")
    made.create_bucket("bucket-of-this-test", "us-east-1")
    yield made
    made.reset()


def put(backend: Any, *keys: str) -> Any:
    for key in keys:
        backend.put_object("bucket-of-this-test", key, b"x")
    return backend.get_bucket("bucket-of-this-test")


def names(found: tuple[Any, ...]) -> tuple[list[str], list[str]]:
    return [key.name for key in found[0]], found[1]


@pytest.mark.parametrize(
    ("prefix", "delimiter", "keys", "folders"),
    [
        pytest.param(None, None, sorted(KEYS), [], id="all"),
        pytest.param("a/", None, ["a/1", "a/2", "a/b/1", "a/b/2"], [], id="prefix"),
        pytest.param("a", "/", ["a0"], ["a/"], id="folder"),
        pytest.param("a/", "/", ["a/1", "a/2"], ["a/b/"], id="folder-in-a-folder"),
        pytest.param(None, "/", ["a0", "b"], ["a/", "中文/", "\U0001f600/"], id="top"),
        pytest.param("中", None, ["中文/x"], [], id="not-ascii"),
        pytest.param("c", None, [], [], id="nothing"),
    ],
)
def test_objects_and_folders_come_in_order(
    backend: Any, prefix: str | None, delimiter: str | None, keys: list[str], folders: list[str]
) -> None:
    bucket = put(backend, *reversed(KEYS))

    assert names(backend.list_objects(bucket, prefix, delimiter, None, None)) == (keys, folders)


def test_deleted_object_is_not_listed(backend: Any) -> None:
    bucket = put(backend, *KEYS)
    backend.delete_object("bucket-of-this-test", "a/1")

    assert names(backend.list_objects(bucket, "a/", "/", None, None)) == (["a/2"], ["a/b/"])


def test_object_under_a_delete_marker_is_not_listed_nor_is_its_folder(backend: Any) -> None:
    bucket = put(backend, "a/1", "b/1")
    backend.put_bucket_versioning("bucket-of-this-test", "Enabled")
    backend.delete_object("bucket-of-this-test", "a/1")

    assert names(backend.list_objects(bucket, None, "/", None, None)) == ([], ["b/"])
    put(backend, "a/1")
    assert names(backend.list_objects(bucket, None, "/", None, None)) == ([], ["a/", "b/"])


def test_pages_follow_one_another(backend: Any) -> None:
    bucket = put(backend, *KEYS)
    seen: list[str] = []
    token = None
    for _ in range(len(KEYS)):
        page, more, token = backend.list_objects_v2(bucket, None, None, token, None, 3)
        seen += [key.name for key in page]
        if not more:
            break

    assert seen == sorted(KEYS)


def test_page_after_a_marker(backend: Any) -> None:
    bucket = put(backend, *KEYS)

    found = backend.list_objects(bucket, "a/", None, "a/2", 1)

    assert (names(found)[0], found[2]) == (["a/b/1"], True)


def test_objects_with_other_prefixes_are_not_looked_at(backend: Any) -> None:
    bucket = put(backend, *KEYS, *(f"many/{number}" for number in range(100)))
    looked_at: list[str] = []

    class Watched(KeyStore):
        def get(self, key: str, default: Any = None) -> Any:
            looked_at.append(key)
            return super().get(key, default)

    bucket.keys.__class__ = Watched
    backend.list_objects(bucket, "a/b/", None, None, None)

    assert looked_at == ["a/b/1", "a/b/2"]


def test_keys_written_from_many_threads_are_all_in_order(backend: Any) -> None:
    bucket = put(backend)
    threads = [
        threading.Thread(target=lambda n=n: put(backend, *(f"{k}/{n}" for k in range(50)))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bucket.keys.starting_with("") == sorted(f"{k}/{n}" for k in range(50) for n in range(8))


def versions(backend: Any, **asked: Any) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]], list[str]]:
    """Versions and delete markers, each with whether it is the key's latest, and folders."""
    found, folders, markers, *_ = backend.list_object_versions("bucket-of-this-test", **asked)
    return (
        [(one.name, one.is_latest) for one in found],
        [(one.name, one.is_latest) for one in markers],
        folders,
    )


def test_versions_come_by_key_and_of_each_the_newest_first(backend: Any) -> None:
    backend.put_bucket_versioning("bucket-of-this-test", "Enabled")
    for key, body in (("b", b"1"), ("a/1", b"22"), ("a/1", b"333"), ("a/2", b"1")):
        backend.put_object("bucket-of-this-test", key, body)
    backend.delete_object("bucket-of-this-test", "a/2")
    assert versions(backend, prefix="a/") == (
        [("a/1", True), ("a/1", False), ("a/2", False)],
        [("a/2", True)],
        [],
    )
    assert versions(backend, delimiter="/") == ([("b", True)], [], ["a/"])
    found = backend.list_object_versions("bucket-of-this-test", prefix="a/1")[0]
    assert [(one.size, one.version_id) for one in found] == [
        (3, backend.get_object("bucket-of-this-test", "a/1").version_id),
        (2, found[1].version_id),
    ]


def test_a_bucket_without_versions_lists_what_is_there(backend: Any) -> None:
    put(backend, "a", "a", "b")
    backend.delete_object("bucket-of-this-test", "b")
    found = backend.list_object_versions("bucket-of-this-test")[0]
    assert [(one.name, one.version_id, one.is_latest) for one in found] == [("a", "null", True)]


@pytest.mark.parametrize("delimiter", [None, "/"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_of_versions_follow_one_another(backend: Any, size: int, delimiter: str | None) -> None:
    backend.put_bucket_versioning("bucket-of-this-test", "Enabled")
    put(backend, *KEYS, *KEYS, "a0", "a0")
    backend.delete_object("bucket-of-this-test", "a0")
    whole = versions(backend, delimiter=delimiter, max_keys=None)
    seen: tuple[list[Any], list[Any], list[str]] = ([], [], [])
    marker: tuple[str | None, str | None] = (None, None)
    for _ in range(40):
        found, folders, markers, *marker = backend.list_object_versions(
            "bucket-of-this-test",
            delimiter=delimiter,
            max_keys=size,
            key_marker=marker[0],
            version_id_marker=marker[1],
        )
        seen[0].extend((one.name, one.is_latest) for one in found)
        seen[1].extend((one.name, one.is_latest) for one in markers)
        seen[2].extend(folders)
        assert len(found) + len(folders) + len(markers) <= size
        if marker[0] is None:
            break
    assert seen == whole
