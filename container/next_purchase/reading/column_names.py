"""Finds the columns that are needed by the names that people give them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Ours, then the names of Online Retail and of Online Retail II. Case, spaces and underscores do not matter.
COLUMN_NAMES = {
    "invoice": ("InvoiceNo", "Invoice"),
    "quantity": ("Quantity",),
    "date": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer": ("CustomerID", "Customer ID"),
}


def match_columns(header: Sequence[str]) -> dict[str, str]:
    """Give the header's own names of the columns that are needed, by ours; those that it lacks are left out."""
    by_simple_name: dict[str, str] = {}
    for column in header:
        by_simple_name.setdefault(_simplify(column), column)
    return {
        ours: by_simple_name[_simplify(theirs)]
        for ours, alternatives in COLUMN_NAMES.items()
        for theirs in reversed(alternatives)
        if _simplify(theirs) in by_simple_name
    }


def has_all_columns(header: Sequence[str]) -> bool:
    """Whether these are the columns of transactions."""
    return len(match_columns(header)) == len(COLUMN_NAMES)


def explain_missing(header: Sequence[str]) -> str:
    """Say which of the columns a header lacks; it has at least one."""
    found = match_columns(header)
    missing = [" or ".join(names) for ours, names in COLUMN_NAMES.items() if ours not in found]
    return f"has no column {', no column '.join(missing)}; its columns are {', '.join(header)}"


def _simplify(column: str) -> str:
    # A file that was saved several times, or put together, has marks that nobody sees.
    return re.sub(r"[\s_\ufeff]", "", column).lower()
