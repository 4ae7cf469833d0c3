"""Cuts a list into the pages that a List or GetExecutionHistory call answers with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


class BadTokenError(Exception):
    """The nextToken was not given out by this emulator."""


class BadSizeError(Exception):
    """maxResults is none that AWS takes."""


def page_size(max_results: int | None) -> int:
    """Return the number of entries on a page: 100 where `max_results` is None or 0.

    Raises:
        BadSizeError: it is less than 0 or more than 1,000.
    """
    size = max_results or DEFAULT_PAGE
    if not 0 < size <= LARGEST_PAGE:
        side = f"less than or equal to {LARGEST_PAGE}" if size > 0 else "greater than or equal to 0"
        raise BadSizeError(
            f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have value {side}"
        )
    return size


def take_page(
    entries: Sequence[T],
    *,
    newest_first: bool,
    size: int,
    token: str | None,
    wanted: Callable[[T], bool] = lambda _: True,
) -> tuple[list[T], str | None]:
    """One page of `entries`, a list that only grows at its end, and the token of the next page.

    The token names a place counted from the start, so entries that come in between two calls neither repeat nor
    hide others.

    Raises:
        BadTokenError: the token is not one of ours.
    """
    length = len(entries)
    first = length - 1 if newest_first else 0
    position = first if token is None else _decode(token)
    step = -1 if newest_first else 1
    page: list[T] = []
    while 0 <= position < length and len(page) < size:
        if wanted(entries[position]):
            page.append(entries[position])
        position += step
    more = any(wanted(entries[p]) for p in (range(position, -1, -1) if newest_first else range(position, length)))
    return page, _encode(position) if more else None


def _encode(position: int) -> str:
    return base64.urlsafe_b64encode(f"automlops:{position}".encode()).decode()


def _decode(token: str) -> int:
    try:
        kind, _, position = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if kind == "automlops":
            return int(position)
    except (ValueError, binascii.Error):
        pass
    raise BadTokenError(f"Invalid Token: '{token}'")
