"""Calibrates the interval's ends on orders whose outcome a model could not know.

If a model is right, as many customers come back before the day by which it expects a tenth of them, as between that day and
the one by which it expects two tenths, and so on. Where that is not so, the shares that it expected when a tenth and nine
tenths were really back take the place of 0.1 and 0.9. Those who were not watched long enough count as Kaplan and Meier have
it.

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

# As many customers of a model that is right are added, so that a handful of real ones moves the ends a little only.
_PRIOR_CUSTOMERS = 20


@dataclass(frozen=True)
class Interval:
    """The shares that a model must expect back at the interval's ends, for a tenth to come back before and after it.

    Attributes:
        lower: At the lower end.
        upper: At the upper end.
    """

    lower: float = LOWER_SHARE
    upper: float = UPPER_SHARE

    def describe(self) -> dict[str, float]:
        """Both, as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Outcomes:
    """What became of customers, in the model's own terms.

    Attributes:
        expected: (n,) the share that the model had expected back by the day on which the customer came back, or until which
            nobody saw it.
        returned: (n,) whether the customer came back.
    """

    expected: Floats
    returned: Booleans


def calibrate(outcomes: Sequence[Outcomes]) -> Interval:
    """Find the shares."""
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
        ArtifactError: A number is missing or is no share.
    """
    return Interval(take_number(description, "lower", 0, 1), take_number(description, "upper", 0, 1))
