"""Names of objects and files, archives in and out."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from emulator.sagemaker.errors import JobFailedError
from emulator.sagemaker.s3_files import S3Place, list_files, local_path, pack_folder, unpack_gzip, unpack_model


class ListedBucket:
    """An S3 client that lists given keys."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def get_paginator(self, operation: str) -> ListedBucket:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        found = [{"Key": key} for key in self.keys if key.startswith(request["Prefix"])]
        # Two pages, the second without objects.
        return [{"Contents": found}, {}]


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://b/a/c", S3Place("b", "a/c")),
        ("s3://b/", S3Place("b", "")),
        ("s3://b", S3Place("b", "")),
    ],
)
def test_uri_is_bucket_and_key(uri: str, place: S3Place) -> None:
    assert S3Place.parse(uri) == place


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/p", "s3://b/p/x/y"),
        ("s3://b/p/", "s3://b/p/x/y"),
        ("s3://b", "s3://b/x/y"),
        ("s3://b/", "s3://b/x/y"),
    ],
)
def test_places_are_joined_by_one_slash(uri: str, expected: str) -> None:
    assert str(S3Place.parse(uri).under("x", "y")) == expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("in/item1", ["a.csv", "deep/b.csv", "item10/c.csv"]),
        ("in/item1/", ["a.csv", "deep/b.csv"]),
        ("in/item1/a.csv", ["a.csv"]),
        ("in/item1/a", ["a.csv"]),
        ("", ["in/item1/a.csv", "in/item1/deep/b.csv", "in/item10/c.csv"]),
        ("nothing", []),
    ],
)
def test_files_below_a_prefix_have_paths_relative_to_it(prefix: str, expected: list[str]) -> None:
    bucket = ListedBucket("in/item1/a.csv", "in/item1/deep/", "in/item1/deep/b.csv", "in/item10/c.csv")
    assert [file.relative for file in list_files(bucket, S3Place("b", prefix))] == expected


@pytest.mark.parametrize("relative", ["../x", "a/../../x", "a/.."])
def test_key_that_leads_out_fails_the_job(tmp_path: Path, relative: str) -> None:
    with pytest.raises(JobFailedError, match="leads out of its folder"):
        local_path(tmp_path, relative)


def test_key_that_begins_with_a_slash_stays_below(tmp_path: Path) -> None:
    assert local_path(tmp_path, "/etc/passwd") == tmp_path / "etc/passwd"


def test_gzip_file_becomes_its_content(tmp_path: Path) -> None:
    for name, expected in (("a.csv.gz", "a.csv"), ("b.csv", "b.csv")):
        (tmp_path / name).write_bytes(gzip.compress(b"1\n"))
        assert unpack_gzip(tmp_path / name) == tmp_path / expected
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a.csv": b"1\n", "b.csv": b"1\n"}


@pytest.mark.parametrize(
    "content",
    [pytest.param(b"1\n", id="plain text"), pytest.param(gzip.compress(b"1" * 1000)[:-9], id="cut off")],
)
def test_broken_gzip_file_fails_the_job(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(JobFailedError, match="is not a gzip file"):
        unpack_gzip(tmp_path / "a.gz")


def test_folder_is_packed_and_unpacked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep/a").write_text("1")
    assert pack_folder(source, tmp_path / "a.tar.gz")
    unpack_model(tmp_path / "a.tar.gz", tmp_path / "target")
    assert (tmp_path / "target/deep/a").read_text() == "1"


def test_empty_folder_makes_no_archive(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    assert not pack_folder(tmp_path / "source", tmp_path / "a.tar.gz")
    assert not (tmp_path / "a.tar.gz").exists()


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(tarfile.TarInfo("../outside"), id="a name above"),
        pytest.param(link("escape", "/etc"), id="a link to the system"),
        pytest.param(link("escape", "../../outside"), id="a link above"),
    ],
)
def test_archive_that_leads_out_fails_the_job(tmp_path: Path, member: tarfile.TarInfo) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.addfile(member, io.BytesIO())
    with pytest.raises(JobFailedError, match="Failed to extract model data archive"):
        unpack_model(tmp_path / "a.tar.gz", tmp_path / "target")
    assert not (tmp_path / "outside").exists()
