"""Turns a CSV file in any form people have (gzip, byte order mark, Latin-1) into plain UTF-8."""

from __future__ import annotations

import codecs
import gzip
import shutil
import zlib
from typing import TYPE_CHECKING

from next_purchase.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def make_plain(path: Path, scratch: Path) -> Path:
    """Give a file with the same text in UTF-8, without compression or byte order mark.

    Args:
        path: The file as it came.
        scratch: A folder for the converted copy; a file that is plain already is given back itself.

    Raises:
        DataError: The file is empty, damaged, or not text at all.
    """
    with path.open("rb") as file:
        start = file.read(len(_ZIP_MAGIC))
    if start.startswith(_GZIP_MAGIC):
        unpacked = scratch / f"{path.name}.unpacked"
        _unpack(path, unpacked)
        return _make_utf8(unpacked, scratch, path.name)
    return _make_utf8(path, scratch, path.name)


def _unpack(source: Path, target: Path) -> None:
    try:
        with gzip.open(source, "rb") as compressed, target.open("wb") as plain:
            shutil.copyfileobj(compressed, plain, _BLOCK_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{source.name} is a damaged or cut-off gzip file: {error}.") from error


def _make_utf8(path: Path, scratch: Path, name: str) -> Path:
    with path.open("rb") as file:
        start = file.read(_BLOCK_BYTES)
    if not start.strip(b"\xef\xbb\xbf\r\n\t ,;"):
        raise DataError(f"{name} is empty.")
    if start.startswith(_ZIP_MAGIC):
        raise DataError(f"{name} is a zip or Excel file, not CSV text: save it as CSV first.")
    if start.startswith(_UTF16_MARKS):
        raise DataError(f"{name} is UTF-16 text: save it as CSV in UTF-8.")
    if b"\0" in start:
        raise DataError(f"{name} is not a text file.")
    marked = start.startswith(codecs.BOM_UTF8)
    is_utf8 = _is_utf8(path)
    if is_utf8 and not marked:
        return path
    target = scratch / f"{name}.utf8"
    # Windows-1252 is Latin-1 with letters in place of unused control codes; most "Latin-1" files are that.
    _recode(path, target, "utf-8-sig" if is_utf8 else "cp1252")
    return target


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _recode(source: Path, target: Path, encoding: str) -> None:
    with (
        source.open("r", encoding=encoding, errors="replace", newline="") as text,
        target.open("w", encoding="utf-8", newline="") as plain,
    ):
        shutil.copyfileobj(text, plain, _BLOCK_BYTES)
