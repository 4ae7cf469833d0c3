"""Reads days and probabilities from survival curves, of customers who have stayed away for some time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from next_purchase.models.naive import LEAST_DAYS
from next_purchase.schema import MIDDLE_SHARE

if TYPE_CHECKING:
    import polars as pl

    from next_purchase.arrays import Days, Floats
    from next_purchase.models.model import Model

# Each day of the first week, then steps that grow by a fifth.
_DAILY, _GROWTH = 7, 1.2
# A customer who is still away when the model left no chance of it: nothing says that they come back.
_NO_CHANCE = 1e-12


def day_grid(horizon_days: int) -> Days:
    """The days at which curves are computed: (times,), from 0 to the horizon."""
    steps = int(np.ceil(np.log(max(horizon_days / _DAILY, 1)) / np.log(_GROWTH)))
    grown = np.round(_DAILY * _GROWTH ** np.arange(1, steps))
    days = np.concatenate((np.arange(_DAILY + 1), grown, [horizon_days]))
    return np.unique(np.minimum(days, horizon_days)).astype(np.int64)


class Curves(NamedTuple):
    """How likely customers are still away, by the curves of customers alike."""

    now: Floats
    """(rows,) After the days that have passed since the order, told on the order's day."""
    ahead: Floats
    """(times, rows) On later days, told today: of those who have waited as long; from 1 down."""


def read_curves(model: Model, rows: pl.DataFrame, waited: Days, days: Days) -> Curves:
    """Compute the curves.

    Args:
        model: Fitted.
        rows: (rows, any columns) with its features.
        waited: (rows,) days since the order.
        days: (times,) from today on, the first one 0.
    """
    ahead = model.survival(rows, waited + days[:, np.newaxis])
    # Most models leave all customers away on day 0 itself, but a curve of days over a guess may fall there.
    now = np.where(waited > 0, ahead[0], 1.0)
    possible = now > _NO_CHANCE
    ahead /= np.where(possible, now, 1.0)
    ahead[:, ~possible] = 1.0
    ahead[0] = 1.0
    return Curves(now, ahead)


def days_by(curve: Floats, days: Days, share: float) -> Floats:
    """The days by which a share of the customers is expected back.

    Args:
        curve: (times, rows) as Curves.ahead has it.
        days: (times,) of the curve.
        share: Between 0 and 1.

    Returns:
        (rows,) from 1 on, between the days of the curve in proportion; infinite where it ends before.
    """
    reached = curve <= 1 - share
    after = np.clip(len(days) - reached.sum(axis=0), 1, len(days) - 1)
    row = np.arange(curve.shape[1])
    above, below = curve[after - 1, row], curve[after, row]
    part = (above - (1 - share)) / np.maximum(above - below, _NO_CHANCE)
    start, end = days[after - 1], days[after]
    return np.where(reached[-1], np.maximum(start + (end - start) * part, LEAST_DAYS), np.inf)


def expected_day(curve: Floats, days: Days) -> Floats:
    """The whole day by which half of the customers are expected back; arguments and result as days_by has them."""
    # Orders are made on whole days, so of the days around the median the nearest is the best guess.
    return np.round(days_by(curve, days, MIDDLE_SHARE))
