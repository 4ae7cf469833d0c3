"""Computes what depends on a number of days alone once for each number, not once for each place that it stands at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from next_purchase.arrays import Days, Floats


def of_days(function: Callable[[Floats], Floats], days: Days) -> Floats:
    """The function's value at each place.

    Args:
        function: Of an array of days, value by value.
        days: Of any shape, from 0 on.
    """
    if not days.size:
        return np.zeros(days.shape)
    values = function(np.arange(days.max() + 1, dtype=float))
    # All are in range, which other modes would look at first.
    return values.take(days, mode="clip")
