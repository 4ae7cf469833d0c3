"""Explains what is wrong with single values of a line of features, in any format."""

from __future__ import annotations

import re
from datetime import date

DATE_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

_SHOWN_CHARACTERS = 60


def explain_customer(value: object) -> str | None:
    """Return why the value is no customer's id (a text that is not blank); None if it is one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'{show(value)} is a number, but a customer is a text: write "{show(value)}"'
    return None if isinstance(value, str) and value.strip() else f"{show(value)} is not a customer"


def explain_date(value: object) -> str | None:
    """Return why the value is no text of a date such as 2011-12-09; None if it is one."""
    problem = f"{show(value)} is not a date such as 2011-12-09"
    if not isinstance(value, str) or not re.match(DATE_PATTERN, value):
        return problem
    try:
        date.fromisoformat(value)
    except ValueError:
        return problem
    return None


def explain_order(last_order_date: str, as_of: str) -> str | None:
    """Return why `as_of` is too early for the last order; None if it is not."""
    return f"{as_of} is before the last order, {last_order_date}" if as_of < last_order_date else None


def explain_number(value: object) -> str:
    """Return why the value, which is no finite number, is refused."""
    return f"{show(value)} is not a number"


def show(value: object) -> str:
    """Return the value, or its beginning, for a message."""
    return repr(value[:_SHOWN_CHARACTERS]) if isinstance(value, str) else repr(value)[:_SHOWN_CHARACTERS]
