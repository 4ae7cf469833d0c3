"""Refuses a trained model that, by the training's own metrics, errs more than a naive guess may."""

from __future__ import annotations

import math
import sys

from pipeline.errors import ModelWorseThanBaselineError

ERROR = "mean_absolute_error"
BASELINE = "baseline_mean_absolute_error"


def check_metrics(content: object, maximum_ratio: float, place: str) -> None:
    """Compares the model's error with the baseline's; where either cannot be told, there is no judgement.

    Args:
        content: what metrics.json holds. Images other than ours may write any JSON into it.
        maximum_ratio: how many times the baseline's error the model's may be.
        place: where metrics.json is, for who reads the refusal.

    Raises:
        ModelWorseThanBaselineError: the model's error is more than that.
    """
    metrics = content if isinstance(content, dict) else {}
    error, baseline = _measure(metrics.get(ERROR)), _measure(metrics.get(BASELINE))
    if error is None or baseline is None:
        return
    limit = baseline * maximum_ratio
    # 115 is no more than 1.15 times 100, although the product of the floats is a little less.
    if error > limit and not math.isclose(error, limit):
        raise ModelWorseThanBaselineError(
            f"the model is refused: its {ERROR} {error} is more than {maximum_ratio} (parameter MaximumErrorRatio)"
            f" times {BASELINE} {baseline}; give the item more data or other hyperparameters, or deploy the stack"
            f" with a larger MaximumErrorRatio; all measures are in {place}"
        )


def _measure(value: object) -> float | None:
    """The error that `value` is: a number from 0 up, neither NaN nor too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None
