"""Opens and checks a table in a file: text, plain or compressed with gzip or xz, or a workbook."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from automlops.errors import CommandError
from automlops.tables.workbook import (
    PARQUET_MAGIC,
    ZIP_MAGIC,
    check_parquet,
    is_workbook,
    open_parquet,
    open_workbook,
)

GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"
# Enough of a file's start to recognise text.
START_BYTES = 4096
# Bytes that do not occur in a header; text may have line ends, tabs, form feeds, Ctrl-Z and escape.
CONTROL_BYTES = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r\x1a\x1b") | {0x7F}
# UTF-8, Latin-1 and encodings like them agree on commas, quotes and line ends; as Latin-1 every byte survives.
LOSSLESS = "latin-1"
BYTE_ORDER_MARK = codecs.BOM_UTF8.decode(LOSSLESS)
NOT_A_CSV = {
    codecs.BOM_UTF16_LE: "is UTF-16 text: save it as CSV in UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16 text: save it as CSV in UTF-8",
    ZIP_MAGIC: "is a zip file: unpack it",
}
# Formats that are not checked here: the image decides whether it reads them. The project's own reads all.
FOR_THE_IMAGE = (PARQUET_MAGIC, ZIP_MAGIC, b"BZh", b"\x28\xb5\x2f\xfd", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A header and one line below it.
LINES_NEEDED = 2
# A file without line ends may not fit into memory, so lines are read in pieces.
PIECE = 1024 * 1024
# A header of these characters alone names no column.
SEPARATORS = " \t\r\n,;|\"'"


def check_file(path: Path) -> None:
    """Raise an error unless `path` is a readable file.

    Raises:
        CommandError: the file is missing, no file, or not readable.
    """
    if not path.exists():
        raise CommandError(f"There is no file {path}.")
    if not path.is_file():
        raise CommandError(f"{path} is not a file.")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def open_table(path: Path, report: Callable[[str], None] = lambda _: None) -> Iterator[BinaryIO]:
    """Open the table at `path`: decompressed, and a workbook as CSV. The format is recognised by the first bytes.

    Args:
        path: the file.
        report: called with a sentence for each sheet of a workbook that is left out.

    Yields:
        The table's bytes.

    Raises:
        CommandError: the file cannot be read, or its compressed data is damaged (found while reading).
    """
    check_file(path)
    with path.open("rb") as head:
        magic = head.read(len(XZ_MAGIC) + 2)
    if is_workbook(path, magic):
        with open_workbook(path, report) as rows:
            yield rows
        return
    try:
        if magic.startswith(GZIP_MAGIC):
            with gzip.open(path, "rb") as stream:
                yield cast("BinaryIO", stream)
        elif magic.startswith(XZ_MAGIC):
            with lzma.open(path, "rb") as stream:
                yield cast("BinaryIO", stream)
        else:
            with path.open("rb") as stream:
                yield stream
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise CommandError(f"{path} is compressed, and damaged: {error}.") from error


@contextmanager
def open_text_table(path: Path, report: Callable[[str], None]) -> Iterator[BinaryIO]:
    """Open the table at `path` as `open_table` does, a Parquet file as CSV too.

    Args:
        path: the file.
        report: called with a sentence for each sheet of a workbook that is left out.

    Yields:
        The table's bytes.

    Raises:
        CommandError: as `open_table`, or the file holds no text table.
    """
    with path.open("rb") if path.is_file() else nullcontext() as head:
        is_parquet = head is not None and head.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    with open_parquet(path) if is_parquet else open_table(path, report) as stream:
        check_kind(stream, path)
        yield stream


def check_kind(stream: BinaryIO, path: Path) -> None:
    """Raise an error unless `stream` begins as a text table; leave it at its start.

    Args:
        stream: the table, decompressed.
        path: the table's file, for messages.

    Raises:
        CommandError: the stream is UTF-16 or no text.
    """
    start = stream.read(START_BYTES)
    stream.seek(0)
    for magic, problem in NOT_A_CSV.items():
        if start.startswith(magic):
            raise CommandError(f"{path} {problem}.")
    if b"\0" in start or CONTROL_BYTES.intersection(start.partition(b"\n")[0]):
        raise CommandError(f"{path} is not a text table: save it as CSV in UTF-8.")


def check_table(path: Path) -> list[str]:
    """Check that `path` holds a table: of text and workbooks, a header and at least one line below it.

    The image decides which columns it needs and which other formats it reads. A compressed file is decompressed to its
    end, since it can be damaged anywhere.

    Returns:
        A sentence for each sheet of a workbook that is left out.

    Raises:
        CommandError: the file holds no table, or is damaged.
    """
    notes: list[str] = []
    with open_table(path, notes.append) as stream:
        start = stream.read(START_BYTES)
        stream.seek(0)
        if start.startswith(PARQUET_MAGIC) and not isinstance(stream, gzip.GzipFile | lzma.LZMAFile):
            check_parquet(path)
        if start.startswith(FOR_THE_IMAGE):
            return notes
        check_kind(stream, path)
        text = io.TextIOWrapper(stream, encoding=LOSSLESS)
        lines = _first_lines(text)
        # The wrapper would close the stream.
        text.detach()
        if problem := _problem_of(lines):
            raise CommandError(f"{path} {problem}; an item's data is a header and at least one line below it.")
        if isinstance(stream, gzip.GzipFile | lzma.LZMAFile):
            while stream.read(PIECE):
                pass
    return notes


def _problem_of(lines: list[str]) -> str | None:
    """Return what is wrong with a table whose first lines that are not blank begin with `lines`, or None."""
    if not lines:
        return "is empty"
    if not lines[0].strip(SEPARATORS):
        return "names no column in its first line"
    if len(lines) < LINES_NEEDED:
        return "has a header and nothing below it"
    return None


def _first_lines(text: TextIO) -> list[str]:
    """Return the beginnings of the first lines that are not blank, at most `LINES_NEEDED`."""
    lines: list[str] = []
    at_start = True
    for number, piece in enumerate(iter(lambda: text.readline(PIECE), "")):
        shown = piece.removeprefix(BYTE_ORDER_MARK) if number == 0 else piece
        if shown.strip() and at_start:
            lines.append(shown)
            if len(lines) == LINES_NEEDED:
                break
        at_start = piece.endswith("\n") or (at_start and not shown.strip())
    return lines
