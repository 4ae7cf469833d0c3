"""Reads days and probabilities from the survival curves of customers who have stayed away for some time."""

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
# Below this, the model rules out that the customer is still away; for one who is, no return is expected.
_NO_CHANCE = 1e-12


def day_grid(horizon_days: int) -> Days:
    """Return the days at which curves are computed: (times,), from 0 to the horizon."""
    steps = int(np.ceil(np.log(max(horizon_days / _DAILY, 1)) / np.log(_GROWTH)))
    grown = np.round(_DAILY * _GROWTH ** np.arange(1, steps))
    days = np.concatenate((np.arange(_DAILY + 1), grown, [horizon_days]))
    return np.unique(np.minimum(days, horizon_days)).astype(np.int64)


class Curves(NamedTuple):
    """The probabilities that customers are still away."""

    now: Floats
    """(rows,) For today, as predicted on the order's day."""
    ahead: Floats
    """(times, rows) For later days, given that they are still away today; from 1 down."""


def read_curves(model: Model, rows: pl.DataFrame, waited: Days, days: Days) -> Curves:
    """Compute the curves.

    Args:
        model: the fitted model.
        rows: (rows, any columns) with its features.
        waited: (rows,) days since the order.
        days: (times,) from today on, the first one 0.
    """
    ahead = model.survival(rows, waited + days[:, np.newaxis])
    # In most models all customers are away on day 0, but the curve of a naive guess may fall there.
    now = np.where(waited > 0, ahead[0], 1.0)
    possible = now > _NO_CHANCE
    ahead /= np.where(possible, now, 1.0)
    ahead[:, ~possible] = 1.0
    ahead[0] = 1.0
    return Curves(now, ahead)


def days_by(curve: Floats, days: Days, share: float) -> Floats:
    """Return the days by which a share of the customers is expected back.

    Args:
        curve: (times, rows) as Curves.ahead has it.
        days: (times,) the curve's days.
        share: the share, between 0 and 1.

    Returns:
        (rows,) from 1 on, interpolated between the curve's days; infinite where the curve ends before.
    """
    reached = curve <= 1 - share
    after = np.clip(len(days) - reached.sum(axis=0), 1, len(days) - 1)
    row = np.arange(curve.shape[1])
    above, below = curve[after - 1, row], curve[after, row]
    part = (above - (1 - share)) / np.maximum(above - below, _NO_CHANCE)
    start, end = days[after - 1], days[after]
    return np.where(reached[-1], np.maximum(start + (end - start) * part, LEAST_DAYS), np.inf)


def expected_day(curve: Floats, days: Days) -> Floats:
    """Return the whole day by which half of the customers are expected back; arguments and result as in `days_by`."""
    # Orders are made on whole days, so the day nearest to the median is the best guess.
    return np.round(days_by(curve, days, MIDDLE_SHARE))
