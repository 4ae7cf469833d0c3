"""Turns an Excel workbook, or a Parquet file, into CSV: all sheets of one form together."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from automlops.errors import CommandError

ZIP_MAGIC = b"PK\x03\x04"
OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PARQUET_MAGIC = b"PAR1"
# Rows above the header, as people leave them.
MAX_ROWS_ABOVE = 20
# Floats hold whole numbers exactly up to here.
LARGEST_WHOLE = 2**53


def is_workbook(path: Path, start: bytes) -> bool:
    """Whether `path`, which begins so, is a workbook: .xlsx and its kin, or the .xls of before."""
    if start.startswith(OLD_EXCEL_MAGIC):
        return True
    if not start.startswith(ZIP_MAGIC):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/workbook.") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


@contextmanager
def open_workbook(path: Path) -> Iterator[BinaryIO]:
    """The rows of all sheets as CSV in UTF-8, below one header.

    Sheets without a row are passed over. Numbers and dates are as Excel keeps them: 17850 and not 17850.0, dates as
    2010-12-01 08:26:00.

    Raises:
        CommandError: it is damaged or protected, has no row, or sheets have other columns than the first.
    """
    # Imported here because the command need not load it for text.
    from python_calamine import CalamineError, CalamineWorkbook

    with tempfile.TemporaryFile() as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        try:
            book = CalamineWorkbook.from_path(path)
            sheets = ((name, book.get_sheet_by_name(name).iter_rows()) for name in book.sheet_names)
            _write_sheets(path, sheets, text)
        except CalamineError as error:
            raise CommandError(
                f"{path} cannot be read as an Excel workbook: {error}.",
                "Is it protected by a password? Save it as .xlsx without one, or as CSV in UTF-8.",
            ) from error
        text.flush()
        file.seek(0)
        yield cast("BinaryIO", file)


@contextmanager
def open_parquet(path: Path) -> Iterator[BinaryIO]:
    """The rows of a Parquet file as CSV in UTF-8.

    Raises:
        CommandError: it is damaged, or polars, which reads it, is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise CommandError(
            f"{path} is a Parquet file, which needs the package polars here: pip install polars."
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "rows.csv"
        try:
            pl.scan_parquet(path).sink_csv(copy, datetime_format="%Y-%m-%d %H:%M:%S")
        except pl.exceptions.PolarsError as error:
            raise CommandError(f"{path} cannot be read as a Parquet file: {error}.") from error
        with copy.open("rb") as stream:
            yield stream


def _write_sheets(path: Path, sheets: Iterator[tuple[str, Iterator[list[Any]]]], text: io.TextIOWrapper) -> None:
    writer = csv.writer(text, lineterminator="\n")
    header: list[str] = []
    first_sheet = ""
    for name, rows in sheets:
        found = _find_header(rows)
        if not found:
            continue
        if not header:
            header, first_sheet = found, name
            writer.writerow(header)
        elif [_simple(column) for column in found] != [_simple(column) for column in header]:
            raise CommandError(
                f"{path}: the sheet {name!r} has other columns than {first_sheet!r}: {', '.join(found)}; and not"
                f" {', '.join(header)}.",
                "Give the sheets as files of their own.",
            )
        for row in rows:
            if fields := _fields(row[: len(header)]):
                writer.writerow(fields)
    if not header:
        raise CommandError(f"{path} has no sheet with a row.")


def _find_header(rows: Iterator[list[Any]]) -> list[str]:
    """The first row in which more than one cell has a text: a title has one."""
    for number, row in enumerate(rows):
        fields = _fields(row)
        if len(fields) - fields.count("") > 1:
            while fields and not fields[-1]:
                fields.pop()
            return fields
        if number >= MAX_ROWS_ABOVE:
            break
    return []


def _fields(row: Sequence[Any]) -> list[str]:
    """The cells as text; none if all are empty."""
    fields = [_as_text(value) for value in row]
    return fields if any(fields) else []


def _as_text(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _simple(column: str) -> str:
    return "".join(column.split()).casefold()
