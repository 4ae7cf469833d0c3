"""Calibrates the interval's ends on orders whose outcome a model could not know.

For a model that is right, a tenth of the customers come back before the day by which it expects a tenth, two tenths before
the day by which it expects two tenths, and so on. For other models, the shares that the model expected when a tenth and nine
tenths had come back replace 0.1 and 0.9. Customers who were not observed long enough are censored (Kaplan and Meier).

Source: V. Chernozhukov, K. Wüthrich, Y. Zhu, Distributional Conformal Prediction, PNAS 118 (2021).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from next_purchase.models.description import shorten, take_number
from next_purchase.schema import LOWER_SHARE, UPPER_SHARE
from next_purchase.survival import survival_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from next_purchase.arrays import Booleans, Floats

# Number of added customers for whom the model is right, so that a handful of real ones moves the ends only a little.
_PRIOR_CUSTOMERS = 20


@dataclass(frozen=True)
class Interval:
    """The shares that a model expects back at the interval's ends, so that a tenth comes back before and after it.

    Attributes:
        lower: the share at the lower end.
        upper: the share at the upper end.
    """

    lower: float = LOWER_SHARE
    upper: float = UPPER_SHARE

    def describe(self) -> dict[str, float]:
        """Return both as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of customers, as shares of a model's curves.

    Attributes:
        expected: (n,) the share that the model expected back by the day on which the customer came back, or was last
            observed.
        returned: (n,) whether the customer came back.
    """

    expected: Floats
    returned: Booleans


def calibrate(outcomes: Sequence[Outcomes]) -> Interval:
    """Return the shares that fit the outcomes."""
    even = (np.arange(_PRIOR_CUSTOMERS) + 0.5) / _PRIOR_CUSTOMERS
    expected = np.concatenate([even, *(part.expected for part in outcomes)])
    returned = np.concatenate([np.ones(len(even), dtype=bool), *(part.returned for part in outcomes)])
    curve = survival_curve(expected, returned)
    lower, upper = (curve.quantile(share) for share in (LOWER_SHARE, UPPER_SHARE))
    return Interval(
        LOWER_SHARE if lower is None else shorten(min(lower, 0.5)),
        UPPER_SHARE if upper is None else shorten(max(upper, 0.5)),
    )


def read_interval(description: Mapping[str, Any]) -> Interval:
    """Read back what describe gave.

    Raises:
        ArtifactError: a number is missing or is no share.
    """
    return Interval(take_number(description, "lower", 0, 1), take_number(description, "upper", 0, 1))
