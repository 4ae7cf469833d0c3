"""Refuses a trained model whose error, by the training's metrics, is too large beside a naive guess, and not by chance."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

from pipeline.errors import ModelWorseThanBaselineError


class _Measure(NamedTuple):
    """The keys of metrics.json that one comparison uses.

    Attributes:
        error: the model's mean absolute error.
        baseline: the mean absolute error of the best naive guess on the same data.
        lower: the lower bound of the interval of error ÷ baseline (a bootstrap over customers).
    """

    error: str
    baseline: str
    lower: str


MEASURES = (
    _Measure("mean_absolute_error", "baseline_mean_absolute_error", "error_ratio_lower"),
    _Measure("served_mean_absolute_error", "served_baseline_mean_absolute_error", "served_error_ratio_lower"),
)


def check_metrics(content: object, maximum_ratio: float, place: str) -> None:
    """Compare the model's errors with the baselines'; skip a measure whose numbers are missing.

    Args:
        content: the content of metrics.json. A user's image may write any JSON into it.
        maximum_ratio: how many times the baseline's error the model's error may be.
        place: URI of metrics.json, for the error message.

    Raises:
        ModelWorseThanBaselineError: by one of the measures the ratio is above the maximum and, if the lower bound of its
            interval is known, so is that bound.
    """
    metrics = content if isinstance(content, dict) else {}
    worse = [sentence for measure in MEASURES if (sentence := _judge(measure, metrics, maximum_ratio))]
    if worse:
        raise ModelWorseThanBaselineError(
            f"the model is refused: its {'; and its '.join(worse)}; give the item more data or other hyperparameters, or"
            f" deploy the stack with a larger MaximumErrorRatio; all measures are in {place}"
        )


def _judge(measure: _Measure, metrics: dict[str, object], maximum_ratio: float) -> str | None:
    """Return why the model fails this measure, if it does."""
    error, baseline = _number(metrics.get(measure.error)), _number(metrics.get(measure.baseline))
    if error is None or baseline is None or not _above(error, baseline * maximum_ratio):
        return None
    limit = f"{maximum_ratio} (parameter MaximumErrorRatio)"
    sentence = f"{measure.error} {error} is more than {limit} times {measure.baseline} {baseline}"
    # The image in container/ writes the bound; its earlier versions and users' images may not.
    if metrics.get(measure.lower) is None:
        return sentence
    lower = _number(metrics[measure.lower])
    if lower is None or not _above(lower, maximum_ratio):
        return None
    return f"{sentence}, and not by chance: {measure.lower} {lower} is above the limit, too"


def _above(value: float, limit: float) -> bool:
    # As floats, 1.15 * 100 is a little less than 115, and 115 must not count as above it.
    return value > limit and not math.isclose(value, limit)


def _number(value: object) -> float | None:
    """Return `value` as an error or a ratio of errors: a number from 0 up, neither NaN nor too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None
