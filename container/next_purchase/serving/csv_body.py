"""Reads a request in CSV: lines of features with or without their header, or a whole file of transactions."""

from __future__ import annotations

import csv
import re
from bisect import bisect_left
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from next_purchase.errors import BadLineError, DataError
from next_purchase.features import make_features, make_sample
from next_purchase.outcomes import date_range
from next_purchase.reading.transactions import are_transactions, is_transactions_header, read_orders_from_bytes
from next_purchase.schema import (
    AS_OF,
    CUSTOMER,
    DATE_COLUMNS,
    LAST_ORDER_DATE,
    feature_names,
    file_columns,
    may_be_empty,
)
from next_purchase.serving.feature_values import (
    DATE_PATTERN,
    explain_customer,
    explain_date,
    explain_number,
    explain_order,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from next_purchase.date_format import DateFormat

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# What polars reads as a number: blanks may stand before it, but not behind.
_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class CsvRows(NamedTuple):
    """The rows of a request."""

    rows: pl.DataFrame
    """CustomerID (text), last_order_date and as_of (Date) and the features (Float64, null for unknown)."""
    has_header: bool
    """Whether the first line was a header, so that the answer has one too."""


def read_csv_rows(body: bytes, time_series_length: int, date_format: DateFormat | None = None) -> CsvRows:
    """Read a request.

    Batch transform cuts a file at any line end, so only the first of its requests has the header; the others rely on
    the columns' order, so a header in any other order is refused.

    Args:
        body: lines of features, CSV text in UTF-8, at least one; or transactions in any form that training reads, which are
            recognised by their header and give one row per customer.
        time_series_length: the model's number of gaps.
        date_format: what comes first in dates of transactions, as in the training's settings; None to find out.

    Raises:
        BadLineError: a line cannot be used; the message names it.
    """
    columns = file_columns(feature_names(time_series_length))
    end = body.find(b"\n") + 1 or len(body)
    first_line = body[:end].decode("utf-8", errors="replace").rstrip("\r\n")
    if is_transactions_header(first_line):
        return CsvRows(_read_transactions(body, time_series_length, date_format), has_header=True)
    header = _split(first_line)
    if header == list(columns):
        return CsvRows(_read_lines(body[end:], columns, first_line=2), has_header=True)
    # A customer's id may be "CustomerID" too, but then a date follows.
    if header[:1] == [CUSTOMER] and explain_date("".join(header[1:2])):
        raise BadLineError(
            f"Line 1: the header is {','.join(header)}, but this model needs {','.join(columns)}. "
            "The file comes from another training or another version."
        )
    if len(header) != len(columns) and are_transactions(body):
        return CsvRows(_read_transactions(body, time_series_length, date_format), has_header=True)
    if header and len(header) != len(columns):
        # Polars takes very long to refuse a line of millions of fields.
        why = _explain_line(body[:end].rstrip(b"\n"), columns, is_first=True)
        raise BadLineError(f"Line 1{why}")
    return CsvRows(_read_lines(body, columns, first_line=1), has_header=False)


def _split(line: str) -> list[str]:
    """Return the fields of a line; none if it is not CSV."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def _read_transactions(body: bytes, time_series_length: int, date_format: DateFormat | None) -> pl.DataFrame:
    try:
        transactions = read_orders_from_bytes(body, "The request", datetime.now(UTC).date(), date_format)
    except DataError as error:
        raise BadLineError(str(error)) from error
    features = make_features(transactions.orders, time_series_length)
    _, as_of = date_range(features)
    return make_sample(features, as_of)


def _read_lines(lines: bytes, columns: Sequence[str], first_line: int) -> pl.DataFrame:
    """Read lines of features; `first_line` is the number of the first one, for messages."""
    rows = _try_to_read(lines, columns)
    if rows is None:
        raise BadLineError(_explain(lines, columns, first_line))
    return rows


def _try_to_read(lines: bytes, columns: Sequence[str]) -> pl.DataFrame | None:
    """Return one row per line, in order; None if a line cannot be read or lacks a value."""
    features = [column for column in columns if column not in (CUSTOMER, *DATE_COLUMNS)]
    schema = dict.fromkeys((CUSTOMER, *DATE_COLUMNS), pl.String) | dict.fromkeys(features, pl.Float64)
    count = lines.count(b"\n") + (not lines.endswith(b"\n") and bool(lines))
    try:
        # With a byte order mark, polars does not take a text that begins with x for a compressed one.
        text = BYTE_ORDER_MARK + lines if lines.startswith(b"x") else lines
        read = pl.read_csv(text, has_header=False, schema=schema) if count else pl.DataFrame(schema=schema)
    except pl.exceptions.PolarsError:
        return None
    must_be_known = [name for name in columns if not may_be_empty(name)]
    usable = (
        (pl.col(CUSTOMER).str.strip_chars() != "").all(),
        pl.col(DATE_COLUMNS).str.contains(DATE_PATTERN).all(),
        # As texts of this pattern, dates have the order that they have as dates.
        (pl.col(LAST_ORDER_DATE) <= pl.col(AS_OF)).all(),
        pl.col(features).is_finite().all(),
    )
    rows = read.with_columns(pl.col(DATE_COLUMNS).str.to_date("%Y-%m-%d", strict=False))
    unknown = rows.select(pl.sum_horizontal(pl.col(must_be_known).null_count())).item()
    return (
        rows if rows.height == count and not unknown and read.select(pl.all_horizontal(*usable)).item() else None
    )


def _explain(lines: bytes, columns: Sequence[str], first_line: int) -> str:
    """Return which line is the first that cannot be used, and why."""
    parts = lines.removesuffix(b"\n").split(b"\n")

    def is_unusable(count: int) -> bool:
        return _try_to_read(b"".join(part + b"\n" for part in parts[:count]), columns) is None

    wrong = bisect_left(range(1, len(parts)), True, key=is_unusable)
    number = first_line + wrong
    return f"Line {number}{_explain_line(parts[wrong], columns, is_first=number == 1)}"


def _explain_line(line: bytes, columns: Sequence[str], *, is_first: bool) -> str:
    try:
        fields = next(csv.reader([line.decode("utf-8").rstrip("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        return f": not a line of CSV in UTF-8 ({error})."
    if len(fields) != len(columns):
        hint = " Transactions are recognised by their header line: send them with it, as one request." * is_first
        return f": {len(fields)} fields, but this model needs {len(columns)}: {','.join(columns)}.{hint}"
    values = dict(zip(columns, fields, strict=True))
    for column, value in values.items():
        if problem := _explain_value(column, value):
            return f", column {column}: {problem}."
    if problem := explain_order(values[LAST_ORDER_DATE], values[AS_OF]):
        return f", column {AS_OF}: {problem}."
    return ": not a line of CSV; a value with a double quote in it must be quoted, and the double quote doubled."


def _explain_value(column: str, value: str) -> str | None:
    if column == CUSTOMER:
        return explain_customer(value)
    if column in DATE_COLUMNS:
        return explain_date(value)
    if (not value and may_be_empty(column)) or (_NUMBER.fullmatch(value) and isfinite(float(value))):
        return None
    return explain_number(value)
