"""Turns a workbook or a Parquet file into CSV; the sheets of a workbook that have the same columns become one table."""

from __future__ import annotations

import csv
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from automlops.errors import CommandError

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

ZIP_MAGIC = b"PK\x03\x04"
OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# In the directory of the container file around a workbook with a password.
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
PARQUET_MAGIC = b"PAR1"
# Titles and blank rows may stand above the header.
MAX_ROWS_ABOVE = 20
# A sheet with one column is no table: notes look like that.
FEWEST_COLUMNS = 2
# Floats represent whole numbers exactly up to here.
LARGEST_WHOLE = 2**53


def is_workbook(path: Path, start: bytes) -> bool:
    """Return whether `path` is a workbook: .xlsx and its variants, the older .xls, or OpenDocument's .ods.

    Args:
        path: the file.
        start: its first bytes.

    Raises:
        CommandError: the file begins as a zip file, as workbooks do, and is damaged.
    """
    if start.startswith(OLD_EXCEL_MAGIC):
        return True
    if not start.startswith(ZIP_MAGIC):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            is_open_document = "mimetype" in names and b"opendocument.spreadsheet" in archive.read("mimetype")
            return is_open_document or any(name.startswith("xl/workbook.") for name in names)
    except zipfile.BadZipFile as error:
        raise CommandError(f"{path} is a damaged workbook or zip file: {error}.") from error


def _is_encrypted(path: Path) -> bool:
    """Return whether `path` is the container file of an encrypted workbook (MS-OFFCRYPTO)."""
    content = path.read_bytes()
    return content.startswith(OLD_EXCEL_MAGIC) and ENCRYPTED_STREAM in content


@contextmanager
def open_workbook(path: Path, report: Callable[[str], None]) -> Iterator[BinaryIO]:
    """Open the rows of all sheets with the same columns as one CSV in UTF-8, below one header.

    Of several sets of columns, the one with the most cells is the table. Sheets that have none of its columns, such as
    notes, are left out. Numbers and dates are written as Excel stores them: 17850 and not 17850.0, dates as
    2010-12-01 08:26:00.

    Args:
        path: the workbook.
        report: called with a sentence for each sheet that is left out.

    Yields:
        The CSV's bytes.

    Raises:
        CommandError: the workbook is damaged or protected, has no table, or a sheet has some of the table's columns
            but not all.
    """
    # Imported here, because text does not need it.
    from python_calamine import CalamineError, CalamineWorkbook

    with ExitStack() as files:
        try:
            # calamine would trust a path's extension; the format of a file object it detects.
            book = CalamineWorkbook.from_object(files.enter_context(path.open("rb")))
            table = _Sheets(path, files).read(book, report)
        except CalamineError as error:
            if _is_encrypted(path):
                raise CommandError(
                    f"{path} is protected by a password: save it without one, or as CSV in UTF-8."
                ) from error
            raise CommandError(
                f"{path} cannot be read as a workbook: {error}.",
                "If it opens in Excel, save it as .xlsx without a password, or as CSV in UTF-8.",
            ) from error
        table.seek(0)
        yield table


def check_parquet(path: Path) -> None:
    """Raise an error unless the Parquet file at `path` is complete: it ends with the bytes it begins with.

    Raises:
        CommandError: the end is missing.
    """
    with path.open("rb") as file:
        file.seek(-len(PARQUET_MAGIC), os.SEEK_END)
        if file.read() != PARQUET_MAGIC:
            raise CommandError(f"{path} is a Parquet file whose end is missing: copy it again.")


