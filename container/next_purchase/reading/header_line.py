"""Finds the header of a CSV file: the number of lines above it, and the separator of its fields."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from next_purchase.errors import DataError
from next_purchase.reading.column_names import COLUMN_NAMES, explain_missing, has_all_columns, match_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from next_purchase.reading.packed_files import DataFile

SEPARATORS = (",", ";", "\t", "|")
MOST_LINES_ABOVE = 20
"""Titles and blank lines that may stand above the header."""
_SHOWN_CHARACTERS = 200
_LINE_CHARACTERS = 1 << 20


class Layout(NamedTuple):
    """The layout of a CSV file."""

    lines_above: int = 0
    """Lines above the header."""
    separator: str = ","

    @property
    def has_decimal_comma(self) -> bool:
        """Whether numbers may have a decimal comma: files with semicolons use it."""
        return self.separator == ";"

    def scan(self, file: DataFile) -> pl.LazyFrame:
        """Return all columns as text, with the header's names."""
        return pl.scan_csv(
            file.content,
            infer_schema=False,
            glob=False,
            separator=self.separator,
            skip_lines=self.lines_above,
        )


def find_layout(file: DataFile) -> Layout:
    """Find the header: the first line that names every needed column, with any of the separators.

    Raises:
        DataError: no line at the file's start does.
    """
    with file.open_text() as text:
        lines = [line for _ in range(MOST_LINES_ABOVE + 1) if (line := text.readline(_LINE_CHARACTERS))]
    nearest: list[str] = []
    found: list[Layout] = []
    for separator in _separators(lines[0]):
        for above, fields in _records(lines, separator):
            if has_all_columns(fields):
                if above == 0:
                    return Layout(0, separator)
                found.append(Layout(above, separator))
                break
            if len(match_columns(fields)) > len(match_columns(nearest)):
                nearest = fields
    if found:
        return min(found)
    # The csv module refuses some fields that polars reads.
    if has_all_columns(Layout().scan(file).collect_schema().names()):
        return Layout()
    if nearest:
        raise DataError(f"{file.name} {explain_missing(nearest)}.")
    expected = ", ".join(alternatives[0] for alternatives in COLUMN_NAMES.values())
    first_line = lines[0].rstrip("\r\n")[:_SHOWN_CHARACTERS]
    raise DataError(
        f"{file.name} has no header line with the expected columns ({expected}) among its first "
        f"{MOST_LINES_ABOVE + 1} lines; its first line is {first_line!r}."
    )


def _separators(first_line: str) -> Sequence[str]:
    """Return the usual separators, and before them the one that a line `sep=` of Excel names."""
    name, _, sign = first_line.strip("\r\n").partition("=")
    named = sign if name.strip().lower() == "sep" and len(sign) == 1 and sign.isascii() else ""
    return (*named, *SEPARATORS)


def _records(lines: Sequence[str], separator: str) -> list[tuple[int, list[str]]]:
    """Return the records with the number of lines above each, up to one that the csv module cannot read."""
    reader = csv.reader(lines, delimiter=separator)
    records: list[tuple[int, list[str]]] = []
    above = 0
    while True:
        try:
            fields = next(reader)
        except (StopIteration, csv.Error):
            return records
        records.append((above, fields))
        above = reader.line_num
