"""Opens and checks a table that somebody keeps on this machine: text, plain or packed with gzip or xz, or a workbook."""

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
# So much of the start tells text from anything else.
START_BYTES = 4096
# None of them stands in a header; ends of lines, tabs and a few leftovers of printers are no sign.
CONTROL_BYTES = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r\x1a\x1b") | {0x7F}
# UTF-8, Latin-1 and their kin agree on commas, quotes and line ends; read as Latin-1, every byte comes back.
LOSSLESS = "latin-1"
BYTE_ORDER_MARK = codecs.BOM_UTF8.decode(LOSSLESS)
NOT_A_CSV = {
    codecs.BOM_UTF16_LE: "is UTF-16 text: save it as CSV in UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16 text: save it as CSV in UTF-8",
    ZIP_MAGIC: "is a zip file: unpack it",
}
# Which of these an image reads, it says itself; ours reads all.
FOR_THE_IMAGE = (PARQUET_MAGIC, ZIP_MAGIC, b"BZh", b"\x28\xb5\x2f\xfd", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A header and a line below it.
LINES_NEEDED = 2
# Some files have no line ends, and need not fit into memory.
PIECE = 1024 * 1024
# What a header without a name consists of.
SEPARATORS = " \t\r\n,;|\"'"


def check_file(path: Path) -> None:
    """Makes sure that `path` is a file that can be read.

    Raises:
        CommandError: it is missing, something else than a file, or not readable.
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
def open_table(path: Path, tell: Callable[[str], None] = lambda _: None) -> Iterator[BinaryIO]:
    """The bytes of the table at `path`, unpacked, of a workbook as CSV; known by the first bytes, not by the name.

    Args:
        path: the file.
        tell: called with a sentence for each sheet of a workbook that is left out.

    Raises:
        CommandError: it cannot be read, or what packs it is damaged (found while reading).
    """
    check_file(path)
    with path.open("rb") as head:
        magic = head.read(len(XZ_MAGIC) + 2)
    if is_workbook(path, magic):
        with open_workbook(path, tell) as rows:
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
        raise CommandError(f"{path} is packed and damaged: {error}.") from error


@contextmanager
def open_text_table(path: Path, tell: Callable[[str], None]) -> Iterator[BinaryIO]:
    """The same, of a Parquet file as CSV too.

    Raises:
        CommandError: as open_table, or it is no text table.
    """
    with path.open("rb") if path.is_file() else nullcontext() as head:
        is_parquet = head is not None and head.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    with open_parquet(path) if is_parquet else open_table(path, tell) as stream:
        check_kind(stream, path)
        yield stream


def check_kind(stream: BinaryIO, path: Path) -> None:
    """Makes sure that `stream` begins as a text table does, and leaves it at its start.

    Args:
        stream: the table, unpacked.
        path: where it was found, for messages.

    Raises:
        CommandError: it is UTF-16 or no text at all.
    """
    start = stream.read(START_BYTES)
    stream.seek(0)
    for magic, problem in NOT_A_CSV.items():
        if start.startswith(magic):
            raise CommandError(f"{path} {problem}.")
    if b"\0" in start or CONTROL_BYTES.intersection(start.partition(b"\n")[0]):
        raise CommandError(f"{path} is not a text table: save it as CSV in UTF-8.")


def check_table(path: Path) -> list[str]:
    """Makes sure that `path` holds a table: if it is text or a workbook, a header, and at least one line below it.

    Which columns it must have, and what else can be read, is for the image to say. A packed file is unpacked to its end,
    since it can be damaged anywhere.

    Returns:
        A sentence for each sheet of a workbook that is left out.

    Raises:
        CommandError: it does not.
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
        # Otherwise it would close the stream.
        text.detach()
        if problem := _problem_of(lines):
            raise CommandError(f"{path} {problem}; an item's data is a header and at least one line below it.")
        if isinstance(stream, gzip.GzipFile | lzma.LZMAFile):
            while stream.read(PIECE):
                pass
    return notes


def _problem_of(lines: list[str]) -> str | None:
    """What is wrong with a table whose first lines that are not blank begin like this."""
    if not lines:
        return "is empty"
    if not lines[0].strip(SEPARATORS):
        return "names no column in its first line"
    if len(lines) < LINES_NEEDED:
        return "has a header and nothing below it"
    return None


def _first_lines(text: TextIO) -> list[str]:
    """How the first lines of `text` begin, blank ones left out: no more of them than are needed."""
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
