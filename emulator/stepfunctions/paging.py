"""Cuts a list into the pages that a List or GetExecutionHistory call answers with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


class PageSizeError(Exception):
    """maxResults is out of its range."""


class BadTokenError(Exception):
    """The nextToken was not given out by this emulator."""


def page_size(requested: int | None) -> int:
    """Return the number of entries on a page: 100 unless another is requested (0 means the default).

    Raises:
        PageSizeError: not 0 to 1,000.
    """
    if requested is not None and not 0 <= requested <= LARGEST_PAGE:
        raise PageSizeError(
            f"1 validation error detected: Value '{requested}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have a value between 0 and {LARGEST_PAGE}"
        )
    return requested or DEFAULT_PAGE


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
