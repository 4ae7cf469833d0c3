"""Fits the naive baselines to what was known on some day."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from next_purchase.baselines import LEAST_DAYS, BaselineModel
from next_purchase.outcomes import RETURNED, WAITED
from next_purchase.schema import LOWER_SHARE, UPPER_SHARE
from next_purchase.survival import survival_quantile

_DECIMALS = 6


def fit_baseline(name: str, known: pl.DataFrame, horizon_days: int) -> BaselineModel:
    """Fit one of BASELINES.

    Those who have not come back yet count as long as they stayed away, so the median is one of all customers and not
    of those who returned.

    Args:
        name: Which one.
        known: As known_outcomes gives them.
        horizon_days: How long an order is followed.
    """
    median = survival_quantile(known[WAITED], known[RETURNED], 0.5)
    model = BaselineModel(
        name, horizon_days, float(horizon_days) if median is None else median, lower_factor=0.0, upper_factor=None
    )
    ratios = known.select(ratio=pl.col(WAITED) / model.guess().clip(lower_bound=LEAST_DAYS)).to_series()
    lower, upper = (survival_quantile(ratios, known[RETURNED], share) for share in (LOWER_SHARE, UPPER_SHARE))
    return replace(
        model,
        # So few came back that not even the lower end is known: the guess itself is all there is.
        lower_factor=1.0 if lower is None else round(min(lower, 1.0), _DECIMALS),
        upper_factor=None if upper is None else round(max(upper, 1.0), _DECIMALS),
    )
