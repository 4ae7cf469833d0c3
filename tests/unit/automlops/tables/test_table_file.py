"""Whether a file on this machine is a table that can become an item's data."""

from __future__ import annotations

import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from automlops.errors import CommandError
from automlops.tables import table_file
from automlops.tables.table_file import check_table, open_table
from tests.unit.automlops.tables.workbooks import zip_of

TABLE = b"Id,Country\r\n1,France\r\n"
# Not compressible, so that what is cut off was more than a checksum.
LONG = b"a,b\n" + b"".join(b"%s,1\n" % os.urandom(32).hex().encode() for _ in range(20_000))


def a_file(folder: Path, content: bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        b"\xef\xbb\xbf" + TABLE,
        "客戶,國家\n1,台灣\n".encode(),
        "Zürich,Köln\n1,2\n".encode("latin-1"),
        b"one column\n1",
        b"a,b\r1,2\r",
        b"\n\n  \na,b\n\n1,2\n",
        b"a;b\n1;2\n",
        b"a" * 5000 + b",b\n1,2\n",
        gzip.compress(TABLE),
        lzma.compress(TABLE),
        gzip.compress(LONG),
    ],
    ids=[
        "commas", "byte order mark", "Chinese", "Latin-1", "no last line end", "old line ends", "blank lines",
        "semicolons", "long header", "gzip", "xz", "long and packed",
    ],
)  # fmt: skip
def test_text_with_a_header_and_a_line_is_a_table(tmp_path: Path, content: bytes) -> None:
    check_table(a_file(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n \r\n", "is empty"),
        (gzip.compress(b""), "is empty"),
        (lzma.compress(b""), "is empty"),
        (b"Id,Country\n", "has a header and nothing below it"),
        (b"Id,Country", "has a header and nothing below it"),
        (b"Id,Country\n\n \n", "has a header and nothing below it"),
        (gzip.compress(b"Id,Country\n"), "has a header and nothing below it"),
        (b',,""\n1,2,3\n', "names no column in its first line"),
        (b"a,b\n1,\0\n", "is not a text table"),
        (gzip.compress(LONG)[:-9], "is compressed, and damaged"),
        (gzip.compress(LONG)[: len(LONG) // 4], "is compressed, and damaged"),
        (lzma.compress(LONG)[:-9], "is compressed, and damaged"),
        (b"PK\x03\x04 and more", "is a damaged workbook or zip file"),
        (b"PAR1 and more", "is a Parquet file whose end is missing"),
        (gzip.compress(TABLE)[:6], "is compressed, and damaged"),
    ],
    ids=[
        "0 bytes", "byte order mark alone", "blank lines", "0 bytes in gzip", "0 bytes in xz", "header alone",
        "header without line end", "header and blank lines", "header in gzip", "no name", "NUL",
        "gzip without its end", "half a gzip", "xz without its end", "half a zip", "half a Parquet file",
        "gzip's first bytes",
    ],
)  # fmt: skip
def test_what_no_model_can_be_trained_on_is_told(tmp_path: Path, content: bytes, problem: str) -> None:
    path = a_file(tmp_path, content)
    with pytest.raises(CommandError, match=problem) as refused:
        check_table(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1 and morePAR1",
        "a,b\n1,2\n".encode("utf-16"),
        b"BZh and more",
        b"\x28\xb5\x2f\xfd",
        zip_of({"table.csv": "a,b\n1,2\n"}),
    ],
    ids=["Parquet", "UTF-16", "bz2", "zstd", "zip"],
)
def test_what_an_image_may_read_is_left_to_it(tmp_path: Path, content: bytes) -> None:
    path = a_file(tmp_path, content)
    check_table(path)
    with open_table(path) as stream:
        assert stream.read() == content


@pytest.mark.parametrize(("content", "problem"), [(b"x" * 999, "nothing below"), (b" " * 999, "is empty")])
def test_lines_longer_than_a_piece_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, problem: str
) -> None:
    monkeypatch.setattr(table_file, "PIECE", 10)
    with pytest.raises(CommandError, match=problem):
        check_table(a_file(tmp_path, content))
    check_table(a_file(tmp_path, b"x" * 999 + b"\n" + b" " * 99 + b"1\n"))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_damage_far_behind_the_header_is_found(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    packed = bytearray(pack(LONG))
    packed[-30] ^= 0xFF
    with pytest.raises(CommandError, match="compressed, and damaged"):
        check_table(a_file(tmp_path, bytes(packed)))
