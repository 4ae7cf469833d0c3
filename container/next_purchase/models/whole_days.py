"""Computes what depends on a number of days alone once for each number, not once for each place that it stands at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from next_purchase.arrays import Days, Floats

# A century; a typing error may say any number of days.
_LONGEST_TABLE = 36_525


def of_days(function: Callable[[Floats], Floats], days: Days) -> Floats:
    """The function's value at each place.

    Args:
        function: Of an array of days, value by value.
        days: Of any shape, from 0 on.
    """
    most = int(days.max(initial=0))
    if most > _LONGEST_TABLE:
        return function(days.astype(float))
    values = function(np.arange(most + 1, dtype=float))
    # All are in range, which other modes would look at first.
    return values.take(days, mode="clip")
