"""Reads an item's invoice lines: finds the columns, takes only those, and says which line is wrong."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.errors import DataError
from next_purchase.text_files import make_plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Ours, then the names of Online Retail and of Online Retail II. Case, spaces and underscores do not matter.
COLUMN_NAMES = {
    "invoice": ("InvoiceNo", "Invoice"),
    "quantity": ("Quantity",),
    "date": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer": ("CustomerID", "Customer ID"),
}

CANCELLATION_PREFIX = "C"
"""An invoice number that begins so is a cancellation (the data set's own documentation)."""

# Larger values are typing errors and would overflow the exact sums taken later.
_LARGEST_NUMBER = 1e9
_TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[APap][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?"
_ISO_DATE = rf"^(\d{{4}}-\d{{1,2}}-\d{{1,2}}){_TIME}$"
_US_DATE = rf"^(\d{{1,2}}/\d{{1,2}}/\d{{4}}){_TIME}$"


def read_transactions(paths: Iterable[Path], scratch: Path) -> pl.DataFrame:
    """Read the lines of all files that may be purchases of a known customer.

    Lines without a customer and cancellations are counted in no order and are left out here, so what else
    is wrong with them does not matter.

    Args:
        paths: CSV files with a header line each, plain or gzip.
        scratch: A folder for converted copies.

    Returns:
        customer (text), date (Date), quantity and price (Float64); one row per line, in the files' order.

    Raises:
        DataError: A file cannot be read; the message names file, line and value.
    """
    return pl.concat([_read_file(make_plain(path, scratch), path.name) for path in paths])


def normalise_customer(column: pl.Expr) -> pl.Expr:
    """Customer ids as text: `17850.0`, the mark of a column with gaps read as numbers, becomes `17850`."""
    return column.str.strip_chars().str.replace(r"^(\d+)\.0+$", "$1")


def _read_file(path: Path, name: str) -> pl.DataFrame:
    try:
        lines = pl.scan_csv(path, infer_schema=False, row_index_name="row")
        columns = _find_columns(lines.collect_schema().names()[1:], path, name)
        rows = (
            lines.select("row", **{ours: pl.col(theirs) for ours, theirs in columns.items()})
            .with_columns(normalise_customer(pl.col("customer")))
            .filter(pl.col("customer").is_not_null() & (pl.col("customer") != ""))
            .filter(
                ~pl.col("invoice")
                .fill_null("")
                .str.strip_chars_start()
                .str.to_uppercase()
                .str.starts_with(CANCELLATION_PREFIX)
            )
            .collect()
        )
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{name} is empty.") from error
    except pl.exceptions.ComputeError as error:
        raise DataError(_explain_structure(path, name, error)) from error
    rows = rows.with_columns(
        quantity_read=pl.col("quantity").str.strip_chars().cast(pl.Float64, strict=False),
        price_read=pl.col("price").str.strip_chars().cast(pl.Float64, strict=False),
    ).join(_parse_dates(rows["date"]), on="date", how="left", nulls_equal=True, maintain_order="left")
    _refuse_unread(rows, "date", pl.col("date_read").is_null(), columns["date"], name)
    for number in ("quantity", "price"):
        read = pl.col(f"{number}_read")
        wrong = ~(read.is_finite() & (read.abs() <= _LARGEST_NUMBER)).fill_null(value=False)
        _refuse_unread(rows, number, wrong, columns[number], name)
    return rows.select(
        "customer", date=pl.col("date_read"), quantity=pl.col("quantity_read"), price=pl.col("price_read")
    )


def _find_columns(header: list[str], path: Path, name: str) -> dict[str, str]:
    by_simple_name: dict[str, str] = {}
    for column in header:
        by_simple_name.setdefault(_simplify(column), column)
    found = {
        ours: by_simple_name[_simplify(theirs)]
        for ours, alternatives in COLUMN_NAMES.items()
        for theirs in reversed(alternatives)
        if _simplify(theirs) in by_simple_name
    }
    if not found:
        wanted = ", ".join(alternatives[0] for alternatives in COLUMN_NAMES.values())
        raise DataError(
            f"{name} has no header line with the expected columns ({wanted}); "
            f"its first line is {_first_line(path)!r}."
        )
    missing = [" or ".join(names) for ours, names in COLUMN_NAMES.items() if ours not in found]
    if missing:
        raise DataError(
            f"{name} has no column {', no column '.join(missing)}; its columns are {', '.join(header)}."
        )
    return found


def _simplify(column: str) -> str:
    return re.sub(r"[\s_]", "", column).lower()


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as text:
        return text.readline().rstrip("\r\n")[:200]


def _parse_dates(column: pl.Series) -> pl.DataFrame:
    # An invoice's lines share their moment, so there are far fewer different texts than lines.
    texts = pl.DataFrame({"date": column.unique()})
    stripped = pl.col("date").str.strip_chars()
    iso = stripped.str.extract(_ISO_DATE).str.to_date("%Y-%m-%d", strict=False)
    american = stripped.str.extract(_US_DATE).str.to_date("%m/%d/%Y", strict=False)
    return texts.with_columns(date_read=pl.coalesce(iso, american))


def _refuse_unread(rows: pl.DataFrame, field: str, wrong: pl.Expr, column: str, name: str) -> None:
    bad = rows.filter(wrong)
    if bad.is_empty():
        return
    row, value = bad.select("row", field).row(0)
    expected = {
        "date": "a date such as 2010-12-01 08:26:00 or 12/1/2010 8:26 (month/day/year)",
        "quantity": "a number",
        "price": "a number",
    }[field]
    more = f" ({bad.height} lines are like this)" if bad.height > 1 else ""
    shown = "empty" if value is None or not value.strip() else repr(value[:80])
    # Row 0 is the line after the header.
    raise DataError(f"{name}, line {row + 2}: {column} is {shown}, not {expected}{more}.")


def _explain_structure(path: Path, name: str, error: Exception) -> str:
    with path.open(encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        width = len(next(reader, []))
        try:
            for fields in reader:
                if len(fields) > width:
                    return (
                        f"{name}, line {reader.line_num}: {len(fields)} fields, but the header has {width}; "
                        "text that contains a comma must stand in double quotes."
                    )
        except csv.Error as problem:
            return f"{name}, line {reader.line_num}: not valid CSV ({problem})."
    return f"{name} is not valid CSV: {str(error).splitlines()[0]}."
