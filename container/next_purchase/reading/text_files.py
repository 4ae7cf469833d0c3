"""Converts text in other encodings (UTF-16, Latin-1), or with carriage returns alone, to UTF-8 that polars reads."""

from __future__ import annotations

import codecs
import io
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from next_purchase.errors import DataError
from next_purchase.reading.packed_files import BLOCK_BYTES, PARQUET_MAGIC, DataFile, refuse_other_kinds

if TYPE_CHECKING:
    from typing import IO

BYTE_ORDER_MARK = "\ufeff"
_WIDE_MARKS = {
    # The first two bytes of UTF-32's mark are UTF-16's.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Windows-1252 is Latin-1 with letters for unused control codes; most files called Latin-1 have this encoding.
_LATIN = "cp1252"
_FIRST_LINE_END = re.compile(rb"\r\n|\r|\n")


def make_plain(file: DataFile, scratch: Path) -> DataFile:
    """Return the file, or a copy of it in UTF-8 if polars cannot read the file itself.

    Args:
        file: text, plain or gzip, in any encoding.
        scratch: a folder for the copy.

    Raises:
        DataError: the file is empty, damaged, or no text.
    """
    with file.open_bytes() as unpacked:
        start = unpacked.read(BLOCK_BYTES)
    if not start.strip(b"\xef\xbb\xbf\xff\xfe\r\n\t ,;|\0"):
        raise DataError(f"{file.name} is empty.")
    refuse_other_kinds(file.name, start)
    if start.startswith(PARQUET_MAGIC):
        raise DataError(f"{file.name} is a Parquet file inside a gzip file: unpack it.")
    if encoding := _wide_encoding(start):
        return _recode_wide(file, encoding, scratch)
    if (at := start.find(b"\0")) >= 0:
        line = start.count(b"\n", 0, at) + 1
        raise DataError(
            f"{file.name}, line {line}: a NUL character stands there: the line is damaged, or this is not a text file."
        )
    line_end = _FIRST_LINE_END.search(start)
    if (line_end and line_end[0] == b"\r") or start.startswith(codecs.BOM_UTF8 * 2):
        return _recode(file, "utf-8" if is_utf8(file) else _LATIN, scratch)
    return file


def is_utf8(file: DataFile) -> bool:
    """Return whether the whole file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open_bytes() as unpacked:
        try:
            while block := unpacked.read(BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def recode_latin(file: DataFile, scratch: Path) -> DataFile:
    """Copy a file that is not UTF-8 into a new one in `scratch` that is."""
    return _recode(file, _LATIN, scratch)


def _wide_encoding(start: bytes) -> str | None:
    """Return UTF-16 or UTF-32 by the byte order mark, or by zeros in every other byte, as in Western text; else None."""
    for mark, encoding in _WIDE_MARKS.items():
        if start.startswith(mark):
            return encoding
    high, low = start[0::2], start[1::2]
    for zeros, others, encoding in ((low, high, "utf-16-le"), (high, low, "utf-16-be")):
        if b"\0" not in others and zeros.count(0) > len(zeros) / 2:
            return encoding
    return None


def _recode_wide(file: DataFile, encoding: str, scratch: Path) -> DataFile:
    try:
        return make_plain(_recode(file, encoding, scratch, errors="strict"), scratch)
    except UnicodeError as error:
        name = encoding.upper()[:6]
        raise DataError(f"{file.name} is damaged or cut-off {name} text: save it as CSV in UTF-8.") from error


def _recode(file: DataFile, encoding: str, scratch: Path, *, errors: str = "replace") -> DataFile:
    """Copy a file as UTF-8, without byte order marks at its start, and with line feeds for all line ends."""
    with (
        file.open_bytes() as unpacked,
        # Without `newline`, it translates all line ends.
        io.TextIOWrapper(unpacked, encoding=encoding, errors=errors) as text,
        tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=scratch, delete=False) as plain,
    ):
        _copy_without_marks(text, plain)
    return DataFile(file.name, Path(plain.name))


def _copy_without_marks(text: IO[str], plain: IO[str]) -> None:
    start = text.read(BLOCK_BYTES)
    # The mark of UTF-8, decoded as Windows-1252.
    latin_mark = codecs.BOM_UTF8.decode(_LATIN)
    while start.startswith((BYTE_ORDER_MARK, latin_mark)):
        start = start.removeprefix(BYTE_ORDER_MARK).removeprefix(latin_mark)
    plain.write(start)
    shutil.copyfileobj(text, plain, BLOCK_BYTES)
