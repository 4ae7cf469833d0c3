"""Refuses a trained model that, by the training's own metrics, errs more than a naive guess may, and not by chance."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

from pipeline.errors import ModelWorseThanBaselineError


class _Measure(NamedTuple):
    """The keys of metrics.json that one judgement goes by.

    Attributes:
        error: the model's mean absolute error.
        baseline: that of the best naive guess on the same data.
        lower: the lower end of what error ÷ baseline may be by chance alone (a bootstrap over customers).
    """

    error: str
    baseline: str
    lower: str


MEASURES = (
    _Measure("mean_absolute_error", "baseline_mean_absolute_error", "error_ratio_lower"),
    _Measure("served_mean_absolute_error", "served_baseline_mean_absolute_error", "served_error_ratio_lower"),
)


def check_metrics(content: object, maximum_ratio: float, place: str) -> None:
    """Compares the model's errors with the baselines'; a measure that cannot be told is not judged.

    Args:
        content: what metrics.json holds. Images other than ours may write any JSON into it.
        maximum_ratio: how many times the baseline's error the model's may be.
        place: where metrics.json is, for who reads the refusal.

    Raises:
        ModelWorseThanBaselineError: by one of the measures the model errs more than that, and where the lower end of its
            uncertainty is told, more than chance explains.
    """
    metrics = content if isinstance(content, dict) else {}
    worse = [sentence for measure in MEASURES if (sentence := _judge(measure, metrics, maximum_ratio))]
    if worse:
        raise ModelWorseThanBaselineError(
            f"the model is refused: its {'; and its '.join(worse)}; give the item more data or other hyperparameters, or"
            f" deploy the stack with a larger MaximumErrorRatio; all measures are in {place}"
        )


def _judge(measure: _Measure, metrics: dict[str, object], maximum_ratio: float) -> str | None:
    """What is wrong by this measure, if the model fails it."""
    error, baseline = _number(metrics.get(measure.error)), _number(metrics.get(measure.baseline))
    if error is None or baseline is None or not _above(error, baseline * maximum_ratio):
        return None
    limit = f"{maximum_ratio} (parameter MaximumErrorRatio)"
    sentence = f"{measure.error} {error} is more than {limit} times {measure.baseline} {baseline}"
    told = metrics.get(measure.lower)
    # Images other than ours, and our earlier ones, do not tell it.
    if told is None:
        return sentence
    lower = _number(told)
    if lower is None or not _above(lower, maximum_ratio):
        return None
    return f"{sentence}, and not by chance: {measure.lower} {lower} is above the limit, too"


def _above(value: float, limit: float) -> bool:
    # 115 is no more than 1.15 times 100, although the product of the floats is a little less.
    return value > limit and not math.isclose(value, limit)


def _number(value: object) -> float | None:
    """The error, or ratio of errors, that `value` is: a number from 0 up, neither NaN nor too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None
