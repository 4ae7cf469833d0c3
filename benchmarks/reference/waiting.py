"""Computes medians of the days until a customer's next order in the two models whose customers may die.

P. S. Fader, B. G. S. Hardie, K. L. Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005): BG/NBD.
E. P. Batislam, M. Denizel, A. Filiztekin, Empirical validation and comparison of models for customer base analysis,
International Journal of Research in Marketing 24 (2007): MBG/NBD, in which customers may die after their first order, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Values = np.ndarray[Any, np.dtype[np.float64]]


def median_days(rate_shape: Values, rate_scale: Values, chance_dead: Values) -> Values:
    """Return the days after which half of the customers have ordered again; infinite if half never do.

    The wait of a customer who is alive is exponential, with a gamma distributed rate.

    Args:
        rate_shape: (n,) shape of the rate's distribution, given the customer's orders.
        rate_scale: (n,) scale of it in days.
        chance_dead: (n,) probability that the order was the customer's last.
    """
    away = (0.5 - chance_dead) / (1 - chance_dead)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        days = rate_scale * (away ** (-1 / rate_shape) - 1)
    return np.where(away > 0, days, np.inf)


def chance_dead(a: float, b: float, repeats: Values, *, after_first: bool) -> Values:
    """Return the probability that the order was the customer's last, given that no earlier one was.

    Args:
        a: first parameter of the probability's beta distribution.
        b: second parameter.
        repeats: (n,) orders before this one.
        after_first: whether customers may die after their first order (MBG/NBD) or not (BG/NBD).
    """
    if after_first:
        return a / (a + b + repeats)
    return np.where(repeats > 0, a / (a + b + np.maximum(repeats, 1) - 1), 0.0)
