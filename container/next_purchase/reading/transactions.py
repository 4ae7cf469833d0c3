"""Reads orders from files of invoice lines, counts the lines that it leaves out, and names a line that is wrong."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.date_format import DateFormat
from next_purchase.errors import DataError
from next_purchase.reading.column_names import has_all_columns
from next_purchase.reading.dates import A_DATE, find_format, read_date
from next_purchase.reading.header_line import SEPARATORS
from next_purchase.reading.left_out import LeftOut
from next_purchase.reading.orders import make_orders, purchase_sums
from next_purchase.reading.packed_files import DataFile
from next_purchase.reading.tables import open_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from next_purchase.reading.tables import Table

# An invoice number that begins with C is a cancellation (the data set's own documentation).
_CANCELLATION = r"^\s*[Cc]"
# Larger values are typing errors and would overflow the exact sums.
_LARGEST_NUMBER = 1e9
# Some databases write 0001-01-01, 1900-01-01 or 1970-01-01 for "no date".
_LAST_NO_DATE = date(1970, 1, 1)
# In time zones ahead of UTC it may already be the next day.
_DAYS_AHEAD = timedelta(days=1)
_A_NUMBER = f"a number of at most {_LARGEST_NUMBER:,.0f}"
# What programs write for "no value"; \N is Hive's and MySQL's.
_NO_CUSTOMER = ("nan", "null", "(null)", "na", "n/a", "none", "<na>", "-", "#n/a", "nil", r"\n")
# Excel and Python write long numbers as 1.7005E+06, Java as 1.7005E7, and their last digits may be lost. 12E4 is an id.
_SCIENTIFIC = r"^\d(?:[.,]\d+[Ee]\+?|[Ee]\+)\d+$"
_POINT_ALONE = r"^[+-]?\d*\.\d+$"
_A_CUSTOMER = "a number whose last digits are lost: write the id with all digits, as text"
# Rows further from all others than this have typing errors in their dates.
_DAYS_APART = 366
_MOST_FAR_ROWS = 0.01


@dataclass(frozen=True)
class Transactions:
    """The orders of files of transactions.

    Attributes:
        orders: as make_orders gives them; at least one.
        left_out: rows that are in no order.
    """

    orders: pl.DataFrame
    left_out: LeftOut


def read_orders(
    paths: Iterable[Path], scratch: Path, today: date, date_format: DateFormat | None = None
) -> Transactions:
    """Read the orders of all files as if they were one.

    Lines without a customer and cancellations are in no order, so other faults in them do not matter.

    Args:
        paths: CSV or Parquet files, packed or not; at least one.
        scratch: a folder for converted copies.
        today: the day in UTC; purchases later than the day after it are refused.
        date_format: what comes first in a date; None to find out.

    Raises:
        DataError: a file cannot be read, and the message names file, line and value; or no line of any file is
            a real purchase.
    """
    return _read_files([DataFile(path.name, path) for path in paths], scratch, today, date_format)


def read_orders_from_bytes(
    body: bytes, name: str, today: date, date_format: DateFormat | None = None
) -> Transactions:
    """Read the orders of one file in memory, which messages call `name`, as `read_orders` does.

    Any number of rows may be far in time: a request may have few customers, one of them with a long pause.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return _read_files([DataFile(name, body)], Path(scratch), today, date_format, is_request=True)


def is_transactions_header(first_line: str) -> bool:
    """Return whether a CSV file with this first line holds transactions: it names every needed column."""
    for separator in SEPARATORS:
        try:
            header = next(csv.reader([first_line.lstrip("\ufeff").rstrip("\r\n")], delimiter=separator), [])
        except csv.Error:
            continue
        if has_all_columns(header):
            return True
    return False


