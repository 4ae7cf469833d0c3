"""Medians of the days until a customer's next order, under the two models that let customers die.

P. S. Fader, B. G. S. Hardie, K. L. Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005): BG/NBD.
E. P. Batislam, M. Denizel, A. Filiztekin, Empirical validation and comparison of models for customer base analysis,
International Journal of Research in Marketing 24 (2007): MBG/NBD, in which customers may die after their first order, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Values = np.ndarray[Any, np.dtype[np.float64]]


def median_days(rate_shape: Values, rate_scale: Values, chance_dead: Values) -> Values:
    """When half of the customers are back who ordered just now; infinite if half never come back.

    The wait of a customer who lives on is exponential, with a rate that is gamma distributed.

    Args:
        rate_shape: (n,) of the rate, with what the customer's orders say.
        rate_scale: (n,) in days, likewise.
        chance_dead: (n,) that the order was the customer's last.
    """
    away = (0.5 - chance_dead) / (1 - chance_dead)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        days = rate_scale * (away ** (-1 / rate_shape) - 1)
    return np.where(away > 0, days, np.inf)


def chance_dead(a: float, b: float, repeats: Values, *, after_first: bool) -> Values:
    """That the order was the customer's last: beta(a, b), and it was not after any of the earlier ones.

    Args:
        a: Of the beta distribution of the chance.
        b: Likewise.
        repeats: (n,) orders before this one.
        after_first: Whether customers may die after their first order (MBG/NBD) or not (BG/NBD).
    """
    if after_first:
        return a / (a + b + repeats)
    return np.where(repeats > 0, a / (a + b + np.maximum(repeats, 1) - 1), 0.0)
