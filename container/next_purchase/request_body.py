"""Reads the lines of one request and names line and column of what cannot be scored."""

from __future__ import annotations

import csv
import math
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from next_purchase.errors import BadLineError, EmptyBodyError
from next_purchase.schema import CUSTOMER, LAST_ORDER_DATE, file_columns, may_be_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHOWN_CHARACTERS = 60


def split_header(body: bytes, features: tuple[str, ...]) -> tuple[bool, bytes]:
    """Tell whether the first line is the header, and give the lines below it.

    Batch transform cuts a file at any line end, so only the first of its requests has the header; the
    others rely on the columns' order, so a header in any other order is refused.

    Raises:
        EmptyBodyError: There is no line.
        BadLineError: The header is of another file.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if not body.strip():
        raise EmptyBodyError("The request has no line.")
    first, _, rest = body.partition(b"\n")
    columns = next(csv.reader([first.decode("utf-8", errors="replace").rstrip("\r")]), [])
    expected = list(file_columns(features))
    if columns == expected:
        return True, rest
    if columns[:1] == [CUSTOMER]:
        raise BadLineError(
            f"Line 1: the header is {','.join(columns)}, but this model needs {','.join(expected)}. "
            "The file comes from another training or another version."
        )
    return False, body


def parse_lines(lines: bytes, features: tuple[str, ...], first_line: int) -> pl.DataFrame:
    """Read lines without a header.

    Args:
        lines: CSV text in UTF-8, the columns in the order of file_columns.
        features: The model's features.
        first_line: The number of the first line, for messages.

    Returns:
        CustomerID (text), last_order_date (Date) and the features (Float64, null for unknown), one row per
        line, in order.

    Raises:
        BadLineError: A line cannot be scored; the message names line and column.
    """
    columns = file_columns(features)
    if not lines:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).select(_typed(features))
    try:
        text = pl.read_csv(
            lines, has_header=False, new_columns=list(columns), schema=dict.fromkeys(columns, pl.String)
        )
        rows = text.select(_typed(features))
    except pl.exceptions.PolarsError as error:
        raise BadLineError(_explain(lines, features, first_line)) from error
    expected_rows = lines.count(b"\n") + (not lines.endswith(b"\n"))
    if rows.height != expected_rows or _has_gaps(text, rows, features):
        raise BadLineError(_explain(lines, features, first_line))
    return rows


def _typed(features: tuple[str, ...]) -> list[pl.Expr]:
    return [
        pl.col(CUSTOMER),
        pl.col(LAST_ORDER_DATE).str.to_date("%Y-%m-%d", strict=False),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in features),
    ]


def _has_gaps(text: pl.DataFrame, rows: pl.DataFrame, features: tuple[str, ...]) -> bool:
    """Whether a value that must be there is missing, or one that is there could not be read."""
    if rows[LAST_ORDER_DATE].null_count() or (rows[CUSTOMER].fill_null("").str.strip_chars() == "").any():
        return True
    for name in features:
        allowed = text[name].null_count() if may_be_empty(name) else 0
        if rows[name].null_count() != allowed or not rows[name].is_finite().all():
            return True
    return False


def _explain(lines: bytes, features: tuple[str, ...], first_line: int) -> str:
    for number, problem in _problems(lines, features, first_line):
        return f"Line {number}{problem}"
    return "The request's lines are not valid CSV in UTF-8."


def _problems(lines: bytes, features: tuple[str, ...], first_line: int) -> Iterator[tuple[int, str]]:
    columns = file_columns(features)
    for number, line in enumerate(lines.removesuffix(b"\n").split(b"\n"), start=first_line):
        try:
            fields = next(csv.reader([line.decode("utf-8").rstrip("\r")], strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            yield number, f": not a line of CSV in UTF-8 ({error})."
            continue
        if len(fields) != len(columns):
            yield number, f": {len(fields)} fields, but there are {len(columns)} columns: {','.join(columns)}."
            continue
        for column, value in zip(columns, fields, strict=True):
            if problem := _problem_of(column, value):
                yield number, f", column {column}: {value[:_SHOWN_CHARACTERS]!r} {problem}."


def _problem_of(column: str, value: str) -> str | None:
    if column == CUSTOMER:
        return None if value.strip() else "is not a customer"
    if column == LAST_ORDER_DATE:
        return None if _is_date(value) else "is not a date such as 2011-12-09"
    if not value and may_be_empty(column):
        return None
    return None if _is_number(value) else "is not a number"


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
