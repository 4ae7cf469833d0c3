"""Kaplan and Meier's estimate: how long it takes, when some were not watched until it happened.

Source: E. L. Kaplan, P. Meier, Nonparametric Estimation from Incomplete Observations, JASA 53 (1958).
"""

from __future__ import annotations

import polars as pl


def survival_quantile(times: pl.Series, happened: pl.Series, share: float) -> float | None:
    """The first time by which it has happened to a share of all.

    Args:
        times: (n,) when it happened, or until when it had not.
        happened: (n,) whether it happened at that time.
        share: Between 0 and 1.

    Returns:
        A value of `times`; None if it is not known to have happened to so many.
    """
    steps = (
        pl.DataFrame({"time": times, "happened": happened})
        .group_by("time")
        .agg(happened=pl.col("happened").sum(), leaving=pl.len())
        .sort("time")
        .with_columns(at_risk=pl.col("leaving").cum_sum(reverse=True))
        .with_columns(survival=(1 - pl.col("happened") / pl.col("at_risk")).cum_prod())
    )
    # A product of fractions may miss the share itself by its last digit.
    reached = steps.filter(pl.col("survival") <= 1 - share + 1e-12)
    return float(reached["time"][0]) if reached.height else None
