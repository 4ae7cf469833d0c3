"""Reads dates in many formats, and finds out whether the day or the month comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from next_purchase.date_format import DateFormat
from next_purchase.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

A_DATE = "a date such as 2010-12-01 08:26:00 or 12/1/2010 8:26, the year with all four digits"

_TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[APap]\.?[Mm]\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?)?"
_YEAR_FIRST = rf"^(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}$"
_YEAR_LAST = rf"^(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}){_TIME}$"
# Excel's serial numbers count days; those from 1970 to 2099 have five digits.
_SERIAL = r"^([2-7]\d{4}(?:[.,]\d+)?)$"
_SERIAL_ZERO = pl.date(1899, 12, 30)
# Fractions of a day are rounded in decimals, so midnight may be a little less than a whole number.
_HALF_A_SECOND = 0.5 / (24 * 60 * 60)
_MOST_MONTHS = 12


def read_date(text: pl.Expr, date_format: DateFormat | None) -> pl.Expr:
    """Return the dates; null where a text has no format of a date.

    Args:
        text: the texts.
        date_format: what comes first in dates that end with the year; None if no such date is ambiguous.
    """
    text = text.str.strip_chars()
    year_first = _from_parts(text.str.extract_groups(_YEAR_FIRST), "1", "2", "3")
    days = text.str.extract(_SERIAL).str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    serial = _SERIAL_ZERO + pl.duration(days=(days + _HALF_A_SECOND).floor().cast(pl.Int64))
    forms = [year_first, serial]
    if date_format is not DateFormat.YEAR_FIRST:
        month, day = ("2", "1") if date_format is DateFormat.DAY_FIRST else ("1", "2")
        forms.append(_from_parts(text.str.extract_groups(_YEAR_LAST), "3", month, day))
    return pl.coalesce(forms)


def find_format(texts: Iterable[pl.Series], show: Callable[[pl.Expr], str]) -> DateFormat | None:
    """Find out what comes first in dates that end with the year: a number above 12 is no month.

    Args:
        texts: the texts of dates, of all files.
        show: returns place and text of the first date for which the expression is true.

    Returns:
        None if no date ends with the year.

    Raises:
        DataError: no number is above 12, so that each date has two readings; or both places have some.
    """
    first_most = second_most = 0
    ends_with_year = is_ambiguous = False
    for text in texts:
        first, second, differs = (
            pl.select(first=_number(text, "1"), second=_number(text, "2"))
            .select(
                first_most=pl.col("first").max(),
                second_most=pl.col("second").max(),
                differs=(pl.col("first") != pl.col("second")).any(),
            )
            .row(0)
        )
        ends_with_year = ends_with_year or first is not None
        # Of 1/1/2011 both readings are the same.
        is_ambiguous = is_ambiguous or bool(differs)
        first_most, second_most = max(first_most, first or 0), max(second_most, second or 0)
    if not ends_with_year:
        return None
    column = pl.col("date")
    if is_ambiguous and first_most <= _MOST_MONTHS >= second_most:
        raise DataError(
            f"{show(_number(column, '1') != _number(column, '2'))}, which can be read in two ways, since no day is above "
            "12 in any date: say by the hyperparameter date_format whether the month (mdy) or the day (dmy) comes first."
        )
    if first_most > _MOST_MONTHS < second_most:
        raise DataError(
            f"{show(_number(column, '1') > _MOST_MONTHS)}, the day first, but "
            f"{show(_number(column, '2') > _MOST_MONTHS)}, the month first: say by the hyperparameter date_format which "
            "is right (mdy, dmy), and correct the others."
        )
    return DateFormat.DAY_FIRST if first_most > _MOST_MONTHS else DateFormat.MONTH_FIRST


def _number(text: pl.Expr | pl.Series, place: str) -> pl.Expr:
    """Return the first or the second number of a date that ends with the year; null for others."""
    text = pl.lit(text) if isinstance(text, pl.Series) else text
    groups = text.str.strip_chars().str.extract_groups(_YEAR_LAST)
    return groups.struct.field(place).cast(pl.Int64, strict=False)


def _from_parts(groups: pl.Expr, year: str, month: str, day: str) -> pl.Expr:
    parts = [groups.struct.field(name).str.zfill(2) for name in (year, month, day)]
    return pl.concat_str(parts, separator="-").str.to_date("%Y-%m-%d", strict=False)
