"""Reads dates in the forms that people write them in, and finds out whether the day or the month comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from next_purchase.date_format import DateFormat
from next_purchase.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable


A_DATE = "a date such as 2010-12-01 08:26:00 or 12/1/2010 8:26, the year with all four digits"

_TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[APap]\.?[Mm]\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?"
_YEAR_FIRST = rf"^(\d{{4}})[-/](\d{{1,2}})[-/](\d{{1,2}}){_TIME}$"
_YEAR_LAST = rf"^(\d{{1,2}})[-/](\d{{1,2}})[-/](\d{{4}}){_TIME}$"
# Excel counts days; of those from 1970 to 2099 all have five digits.
_SERIAL = r"^([2-7]\d{4})(?:[.,]\d+)?$"
_SERIAL_ZERO = pl.date(1899, 12, 30)
_MOST_MONTHS = 12


def read_date(text: pl.Expr, date_format: DateFormat | None) -> pl.Expr:
    """Date; null where the text has no form of one.

    Args:
        text: As written.
        date_format: Of dates that end with the year; None if there is none whose reading matters.
    """
    text = text.str.strip_chars()
    year_first = _from_parts(text.str.extract_groups(_YEAR_FIRST), "1", "2", "3")
    serial = _SERIAL_ZERO + pl.duration(days=text.str.extract(_SERIAL).cast(pl.Int64, strict=False))
    forms = [year_first, serial]
    if date_format is not DateFormat.YEAR_FIRST:
        month, day = ("2", "1") if date_format is DateFormat.DAY_FIRST else ("1", "2")
        forms.append(_from_parts(text.str.extract_groups(_YEAR_LAST), "3", month, day))
    return pl.coalesce(forms)


def find_format(texts: Iterable[pl.Series], names: str) -> DateFormat | None:
    """Find out what comes first in dates that end with the year: a number above 12 is no month.

    Args:
        texts: Dates as written, of all files.
        names: Of the files, for the message.

    Returns:
        None if no date ends with the year.

    Raises:
        DataError: No number is above 12, so that each date has two readings; or both places have some.
    """
    first_most = second_most = 0
    ends_with_year = is_ambiguous = False
    for text in texts:
        numbers = (
            text.str.strip_chars().str.extract_groups(_YEAR_LAST).struct.unnest().cast(pl.Int64, strict=False)
        )
        first, second, differs = numbers.select(
            pl.col("1").max().alias("first"), pl.col("2").max().alias("second"), (pl.col("1") != pl.col("2")).any()
        ).row(0)
        ends_with_year = ends_with_year or first is not None
        # Of 1/1/2011 both readings are the same.
        is_ambiguous = is_ambiguous or bool(differs)
        first_most, second_most = max(first_most, first or 0), max(second_most, second or 0)
    if not ends_with_year:
        return None
    if is_ambiguous and first_most <= _MOST_MONTHS >= second_most:
        raise DataError(
            f"{names}: the dates can be read in two ways, since no day is above 12: say by the hyperparameter "
            "date_format whether the month (mdy) or the day (dmy) comes first."
        )
    if first_most > _MOST_MONTHS < second_most:
        raise DataError(
            f"{names}: in some dates the month comes first and in others the day: say by the hyperparameter "
            "date_format which is right (mdy, dmy), and correct the others."
        )
    return DateFormat.DAY_FIRST if first_most > _MOST_MONTHS else DateFormat.MONTH_FIRST


def _from_parts(groups: pl.Expr, year: str, month: str, day: str) -> pl.Expr:
    parts = [groups.struct.field(name).str.zfill(2) for name in (year, month, day)]
    return pl.concat_str(parts, separator="-").str.to_date("%Y-%m-%d", strict=False)
