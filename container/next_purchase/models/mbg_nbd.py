"""The modified beta-geometric/negative binomial model: customers buy at a rate of their own until they stop for good.

The rates of customers have a gamma distribution (shape r, rate alpha), and their chances to stop after an order a beta
distribution (a, b). A customer who has stopped does not come back. The model uses only a customer's number of orders and the
days from the first to the last.

Source: E. P. Batislam, M. Denizel, A. Filiztekin, Empirical Validation and Comparison of Models for Customer Base Analysis,
International Journal of Research in Marketing 24 (2007).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from next_purchase.models.description import take_positive
from next_purchase.models.whole_days import of_days
from next_purchase.schema import AGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from next_purchase.arrays import Days, Floats

_LONGEST_DAYS = 1_000_000


@dataclass(frozen=True)
class MbgNbdModel:
    """The four parameters, named as in the literature."""

    r: float
    alpha: float
    a: float
    b: float

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """See Model; the share that has stopped, and the share of the others whose next order has not come yet."""
        # Clipped, since a request may contain any number.
        repeats = np.maximum(rows["orders"].to_numpy() - 1.0, 0.0)
        age = np.clip(rows[AGE].to_numpy(), 0, _LONGEST_DAYS).astype(np.int64)
        stopped = self.a / (self.a + self.b + repeats)
        away = of_days(lambda day: np.log(self.alpha + day), age + days)
        # In place, since allocating memory takes longer than the arithmetic.
        np.subtract(np.log(self.alpha + age), away, out=away)
        away *= self.r + repeats
        np.exp(away, out=away)
        away *= 1 - stopped
        away += stopped
        return away

    def describe(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self)


def read_mbg_nbd(description: Mapping[str, Any]) -> MbgNbdModel:
    """Return the model of a description.

    Raises:
        ArtifactError: a parameter is missing or not above 0.
    """
    return MbgNbdModel(**{field.name: take_positive(description, field.name) for field in fields(MbgNbdModel)})
