"""The orders of day, month and year in a date, in a module without polars, which a server must not load before it forks."""

from __future__ import annotations

from enum import StrEnum


class DateFormat(StrEnum):
    """What comes first in a date of three numbers."""

    YEAR_FIRST = "ymd"
    MONTH_FIRST = "mdy"
    DAY_FIRST = "dmy"
