"""Finds single lines of a CSV file, to name them in messages, and rewrites files that polars refuses."""

from __future__ import annotations

import csv
import tempfile
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from next_purchase.reading.packed_files import DataFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from next_purchase.reading.header_line import Layout


class Record(NamedTuple):
    """One record of a CSV file; a quoted field with line ends makes it longer than a line."""

    line: int
    """The number of its first line, from 1."""
    fields: list[str]


def find_record(file: DataFile, layout: Layout, index: int) -> Record:
    """Return a record by its number below the header, from 0; blank lines count."""
    with file.open_text() as text:
        # If the csv module cannot read the record, its line is computed from its number, and its fields are unknown.
        unknown = Record(layout.lines_above + index + 2, [])
        return next(islice(_read_records(text, layout), index + 1, None), unknown)


def explain_structure(file: DataFile, layout: Layout) -> str | None:
    """Return which line breaks the file's structure, or None if none does."""
    with file.open_text() as text:
        records = _read_records(text, layout)
        width = len(next(records, Record(1, [])).fields)
        for record in records:
            if len(record.fields) > width:
                return explain_width(file, record, width)
    with file.open_text() as text:
        for number, line in enumerate(text, start=1):
            if line.count('"') % 2:
                return f"{file.name}, line {number}: a double quote without its partner."
    return None


def explain_width(file: DataFile, record: Record, width: int) -> str:
    """Return that a record has more fields than the header."""
    return (
        f"{file.name}, line {record.line}: {len(record.fields)} fields, but the header has {width}; "
        "text that contains a separator must stand in double quotes."
    )


def rewrite(file: DataFile, layout: Layout, scratch: Path) -> DataFile | None:
    r"""Rewrite a file with double quotes in unquoted fields (12"), or behind a backslash, as Spark writes them.

    Args:
        file: in UTF-8.
        layout: the file's.
        scratch: a folder for the copy.

    Returns:
        The copy, line for line, with the same separator; None if with neither rule each line has the header's fields.
    """
    for escape in (None, "\\"):
        with (
            file.open_text() as text,
            tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=scratch, delete=False) as plain,
        ):
            above = "".join(islice(text, layout.lines_above))
            plain.write(above)
            writer = csv.writer(plain, delimiter=layout.separator, lineterminator="\n")
            reader = csv.reader(
                (line.rstrip("\r\n") + "\n" for line in text), delimiter=layout.separator, escapechar=escape
            )
            if _copy_records(reader, writer):
                return DataFile(file.name, Path(plain.name))
    return None


def _copy_records(reader: Iterable[list[str]], writer: object) -> bool:
    """Copy all records; return whether each has the header's number of fields, on one line, as an open quote has not."""
    width = 0
    with suppress(csv.Error):
        for fields in reader:
            width = width or len(fields)
            if (fields and len(fields) != width) or any("\n" in field for field in fields):
                return False
            writer.writerow(fields)  # type: ignore[attr-defined]
        return True
    return False


def _read_records(text: Iterable[str], layout: Layout) -> Iterator[Record]:
    """Read the header and the records below it, up to one that the csv module cannot read."""
    # A carriage return ends a line for the csv module, but not for polars, whose records are counted here.
    reader = csv.reader(
        (line.replace("\r", "") for line in islice(text, layout.lines_above, None)), delimiter=layout.separator
    )
    begun, line = False, layout.lines_above + 1
    # An error is a field longer than the module allows, most often because of a double quote that is not closed.
    with suppress(csv.Error):
        for fields in reader:
            # Blank lines above the header are no records.
            begun = begun or bool(fields)
            if begun:
                yield Record(line, fields)
            line = layout.lines_above + reader.line_num + 1
