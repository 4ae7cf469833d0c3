"""Reads invoice lines straight to orders: takes only the columns it needs, and says which line is wrong."""

from __future__ import annotations

import csv
import re
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.csv_lines import explain_structure, explain_width, find_record
from next_purchase.errors import DataError
from next_purchase.orders import make_orders, purchase_sums
from next_purchase.text_files import TextFile, check_text, is_utf8, recode_latin

if TYPE_CHECKING:
    from collections.abc import Iterable

# Ours, then the names of Online Retail and of Online Retail II. Case, spaces and underscores do not matter.
COLUMN_NAMES = {
    "invoice": ("InvoiceNo", "Invoice"),
    "quantity": ("Quantity",),
    "date": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer": ("CustomerID", "Customer ID"),
}

# An invoice number that begins with C is a cancellation (the data set's own documentation).
_CANCELLATION = r"^\s*[Cc]"
# Larger values are typing errors and would overflow the exact sums.
_LARGEST_NUMBER = 1e9
# Some databases write 0001-01-01, 1900-01-01 or 1970-01-01 for "no date"; one such order would stretch time by decades.
_LAST_NO_DATE = date(1970, 1, 1)
# It is tomorrow already in time zones ahead of UTC.
_DAYS_AHEAD = timedelta(days=1)
_A_DATE = "a date such as 2010-12-01 08:26:00 or 12/1/2010 8:26 (month/day/year, the year with all four digits)"
_A_NUMBER = f"a number of at most {_LARGEST_NUMBER:,.0f}"
_TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[APap][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?"
_ISO_DATE = rf"^(\d{{4}}-\d{{1,2}}-\d{{1,2}}){_TIME}$"
_US_DATE = rf"^(\d{{1,2}}/\d{{1,2}}/\d{{4}}){_TIME}$"


def read_orders(paths: Iterable[Path], scratch: Path, today: date) -> pl.DataFrame:
    """Read the orders of all files as if they were one.

    Lines without a customer and cancellations are counted in no order, so what else is wrong with them does
    not matter.

    Args:
        paths: CSV files with a header line each, plain or gzip; at least one.
        scratch: A folder for converted copies.
        today: The day in UTC; what was bought later than a day after it is refused.

    Returns:
        As make_orders gives them; at least one.

    Raises:
        DataError: A file cannot be read, and the message names file, line and value; or no line of any file is
            a real purchase.
    """
    return _read_files([TextFile(path.name, path) for path in paths], scratch, today)


def read_orders_from_bytes(body: bytes, name: str, today: date) -> pl.DataFrame:
    """Read the orders of one CSV text that is in memory; `name` stands in messages, else as read_orders."""
    with tempfile.TemporaryDirectory() as scratch:
        return _read_files([TextFile(name, body)], Path(scratch), today)


def is_transactions_header(first_line: str) -> bool:
    """Whether a CSV file with this first line holds transactions: it names every column that is needed."""
    try:
        header = next(csv.reader([first_line.removeprefix("\ufeff").rstrip("\r\n")]), [])
    except csv.Error:
        return False
    return len(_match_columns(header)) == len(COLUMN_NAMES)


def normalise_customer(column: pl.Expr) -> pl.Expr:
    """Customer ids as text: `17850.0`, the mark of a column with gaps read as numbers, becomes `17850`."""
    return column.str.strip_chars().str.replace(r"^(\d+)\.0+$", "$1")


def _read_files(files: list[TextFile], scratch: Path, today: date) -> pl.DataFrame:
    orders = make_orders(pl.concat([_sum_file(file, scratch, today) for file in files]))
    if orders.is_empty():
        raise DataError(_explain_no_order(files))
    return orders


def _sum_file(file: TextFile, scratch: Path, today: date) -> pl.DataFrame:
    """Give customer, date and purchase_sums; a customer's day may stand in several rows."""
    check_text(file)
    try:
        return _sum_lines(file, today + _DAYS_AHEAD)
    except OSError as error:
        if not file.is_packed():
            raise
        raise DataError(file.explain_damage(error)) from error
    except pl.exceptions.ComputeError as error:
        # The reader stops at bytes that are not UTF-8, so whoever has UTF-8 does not pay for the question.
        if not is_utf8(file):
            return _sum_file(recode_latin(file, scratch), scratch, today)
        reason = explain_structure(file) or f"{file.name} is not valid CSV: {str(error).splitlines()[0]}."
        raise DataError(reason) from error


def _sum_lines(file: TextFile, last_date: date) -> pl.DataFrame:
    lines, header = _scan(file)
    # A customer's invoice has one text for its moment on all its lines: dates and ids are read once for each.
    sums = (
        _countable(lines)
        .with_columns(quantity=_number("quantity"), price=_number("price"))
        .group_by("customer", "date")
        .agg(**purchase_sums(), unread=(pl.col("quantity").is_null() | pl.col("price").is_null()).any())
        .with_columns(normalise_customer(pl.col("customer")), _date("date"))
        .filter(pl.col("customer") != "")
        .collect(engine="streaming")
    )
    possible = pl.col("date").is_between(_LAST_NO_DATE, last_date, closed="right").fill_null(value=False)
    if sums.select((pl.col("unread") | ~possible).any()).item():
        raise DataError(_explain_value(file, lines, header, last_date))
    return sums.drop("unread")


def _scan(file: TextFile) -> tuple[pl.LazyFrame, list[str]]:
    """Give the needed columns under our names, as text, and all names in the header."""
    lines = pl.scan_csv(file.content, infer_schema=False, glob=False)
    header = lines.collect_schema().names()
    columns = _match_columns(header)
    if not columns:
        wanted = ", ".join(alternatives[0] for alternatives in COLUMN_NAMES.values())
        with file.open_text() as text:
            first_line = text.readline().rstrip("\r\n")[:200]
        raise DataError(
            f"{file.name} has no header line with the expected columns ({wanted}); its first line is {first_line!r}."
        )
    missing = [" or ".join(names) for ours, names in COLUMN_NAMES.items() if ours not in columns]
    if missing:
        raise DataError(
            f"{file.name} has no column {', no column '.join(missing)}; its columns are {', '.join(header)}."
        )
    return lines.select(**{ours: pl.col(theirs) for ours, theirs in columns.items()}), header


def _match_columns(header: list[str]) -> dict[str, str]:
    by_simple_name: dict[str, str] = {}
    for column in header:
        by_simple_name.setdefault(_simplify(column), column)
    return {
        ours: by_simple_name[_simplify(theirs)]
        for ours, alternatives in COLUMN_NAMES.items()
        for theirs in reversed(alternatives)
        if _simplify(theirs) in by_simple_name
    }


def _simplify(column: str) -> str:
    return re.sub(r"[\s_]", "", column).lower()


def _countable(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Leave out lines without a customer and cancellations."""
    cancelled = pl.col("invoice").str.contains(_CANCELLATION).fill_null(value=False)
    return lines.filter(pl.col("customer").is_not_null() & ~cancelled)


def _number(column: str) -> pl.Expr:
    """Float64; null where the text is no number or one that cannot be."""
    value = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(value.abs() <= _LARGEST_NUMBER).then(value)


def _date(column: str) -> pl.Expr:
    """Date; null where the text has neither form of a date."""
    text = pl.col(column).str.strip_chars()
    iso = text.str.extract(_ISO_DATE).str.to_date("%Y-%m-%d", strict=False)
    american = text.str.extract(_US_DATE).str.to_date("%m/%d/%Y", strict=False)
    return pl.coalesce(iso, american).alias(column)


def _explain_value(file: TextFile, lines: pl.LazyFrame, header: list[str], last_date: date) -> str:
    """Read the file once more, to find the first value that cannot be used."""
    problems = (
        ("date", _date("date").is_null(), f"not {_A_DATE}"),
        ("date", _date("date") > last_date, f"later than {last_date}"),
        ("date", _date("date") <= _LAST_NO_DATE, f"not after {_LAST_NO_DATE}"),
        ("quantity", _number("quantity").is_null(), f"not {_A_NUMBER}"),
        ("price", _number("price").is_null(), f"not {_A_NUMBER}"),
    )
    kind = pl.coalesce(pl.when(wrong).then(number) for number, (_, wrong, _) in enumerate(problems))
    first = (
        _countable(lines.with_row_index("record"))
        .filter(normalise_customer(pl.col("customer")) != "")
        .group_by(kind=kind)
        .agg(pl.col("record").min(), lines=pl.len())
        .drop_nulls("kind")
        .sort("record")
        .collect(engine="streaming")
        .row(0, named=True)
    )
    field, _, said = problems[first["kind"]]
    record = find_record(file, first["record"])
    if len(record.fields) > len(header):
        return explain_width(file, record, len(header))
    value = lines.select(field).slice(first["record"], 1).collect(engine="streaming").item() or ""
    shown = repr(value[:80]) if value.strip() else "empty"
    more = f" ({first['lines']:,} lines are like this)" if first["lines"] > 1 else ""
    column = _match_columns(header)[field]
    return f"{file.name}, line {record.line}: {column} is {shown}, {said}{more}."


def _explain_no_order(files: list[TextFile]) -> str:
    if not any(pl.scan_csv(file.content, glob=False).select(pl.len()).collect().item() for file in files):
        return f"{', '.join(file.name for file in files)}: a header line and no line below it."
    return (
        "No line is a real purchase: none has a customer, is no cancellation (invoice number not "
        "beginning with C), and has a quantity and a price above 0."
    )
