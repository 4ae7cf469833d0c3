"""Finds single lines of a CSV file again, to name them in messages."""

from __future__ import annotations

import csv
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from next_purchase.text_files import TextFile


class Record(NamedTuple):
    """One record of a CSV file; a quoted field with line ends makes it longer than a line."""

    line: int
    """The number of its first line, from 1."""
    fields: list[str]


def find_record(file: TextFile, index: int) -> Record:
    """Find a record by its number below the header, from 0; blank lines count."""
    with file.open_text() as text:
        # Where the csv module cannot follow, the number is as good as it gets, and the fields stay unknown.
        return next(islice(_read_records(text), index + 1, None), Record(index + 2, []))


def explain_structure(file: TextFile) -> str | None:
    """Say which line breaks the file's structure, or None where none does."""
    with file.open_text() as text:
        records = _read_records(text)
        width = len(next(records, Record(1, [])).fields)
        for record in records:
            if len(record.fields) > width:
                return explain_width(file, record, width)
    with file.open_text() as text:
        for number, line in enumerate(text, start=1):
            if line.count('"') % 2:
                return f"{file.name}, line {number}: a double quote without its partner."
    return None


def explain_width(file: TextFile, record: Record, width: int) -> str:
    """Say that a record has more fields than the header."""
    return (
        f"{file.name}, line {record.line}: {len(record.fields)} fields, but the header has {width}; "
        "text that contains a comma must stand in double quotes."
    )


def _read_records(text: Iterable[str]) -> Iterator[Record]:
    """Read the header and the records below it, up to one that the csv module cannot read."""
    # A carriage return ends a line for the csv module, but not for the reader whose records are counted here.
    reader = csv.reader(line.replace("\r", "") for line in text)
    begun, line = False, 1
    # An error is a field longer than the module allows, most often by a double quote that nothing closes.
    with suppress(csv.Error):
        for fields in reader:
            # Blank lines above the header are no records.
            begun = begun or bool(fields)
            if begun:
                yield Record(line, fields)
            line = reader.line_num + 1
