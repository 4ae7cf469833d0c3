"""The average of several models' curves.

It is the mean of the curves from the order on. So for a customer who has stayed away for some time, models by which that was
likely count more, as in Bayes' theorem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.arrays import Days, Floats
    from next_purchase.models.model import Model

JOIN = "+"
"""The separator of the members' names in the name of an average."""


@dataclass(frozen=True)
class AverageModel:
    """An average.

    Attributes:
        members: the models by their names.
    """

    members: dict[str, Model]

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """See Model."""
        first, *others = (member.survival(rows, days) for member in self.members.values())
        for curve in others:
            first += curve
        first /= len(self.members)
        return first

    def describe(self) -> dict[str, Any]:
        """Return each member's description under its name."""
        return {name: member.describe() for name, member in self.members.items()}
