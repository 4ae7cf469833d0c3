"""Finds the needed columns under the names that files have for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The name in this package, then those of Online Retail and of Online Retail II. Case, spaces and underscores do not matter.
COLUMN_NAMES = {
    "invoice": ("InvoiceNo", "Invoice"),
    "quantity": ("Quantity",),
    "date": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer": ("CustomerID", "Customer ID"),
}


def match_columns(header: Sequence[str]) -> dict[str, str]:
    """Return the header's names of the needed columns, by this package's names; missing columns are left out."""
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
    """Return whether the header has all columns of transactions."""
    return len(match_columns(header)) == len(COLUMN_NAMES)


def explain_missing(header: Sequence[str]) -> str:
    """Return which of the columns a header lacks; it must lack at least one."""
    found = match_columns(header)
    missing = [" or ".join(names) for ours, names in COLUMN_NAMES.items() if ours not in found]
    return f"has no column {', no column '.join(missing)}; its columns are {', '.join(header)}"


def _simplify(column: str) -> str:
    # A file that was saved several times, or concatenated, may contain invisible byte order marks.
    return re.sub(r"[\s_\ufeff]", "", column).lower()
