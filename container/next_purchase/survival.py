"""Kaplan and Meier's estimate of a survival curve from censored times.

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
    """A survival curve with steps.

    Attributes:
        times: (steps,) the times of the steps, in ascending order.
        shares: (steps,) the share that is left from each step on.
    """

    times: Floats
    shares: Floats

    def at(self, times: Floats) -> Floats:
        """Return the share that is left at each time, of any shape; 1 before the first step."""
        padded: Floats = np.concatenate(([1.0], self.shares))
        return padded[np.searchsorted(self.times, times, side="right")]

    def quantile(self, share: float) -> float | None:
        """Return the first time by which the event has happened to a share of all; None if the curve ends above it."""
        # In floating point a product of fractions may miss the share by its last digit.
        reached = self.shares <= 1 - share + 1e-12
        return float(self.times[reached.argmax()]) if reached.any() else None


def survival_curve(times: Floats, happened: Booleans) -> StepCurve:
    """Estimate the curve.

    Args:
        times: (n,) the time of the event, or of the end of observation.
        happened: (n,) whether the event happened at that time.
    """
    steps, place = np.unique(times, return_inverse=True)
    leaving = np.bincount(place, minlength=len(steps))
    events = np.bincount(place, weights=happened, minlength=len(steps))
    at_risk = leaving[::-1].cumsum()[::-1]
    falls = events > 0
    return StepCurve(steps[falls], np.cumprod(1 - events / at_risk)[falls])
