"""Several models' curves, averaged.

It is the mean of the curves from the order on. Of a customer who has stayed away for some time, those models count more that
thought it likely, as Bayes' theorem has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.arrays import Days, Floats
    from next_purchase.models.model import Model

JOIN = "+"
"""Stands between the members' names in an average's."""


@dataclass(frozen=True)
class AverageModel:
    """Attributes: members, each under its name."""

    members: dict[str, Model]

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """See Model."""
        first, *others = (member.survival(rows, days) for member in self.members.values())
        for curve in others:
            first += curve
        first /= len(self.members)
        return first

    def describe(self) -> dict[str, Any]:
        """Each member's description under its name."""
        return {name: member.describe() for name, member in self.members.items()}
