"""Names the orders of day, month and year in a date; apart, since a server must not load polars before it forks."""

from __future__ import annotations

from enum import StrEnum


class DateFormat(StrEnum):
    """What comes first in a date of three numbers."""

    YEAR_FIRST = "ymd"
    MONTH_FIRST = "mdy"
    DAY_FIRST = "dmy"
