"""Reads a request in JSON Lines: an object per line with the columns of the features file as keys."""

from __future__ import annotations

import json
import re
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Any

import polars as pl

from next_purchase.errors import BadLineError
from next_purchase.schema import AS_OF, CUSTOMER, DATE_COLUMNS, LAST_ORDER_DATE, file_columns, may_be_empty
from next_purchase.serving.feature_values import (
    explain_customer,
    explain_date,
    explain_number,
    explain_order,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# JSON can contain line ends and half characters (surrogates), a CSV line in UTF-8 cannot.
_NOT_IN_A_LINE = re.compile("[\r\n\ud800-\udfff]")


def read_json_rows(body: bytes, features: tuple[str, ...]) -> pl.DataFrame:
    """Read a request.

    Args:
        body: an object per line in UTF-8, at least one. CustomerID, last_order_date and as_of are texts, all others numbers;
            one that may be unknown may be null or left out.
        features: the model's.

    Returns:
        CustomerID (text), last_order_date and as_of (Date) and the features (Float64, null for unknown), one row per line,
        in order.

    Raises:
        BadLineError: a line cannot be used; the message names it and the key.
    """
    columns = file_columns(features)
    rows = []
    for number, line in enumerate(body.removesuffix(b"\n").split(b"\n"), start=1):
        try:
            rows.append(_read_line(line, columns))
        except _LineError as error:
            raise BadLineError(f"Line {number}{error}") from error
    schema = {CUSTOMER: pl.String} | dict.fromkeys(DATE_COLUMNS, pl.Date) | dict.fromkeys(features, pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


class _LineError(Exception):
    """A line cannot be used; the text follows the line's number in the message."""


def _read_line(line: bytes, columns: Sequence[str]) -> list[object]:
    """Return the values in the order of the columns."""
    try:
        content = json.loads(line.decode("utf-8"))
    except RecursionError:
        raise _LineError(": not an object, but lists or objects nested too deeply.") from None
    except ValueError as error:
        raise _LineError(f": not an object of JSON in UTF-8 ({error}).") from error
    if not isinstance(content, dict):
        raise _LineError(f": {show(content)} is not an object.")
    if unknown := sorted(content.keys() - set(columns)):
        raise _LineError(f", key {show(unknown[0])}: not one of this model's; they are {', '.join(columns)}.")
    values = [_take(content, column) for column in columns]
    if problem := explain_order(content[LAST_ORDER_DATE], content[AS_OF]):
        raise _LineError(f", key {AS_OF}: {problem}.")
    return values


def _take(content: dict[str, Any], column: str) -> object:
    value: Any = content.get(column)
    if value is None and may_be_empty(column):
        return None
    if column not in content:
        raise _LineError(f", key {column}: missing.")
    if problem := _explain_value(column, value):
        raise _LineError(f", key {column}: {problem}.")
    return date.fromisoformat(value) if column in DATE_COLUMNS else value if column == CUSTOMER else float(value)


def _explain_value(column: str, value: Any) -> str | None:
    if column == CUSTOMER:
        return explain_customer(value) or _explain_characters(value)
    if column in DATE_COLUMNS:
        return explain_date(value)
    return None if _is_number(value) else explain_number(value)


def _explain_characters(customer: str) -> str | None:
    lost = _NOT_IN_A_LINE.search(customer)
    return f"{show(customer)} has {lost[0]!r} in it, which no line can hold" if lost else None


def _is_number(value: object) -> bool:
    """Return whether the value is a finite number; true and false are numbers in Python, but not in JSON."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        return False
