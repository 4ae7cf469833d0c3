"""Evaluates functions of whole days once for each different number of days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from next_purchase.arrays import Days, Floats

# A century; longer times are typing errors, and a table for them would take too much memory.
_LONGEST_TABLE = 36_525


def of_days(function: Callable[[Floats], Floats], days: Days) -> Floats:
    """Return the function's values for all days.

    Args:
        function: a function that is applied to each number of days.
        days: an array of any shape, from 0 on.
    """
    most = int(days.max(initial=0))
    if most > _LONGEST_TABLE:
        return function(days.astype(float))
    values = function(np.arange(most + 1, dtype=float))
    # All days are within the table; other modes would check that again.
    return values.take(days, mode="clip")