def are_transactions(body: bytes) -> bool:
    """Return whether this is a file of transactions whose first line does not show it."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            open_table(DataFile("The request", body), Path(scratch))
    except DataError:
        return False
    return True


def normalise_customer(column: pl.Expr) -> pl.Expr:
    """Return customer ids as text; `17850.0`, from a column with empty cells that was read as numbers, becomes `17850`."""
    # 12,000 is no number with a decimal comma.
    return column.str.strip_chars().str.replace(r"^(\d+)(?:\.0+|,0)$", "$1")


def _read_files(
    files: list[DataFile],
    scratch: Path,
    today: date,
    date_format: DateFormat | None,
    *,
    is_request: bool = False,
) -> Transactions:
    read = [_sum_file(file, scratch) for file in files]
    names = ", ".join(file.name for file in files)
    if date_format is None:
        date_format = find_format(
            (sums["date"] for _, sums in read),
            lambda kind: _show_first([table for table, _ in read], "date", kind),
        )
    left_out = sum((_count(sums) for _, sums in read), LeftOut())
    last_date = today + _DAYS_AHEAD
    dated = pl.concat([_read_dates(table, sums, date_format, last_date) for table, sums in read])
    near, far = _leave_out_far_rows(dated, None if is_request else [table for table, _ in read], date_format)
    orders = make_orders(near)
    if orders.is_empty():
        raise DataError(_explain_no_order(names, read))
    without_purchase = near.select(pl.col("rows").sum() - pl.col("lines").sum()).item()
    return Transactions(orders, left_out + LeftOut(rows_far_in_time=far, rows_without_purchase=without_purchase))


def _sum_file(file: DataFile, scratch: Path) -> tuple[Table, pl.DataFrame]:
    """Return the table, and its purchase_sums and rows by customer, date as written, and reason to leave them out."""
    table = open_table(file, scratch)
    while True:
        try:
            return table, _sum_lines(table)
        except OSError as error:
            if not file.packing():
                raise
            raise DataError(f"{file.name} is a damaged or cut-off {file.packing()} file: {error}.") from error
        except pl.exceptions.ComputeError as error:
            table = table.repair(error, scratch)


def _sum_lines(table: Table) -> pl.DataFrame:
    # All lines of an invoice have the same texts of date and customer, so each text is parsed once.
    is_customer = pl.col("customer").is_not_null()
    sums = (
        table.lines.with_columns(
            date=pl.when(is_customer).then("date"),
            cancelled=is_customer & pl.col("invoice").str.contains(_CANCELLATION).fill_null(value=False),
        )
        .with_columns(
            quantity=pl.when(is_customer & ~pl.col("cancelled")).then(_number(table, "quantity")),
            price=pl.when(is_customer & ~pl.col("cancelled")).then(_number(table, "price")),
        )
        .group_by("customer", "date", "cancelled")
        .agg(
            **purchase_sums(),
            rows=pl.len().cast(pl.Int64),
            unread=(pl.col("quantity").is_null() | pl.col("price").is_null()).any(),
        )
        .with_columns(kind=_kind(table))
        .with_columns(normalise_customer(pl.col("customer")))
        .collect(engine="streaming")
    )
    if table.has_decimal_comma:
        _refuse_two_decimal_signs(table)
    return sums


def _refuse_two_decimal_signs(table: Table) -> None:
    """Where 2,55 has a decimal comma, 1.234 may be more than a thousand.

    Raises:
        DataError: the file has numbers of both forms.
    """
    texts = {column: pl.col(column).str.strip_chars() for column in ("quantity", "price")}
    found = (
        _counted(table)
        .select(
            comma=pl.any_horizontal(text.str.contains(",", literal=True) for text in texts.values()).any(),
            **{column: text.str.contains(_POINT_ALONE).any() for column, text in texts.items()},
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    for column, text in texts.items():
        if found["comma"] and found[column]:
            raise DataError(
                f"{_show_first([table], column, text.str.contains(_POINT_ALONE))}, but other numbers of the file have a "
                "decimal comma: write all with one sign, and thousands without."
            )


def _counted(table: Table) -> pl.LazyFrame:
    """Return the lines that count, with their numbers."""
    cancelled = pl.col("invoice").str.contains(_CANCELLATION).fill_null(value=False)
    lines = table.lines.with_row_index("record").with_columns(cancelled=cancelled)
    return lines.filter(_kind(table).is_null())


def _show_first(tables: list[Table], column: str, kind: pl.Expr) -> str:
    """Return the place and the text of the first value of a kind; lines that count are searched first."""
    for lines_of in (_counted, lambda table: table.lines.with_row_index("record")):
        for table in tables:
            first = lines_of(table).filter(kind).select("record", column).sort("record").head(1)
            for record, value in first.collect(engine="streaming").iter_rows():
                return f"{table.place(record)}: {table.names[column]} is {value[:80]!r}"
    raise AssertionError(column)


def _kind(table: Table) -> pl.Expr:
    """Return why rows are left out; null for all others."""
    customer = pl.col("customer").str.strip_chars()
    is_header = (customer == table.names["customer"].strip()) & (
        pl.col("date").str.strip_chars() == table.names["date"].strip()
    )
    return (
        pl.when(is_header)
        .then(pl.lit("repeated_headers"))
        .when(customer.is_null() | (customer == ""))
        .then(pl.lit("rows_without_customer"))
        .when(customer.str.to_lowercase().is_in(_NO_CUSTOMER))
        .then(pl.lit("missing_customer_ids"))
        .when("cancelled")
        .then(pl.lit("cancellations"))
    )


def _count(sums: pl.DataFrame) -> LeftOut:
    counted = sums.drop_nulls("kind").group_by("kind").agg(pl.col("rows").sum())
    return LeftOut(**dict(counted.iter_rows()))


def _read_dates(table: Table, sums: pl.DataFrame, date_format: DateFormat | None, last_date: date) -> pl.DataFrame:
    """Return the rows that count, with their dates.

    Raises:
        DataError: a value cannot be used.
    """
    counted = sums.filter(pl.col("kind").is_null()).with_columns(date=read_date(pl.col("date"), date_format))
    possible = pl.col("date").is_between(_LAST_NO_DATE, last_date, closed="right").fill_null(value=False)
    damaged = pl.col("customer").str.contains(_SCIENTIFIC) | pl.col("customer").str.contains("\0", literal=True)
    if counted.select((pl.col("unread") | ~possible | damaged).any()).item():
        raise DataError(_explain_value(table, date_format, last_date))
    return counted.drop("unread", "kind", "cancelled")


def _leave_out_far_rows(
    dated: pl.DataFrame, tables: list[Table] | None, date_format: DateFormat | None
) -> tuple[pl.DataFrame, int]:
    """Leave out rows with more than a year between them and all others.

    Args:
        dated: the rows that count.
        tables: the rows' tables; None keeps rows far in time that are too many to leave out, instead of refusing them.
        date_format: how dates were read.

    Returns:
        The other rows, and how many rows were left out.

    Raises:
        DataError: they are more than one row in a hundred, and more than one.
    """
    days = (
        dated.group_by("date")
        .agg(pl.col("rows").sum())
        .sort("date")
        .with_columns(part=(pl.col("date").diff().dt.total_days() > _DAYS_APART).fill_null(value=False).cum_sum())
    )
    parts = days.group_by("part", maintain_order=True).agg(
        pl.col("rows").sum(), first=pl.col("date").min(), last=pl.col("date").max()
    )
    if parts.height <= 1:
        return dated, 0
    most, *others = parts.sort("rows", descending=True, maintain_order=True).rows(named=True)
    far = sum(part["rows"] for part in others)
    few = _MOST_FAR_ROWS * (far + most["rows"])
    if tables is None and far > few:
        return dated, 0
    if tables is not None and far > max(1, few):
        is_far = read_date(pl.col("date"), date_format).is_between(others[0]["first"], others[0]["last"])
        raise DataError(
            f"{_show_first(tables, 'date', is_far)}: {far:,} of {far + most['rows']:,} rows have more than a year between "
            f"them and all others ({most['first']} to {most['last']}): correct their dates, or leave them out."
        )
    return dated.filter(pl.col("date").is_between(most["first"], most["last"])), far


def _number(table: Table, column: str) -> pl.Expr:
    """Return the column as Float64; null where the text is no number, or one that is too large."""
    text = pl.col(column).str.strip_chars()
    if table.has_decimal_comma:
        # With a decimal comma, full stops separate the thousands.
        with_comma = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        text = pl.when(text.str.contains(",", literal=True)).then(with_comma).otherwise(text)
    value = text.cast(pl.Float64, strict=False)
    return pl.when(value.abs() <= _LARGEST_NUMBER).then(value)


def _explain_value(table: Table, date_format: DateFormat | None, last_date: date) -> str:
    """Read the file again, and return what is wrong with the first value that cannot be used."""
    day = read_date(pl.col("date"), date_format)
    problems = (
        ("customer", pl.col("customer").str.strip_chars().str.contains(_SCIENTIFIC), _A_CUSTOMER),
        (
            "customer",
            pl.col("customer").str.contains("\0", literal=True),
            "with a NUL character in it: the line is damaged",
        ),
        ("date", day.is_null(), f"not {A_DATE}"),
        ("date", day > last_date, f"later than {last_date}"),
        ("date", day <= _LAST_NO_DATE, f"not after {_LAST_NO_DATE}"),
        ("quantity", _number(table, "quantity").is_null(), f"not {_A_NUMBER}"),
        ("price", _number(table, "price").is_null(), f"not {_A_NUMBER}"),
    )
    kind = pl.coalesce(pl.when(wrong).then(number) for number, (_, wrong, _) in enumerate(problems))
    first = (
        _counted(table)
        .group_by(kind=kind)
        .agg(pl.col("record").min(), lines=pl.len())
        .drop_nulls("kind")
        .sort("record")
        .collect(engine="streaming")
        .row(0, named=True)
    )
    field, _, said = problems[first["kind"]]
    place = table.place(first["record"])
    value = table.lines.select(field).slice(first["record"], 1).collect(engine="streaming").item() or ""
    shown = repr(value[:80]) if value.strip() else "empty"
    more = f" ({first['lines']:,} lines are like this)" if first["lines"] > 1 else ""
    return f"{place}: {table.names[field]} is {shown}, {said}{more}."


def _explain_no_order(names: str, read: list[tuple[Table, pl.DataFrame]]) -> str:
    if not any(sums.height for _, sums in read):
        return f"{names}: a header line and no line below it."
    return (
        "No line is a real purchase: none has a customer, is no cancellation (invoice number not "
        "beginning with C), and has a quantity and a price above 0."
    )
