"""The gate: both sides of the limit, and everything that is no judgement."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.acceptance import check_metrics
from pipeline.errors import ModelWorseThanBaselineError, StateError

PLACE = "s3://output-bucket/analysis_predicted/item1/run/metrics.json"


def metrics_of(error: object, baseline: object) -> dict[str, object]:
    return {"mean_absolute_error": error, "baseline_mean_absolute_error": baseline}


@pytest.mark.parametrize(
    ("error", "baseline", "ratio"),
    [
        (19.9, 20, 1.0),
        (20, 20.0, 1.0),
        (0, 0, 1.0),
        (0.0, 5, 0.01),
        (24.9, 20, 1.25),
        (115, 100, 1.15),
        (5, 20, 0.25),
        (1e308, 1e307, 1000),
    ],
    ids=["better", "equal", "both 0", "faultless", "below", "as floats round", "ratio below 1", "beyond floats"],
)
def test_a_model_within_the_limit_passes(error: float, baseline: float, ratio: float) -> None:
    check_metrics(metrics_of(error, baseline), ratio, PLACE)


@pytest.mark.parametrize(
    ("error", "baseline", "ratio"),
    [(20.0001, 20, 1.0), (0.1, 0, 1.0), (25.1, 20, 1.25), (5.1, 20, 0.25), (10**300, 1, 1000)],
    ids=["worse", "baseline 0", "above", "ratio below 1", "huge"],
)
def test_a_model_beyond_the_limit_is_refused(error: float, baseline: float, ratio: float) -> None:
    with pytest.raises(ModelWorseThanBaselineError):
        check_metrics(metrics_of(error, baseline), ratio, PLACE)


def test_the_refusal_holds_both_numbers_the_limit_and_what_to_do() -> None:
    with pytest.raises(StateError) as refused:
        check_metrics(metrics_of(25.4321, 19.875), 1.25, PLACE)
    assert str(refused.value) == (
        "the model is refused: its mean_absolute_error 25.4321 is more than 1.25 (parameter MaximumErrorRatio) times"
        " baseline_mean_absolute_error 19.875; give the item more data or other hyperparameters, or deploy the stack"
        f" with a larger MaximumErrorRatio; all measures are in {PLACE}"
    )


UNTOLD: dict[str, Any] = {
    "null": None,
    "text": "30",
    "truth": True,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "negative": -0.5,
    "beyond floats": 10**400,
    "list": [30],
    "object": {"days": 30},
}


@pytest.mark.parametrize("value", UNTOLD.values(), ids=UNTOLD.keys())
def test_what_is_no_measure_is_not_judged(value: object) -> None:
    check_metrics(metrics_of(value, 0), 1.0, PLACE)
    check_metrics(metrics_of(1, value), 1.0, PLACE)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"mean_absolute_error": 30}',
        '{"baseline_mean_absolute_error": 0}',
        '{"mae": 30, "baseline": 1, "validation": {"mean_absolute_error": 30, "baseline_mean_absolute_error": 1}}',
        '[{"mean_absolute_error": 30, "baseline_mean_absolute_error": 1}]',
        '"mean_absolute_error"',
        "30",
        "null",
    ],
)
def test_another_images_metrics_are_not_judged(content: str) -> None:
    check_metrics(json.loads(content), 1.0, PLACE)
