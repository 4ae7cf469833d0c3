"""Kaplan and Meier's estimate: how long it takes, when some were not watched until it happened.

Source: E. L. Kaplan, P. Meier, Nonparametric Estimation from Incomplete Observations, JASA 53 (1958).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from next_purchase.arrays import Booleans, Floats


@dataclass(frozen=True)
class StepCurve:
    """The share that is left, as steps down.

    Attributes:
        times: (steps,) where it falls, in ascending order.
        shares: (steps,) what is left from there on.
    """

    times: Floats
    shares: Floats

    def at(self, times: Floats) -> Floats:
        """The share that is left at each time, of any shape; before the first step all."""
        padded: Floats = np.concatenate(([1.0], self.shares))
        return padded[np.searchsorted(self.times, times, side="right")]

    def quantile(self, share: float) -> float | None:
        """The first time by which it has happened to a share of all; None if it is not known of so many."""
        # A product of fractions may miss the share itself by its last digit.
        reached = self.shares <= 1 - share + 1e-12
        return float(self.times[reached.argmax()]) if reached.any() else None


def survival_curve(times: Floats, happened: Booleans) -> StepCurve:
    """Estimate the curve.

    Args:
        times: (n,) when it happened, or until when it had not.
        happened: (n,) whether it happened at that time.
    """
    steps, place = np.unique(times, return_inverse=True)
    leaving = np.bincount(place, minlength=len(steps))
    events = np.bincount(place, weights=happened, minlength=len(steps))
    at_risk = leaving[::-1].cumsum()[::-1]
    falls = events > 0
    return StepCurve(steps[falls], np.cumprod(1 - events / at_risk)[falls])
