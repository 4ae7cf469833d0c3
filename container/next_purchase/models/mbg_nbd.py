"""Buy till you die: a customer buys at a rate of their own until, after some order, they stop for good.

The modified beta-geometric/negative binomial model. Rates differ between customers as a gamma distribution has it (shape r,
rate alpha), the chance to stop after an order as a beta distribution has it (a, b), and who has stopped does not come back.
It sees only a customer's number of orders and the days from the first to the last.

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
    """The four parameters, under the names that the literature has for them."""

    r: float
    alpha: float
    a: float
    b: float

    def survival(self, rows: pl.DataFrame, days: Days) -> Floats:
        """See Model. The share that stopped with the order, and of the others those whose next one is not there yet."""
        # Within bounds, since a request's line may say any number.
        repeats = np.maximum(rows["orders"].to_numpy() - 1.0, 0.0)
        age = np.clip(rows[AGE].to_numpy(), 0, _LONGEST_DAYS).astype(np.int64)
        stopped = self.a / (self.a + self.b + repeats)
        away = of_days(lambda day: np.log(self.alpha + day), age + days)
        # In place, since memory takes longer than arithmetic.
        np.subtract(np.log(self.alpha + age), away, out=away)
        away *= self.r + repeats
        np.exp(away, out=away)
        away *= 1 - stopped
        away += stopped
        return away

    def describe(self) -> dict[str, Any]:
        """The parameters."""
        return asdict(self)


def read_mbg_nbd(description: Mapping[str, Any]) -> MbgNbdModel:
    """Read back what describe gave.

    Raises:
        ArtifactError: A parameter is missing or not above 0.
    """
    return MbgNbdModel(**{field.name: take_positive(description, field.name) for field in fields(MbgNbdModel)})
