"""Counts the rows that are read and not used, by the reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass

NOTE_CHARACTERS = 100


@dataclass(frozen=True)
class LeftOut:
    """Numbers of rows that are in no order; each row is counted once, under the first reason that applies.

    Attributes:
        repeated_headers: the header again, as in files that were concatenated.
        rows_without_customer: the id is empty.
        missing_customer_ids: the id is a word for "none", such as nan or NULL.
        cancellations: the invoice number begins with C.
        rows_far_in_time: more than a year without any row separates them from all others.
        rows_without_purchase: a quantity or a price of 0 or below.
    """

    repeated_headers: int = 0
    rows_without_customer: int = 0
    missing_customer_ids: int = 0
    cancellations: int = 0
    rows_far_in_time: int = 0
    rows_without_purchase: int = 0

    def __add__(self, other: LeftOut) -> LeftOut:
        """Return the sums of the counts of two files."""
        mine, theirs = asdict(self), asdict(other)
        return LeftOut(**{kind: mine[kind] + theirs[kind] for kind in mine})

    def counts(self) -> dict[str, int]:
        """Return every reason with its number, for metrics.json."""
        return asdict(self)

    def describe(self) -> str:
        """Return all numbers above 0, for the log."""
        parts = [f"{number:,} {kind.replace('_', ' ')}" for kind, number in self.counts().items() if number]
        return ", ".join(parts) or "no row"

    def note(self) -> str | None:
        """Return a sentence of at most 100 characters about rows that few files have; None if there are none."""
        unusual = {
            "rows far in time": self.rows_far_in_time,
            "ids that mean none": self.missing_customer_ids,
            "repeated headers": self.repeated_headers,
        }
        parts = ", ".join(f"{number:,} {kind}" for kind, number in unusual.items() if number)
        return f"Left out: {parts}."[:NOTE_CHARACTERS] if parts else None
