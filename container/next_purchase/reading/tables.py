"""Opens a file of transactions, of any format, as lines with the needed columns as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.errors import DataError
from next_purchase.reading.column_names import COLUMN_NAMES, explain_missing, match_columns
from next_purchase.reading.csv_lines import explain_structure, explain_width, find_record, rewrite
from next_purchase.reading.header_line import Layout, find_layout
from next_purchase.reading.packed_files import unpack
from next_purchase.reading.text_files import is_utf8, make_plain, recode_latin

if TYPE_CHECKING:
    from pathlib import Path

    from next_purchase.reading.packed_files import DataFile


@dataclass(frozen=True)
class Table:
    """A file of transactions that is open.

    Attributes:
        file: the file, or its plain copy.
        lines: the needed columns under this package's names, as text.
        names: the file's own names of them, by this package's.
        layout: the layout of a CSV file; None for a Parquet file.
        can_be_rewritten: whether a CSV file has not been rewritten yet.
    """

    file: DataFile
    lines: pl.LazyFrame
    names: dict[str, str]
    layout: Layout | None
    can_be_rewritten: bool = True

    @property
    def has_decimal_comma(self) -> bool:
        """Whether numbers may have a decimal comma."""
        return self.layout is not None and self.layout.has_decimal_comma

    def place(self, record: int) -> str:
        """Return file and line of a record, counted from 0, for a message.

        Raises:
            DataError: the record has more fields than the header, which is the better explanation.
        """
        if self.layout is None:
            return f"{self.file.name}, row {record + 1}"
        found = find_record(self.file, self.layout, record)
        width = len(self.layout.scan(self.file).collect_schema())
        if len(found.fields) > width:
            raise DataError(explain_width(self.file, found, width))
        return f"{self.file.name}, line {found.line}"

    def repair(self, error: Exception, scratch: Path) -> Table:
        """Return the table from a converted copy of a CSV file that polars has refused.

        Args:
            error: Polars' error.
            scratch: a folder for copies.

        Raises:
            DataError: the file cannot be converted; the message names the line.
        """
        if self.layout is None:
            raise DataError(f"{self.file.name} is a damaged Parquet file: {error}.") from error
        # Polars stops at bytes that are not UTF-8, so files in UTF-8 are not checked before.
        if not is_utf8(self.file):
            return _open_csv(recode_latin(self.file, scratch))
        clean = rewrite(self.file, self.layout, scratch) if self.can_be_rewritten else None
        if clean is None:
            reason = explain_structure(self.file, self.layout)
            raise DataError(
                reason or f"{self.file.name} is not valid CSV: {str(error).splitlines()[0]}."
            ) from error
        return _open_csv(clean, can_be_rewritten=False)


def open_table(file: DataFile, scratch: Path) -> Table:
    """Open a file: CSV in any form, packed or not, or Parquet.

    Args:
        file: the file.
        scratch: a folder for copies.

    Raises:
        DataError: the file has another format, is empty or damaged, or lacks a column.
    """
    plain = unpack(file, scratch)
    return _open_parquet(plain) if plain.is_parquet() else _open_csv(make_plain(plain, scratch))


def _open_csv(file: DataFile, *, can_be_rewritten: bool = True) -> Table:
    layout = find_layout(file)
    lines = layout.scan(file)
    names = match_columns(lines.collect_schema().names())
    return Table(
        file,
        lines.select(**{ours: pl.col(theirs) for ours, theirs in names.items()}),
        names,
        layout,
        can_be_rewritten,
    )


def _open_parquet(file: DataFile) -> Table:
    try:
        lines = pl.scan_parquet(file.content)
        schema = lines.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{file.name} is a damaged Parquet file: {error}.") from error
    names = match_columns(schema.names())
    if len(names) < len(COLUMN_NAMES):
        raise DataError(f"{file.name} {explain_missing(schema.names())}.")
    return Table(
        file,
        lines.select(**{ours: _as_text(file, ours, theirs, schema[theirs]) for ours, theirs in names.items()}),
        names,
        None,
    )


def _as_text(file: DataFile, ours: str, theirs: str, kind: pl.DataType) -> pl.Expr:
    """Return a column of a Parquet file as the text that a CSV file would have."""
    column = pl.col(theirs)
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        usable = ours == "date"
        text = column.dt.strftime("%Y-%m-%d")
    elif kind.is_float():
        usable = ours in {"quantity", "price", "customer", "invoice"}
        whole = column.cast(pl.Int64, strict=False)
        text = pl.when(column == whole).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    elif kind.is_numeric():
        usable = ours != "date"
        text = column.cast(pl.String)
    else:
        usable = isinstance(kind, pl.String | pl.Categorical | pl.Enum | pl.Null)
        text = column.cast(pl.String)
    if not usable:
        raise DataError(f"{file.name}: the column {theirs} is of the type {kind}, which is no {ours}.")
    return text