@contextmanager
def open_parquet(path: Path) -> Iterator[BinaryIO]:
    """Open the rows of a Parquet file as CSV in UTF-8.

    Yields:
        The CSV's bytes.

    Raises:
        CommandError: the file is damaged, or polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise CommandError(
            f"{path} is a Parquet file; reading it needs the package polars: pip install polars."
        ) from error
    check_parquet(path)
    is_float = pl.selectors.float()
    # Whole numbers without ".0", as in workbooks: a column of ids is stored as floats if one of them is missing.
    whole = is_float.cast(pl.Int64, strict=False)
    text = pl.when(is_float == whole).then(whole.cast(pl.String)).otherwise(is_float.cast(pl.String))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "rows.csv"
        try:
            pl.scan_parquet(path).with_columns(text).sink_csv(copy, datetime_format="%Y-%m-%d %H:%M:%S")
        except pl.exceptions.PolarsError as error:
            raise CommandError(f"{path} cannot be read as a Parquet file: {error}.") from error
        with copy.open("rb") as stream:
            yield stream


@dataclass
class _Form:
    """Sheets with the same columns, as one table.

    Attributes:
        header: the columns' names in the first of the sheets.
        file: header and rows as CSV.
        sheets: the sheets' names.
        rows: number of rows below the header.
    """

    header: list[str]
    file: BinaryIO
    sheets: list[str] = field(default_factory=list)
    rows: int = 0

    def has_column_of(self, other: _Form) -> bool:
        return not {*map(_simple, self.header)}.isdisjoint(map(_simple, other.header))


class _Sheets:
    """The sheets of one workbook, grouped by their columns.

    Args:
        path: the workbook.
        files: closes the tables' files.
    """

    def __init__(self, path: Path, files: ExitStack) -> None:
        self._path = path
        self._files = files
        self._forms: dict[tuple[str, ...], _Form] = {}
        self._without_table: list[str] = []

    def read(self, book: CalamineWorkbook, report: Callable[[str], None]) -> BinaryIO:
        """Read every sheet once, one after the other, and return the table."""
        for name in book.sheet_names:
            self._add(name, book.get_sheet_by_name(name).iter_rows())
        if not self._forms:
            raise CommandError(
                f"{self._path} has no sheet with a table: a row of column names, and at least one row below it."
            )
        table = max(self._forms.values(), key=lambda form: form.rows * len(form.header))
        for form in self._forms.values():
            if form is not table:
                self._leave_out(form, table, report)
        for name in self._without_table:
            report(f"{self._path}: the sheet {name!r} is left out: it has no table.")
        return table.file

    def _leave_out(self, form: _Form, table: _Form, report: Callable[[str], None]) -> None:
        if form.has_column_of(table):
            raise CommandError(
                f"{self._path}: the sheet {form.sheets[0]!r} has other columns than {table.sheets[0]!r}:"
                f" {', '.join(form.header)}; and not {', '.join(table.header)}.",
                "Give the sheets the same columns in the same order, or save each as a file of its own.",
            )
        for name in form.sheets:
            report(f"{self._path}: the sheet {name!r} is left out: it has no column of {table.sheets[0]!r}.")

    def _add(self, name: str, rows: Iterator[list[Any]]) -> None:
        first = list(islice(rows, MAX_ROWS_ABOVE + 1))
        place = _header_place(first)
        if place is None:
            if any(map(_fields, first)):
                self._without_table.append(name)
            return
        header = [_as_text(cell).strip() for cell in first[place]]
        while not header[-1]:
            header.pop()
        form = self._form_of(header)
        form.sheets.append(name)
        with _csv_writer(form.file) as write:
            for row in chain(first[place + 1 :], rows):
                # Cells to the right of the header belong to no column.
                if fields := _fields(row[: len(header)]):
                    write(fields)
                    form.rows += 1

    def _form_of(self, header: list[str]) -> _Form:
        simple = tuple(map(_simple, header))
        if simple not in self._forms:
            # `files` closes it.
            form = self._forms[simple] = _Form(header, self._files.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115
            with _csv_writer(form.file) as write:
                write(header)
        return self._forms[simple]


@contextmanager
def _csv_writer(file: BinaryIO) -> Iterator[Callable[[Sequence[str]], object]]:
    """Yield a function that appends a row to `file`, which stays open."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield csv.writer(text, lineterminator="\n").writerow
    finally:
        text.detach()


def _header_place(rows: Sequence[Sequence[Any]]) -> int | None:
    """Return the index of the header among the first rows; None if there is no table.

    A title has one or two texts, a header has nearly as many as the table has columns. At least half of the widest row
    must be texts, since some columns may have no name.
    """
    widest = max((sum(cell != "" for cell in row) for row in rows), default=0)
    enough = max(FEWEST_COLUMNS, widest / 2)
    for place, row in enumerate(rows):
        if sum(isinstance(cell, str) and bool(cell.strip()) for cell in row) >= enough:
            return place
    return None


def _fields(row: Sequence[Any]) -> list[str]:
    """Return the cells as text; an empty list if all are empty."""
    fields = [_as_text(value) for value in row]
    return fields if any(fields) else []


def _as_text(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else repr(value)
    if isinstance(value, date):
        # calamine returns midnight as a date; a column must have one format of dates.
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        return moment.isoformat(" ", "seconds")
    if isinstance(value, bool):
        return str(value).upper()
    # The csv module of Python 3.11 takes a lone carriage return for the end of a row.
    return str(value).replace("\r\n", "\n").replace("\r", "\n")


def _simple(column: str) -> str:
    return "".join(column.split()).casefold()
