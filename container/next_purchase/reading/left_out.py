"""Counts what is read and not used, by its kind, so that nobody has to guess where lines went."""

from __future__ import annotations

from dataclasses import asdict, dataclass

NOTE_CHARACTERS = 100


@dataclass(frozen=True)
class LeftOut:
    """Rows that are in no order; each is counted once, under the first kind that it is of.

    Attributes:
        repeated_headers: The header once more, as in files that were put together.
        rows_without_customer: The id is empty.
        missing_customer_ids: The id is a word for "none", such as nan or NULL.
        cancellations: The invoice number begins with C.
        rows_far_in_time: More than a year without any row lies between them and all others.
        rows_without_purchase: A quantity or a price of 0 or below.
    """

    repeated_headers: int = 0
    rows_without_customer: int = 0
    missing_customer_ids: int = 0
    cancellations: int = 0
    rows_far_in_time: int = 0
    rows_without_purchase: int = 0

    def __add__(self, other: LeftOut) -> LeftOut:
        """Put the counts of two files together."""
        mine, theirs = asdict(self), asdict(other)
        return LeftOut(**{kind: mine[kind] + theirs[kind] for kind in mine})

    def counts(self) -> dict[str, int]:
        """Every kind with its number, for metrics.json."""
        return asdict(self)

    def describe(self) -> str:
        """Tell every kind that there is, for the log."""
        told = [f"{number:,} {kind.replace('_', ' ')}" for kind, number in self.counts().items() if number]
        return ", ".join(told) or "no row"

    def note(self) -> str | None:
        """Tell in one sentence of at most 100 characters what was left out that few files have; None if nothing was."""
        unusual = {
            "rows far in time": self.rows_far_in_time,
            "ids that mean none": self.missing_customer_ids,
            "repeated headers": self.repeated_headers,
        }
        told = ", ".join(f"{number:,} {kind}" for kind, number in unusual.items() if number)
        return f"Left out: {told}."[:NOTE_CHARACTERS] if told else None
