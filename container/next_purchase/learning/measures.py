"""Error measures of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from next_purchase.arrays import Booleans, Days, Floats

_RESAMPLES = 400
_SEED = 1
_LOWER_END = 0.05


def absolute_errors(days: Floats, truth: Days, horizon_days: int) -> Floats:
    """Return the absolute errors in days, where days beyond the horizon count as the horizon; (n,) each."""
    errors: Floats = np.abs(np.minimum(days, horizon_days) - truth)
    return errors


def ranked_probability_scores(curve: Floats, days: Days, truth: Days) -> Floats:
    """Return the integrated squared difference between each curve and the step that happened.

    For a curve that is a step itself, it is the absolute error in days.

    Source: T. Gneiting, A. E. Raftery, Strictly Proper Scoring Rules, JASA 102 (2007); as integrated Brier score of a
    survival curve: E. Graf and others, Statistics in Medicine 18 (1999).

    Args:
        curve: (times, n) the probability that the customer has not come back.
        days: (times,) the curve's days, from 0 to the horizon.
        truth: (n,) the day on which the customer came back, at most the horizon.

    Returns:
        (n,).
    """
    squares = (curve - (truth > days[:, np.newaxis])) ** 2
    scores: Floats = np.diff(days) @ ((squares[1:] + squares[:-1]) / 2)
    return scores


def brier_score(probability: Floats, happened: Booleans) -> float:
    """Return the mean squared difference between a probability and what happened.

    Source: G. W. Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78 (1950).
    """
    return float(((probability - happened) ** 2).mean())


def lower_ratio(errors: Floats, reference_errors: Floats, customers: NDArray[np.intp]) -> float:
    """Return the lower end of a confidence interval for the ratio of two mean errors.

    It is a bootstrap: each of 400 repetitions draws customers with replacement, each with all of their rows. The lower end
    leaves out one repetition in twenty; fewer with few customers, for whom the bootstrap's spread is too small. One customer
    with equal errors in both is added, so that two or three real ones are no evidence.

    Source: B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; for few customers T. C.
    Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69 (2015): the expanded percentile
    interval.

    Args:
        errors: (n,).
        reference_errors: (n,) of the same rows, not all 0.
        customers: (n,) a number for each row's customer, from 0 on.
    """
    # Imported here, since a server imports this module and does not need scipy for it.
    from scipy.special import ndtr, stdtrit

    sums, reference_sums = (np.bincount(customers, weights=values) for values in (errors, reference_errors))
    ours, theirs = (np.append(values, reference_sums.mean()) for values in (sums, reference_sums))
    count = len(ours)
    left_out = ndtr(np.sqrt(count / (count - 1)) * stdtrit(count - 1, _LOWER_END))
    generator = np.random.default_rng(_SEED)
    ratios = []
    for _ in range(_RESAMPLES):
        drawn = generator.integers(count, size=count)
        # A draw may hold only customers for whom the reference has no error.
        if reference := theirs[drawn].sum():
            ratios.append(ours[drawn].sum() / reference)
    return float(np.quantile(ratios, left_out))
