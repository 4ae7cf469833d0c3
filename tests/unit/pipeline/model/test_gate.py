"""The gate: both sides of the limit, and metrics that it ignores."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelWorseThanBaselineError, StateError
from pipeline.model.gate import check_metrics

PLACE = "s3://output-bucket/analysis_predicted/item1/run/metrics.json"


def metrics_of(error: object, baseline: object, **more: object) -> dict[str, object]:
    return {"mean_absolute_error": error, "baseline_mean_absolute_error": baseline, **more}


def served(error: object, baseline: object, **more: object) -> dict[str, object]:
    """Return the same metrics of the served model; `lower` is short for the key of the lower bound."""
    values = {"mean_absolute_error": error, "baseline_mean_absolute_error": baseline, **more}
    return {f"served_{'error_ratio_lower' if name == 'lower' else name}": value for name, value in values.items()}


def is_refused(metrics: object, ratio: float = 1.0) -> bool:
    try:
        check_metrics(metrics, ratio, PLACE)
    except ModelWorseThanBaselineError:
        return True
    return False


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


@pytest.mark.parametrize(
    ("lower", "ratio", "refused"),
    [
        (0.93, 1.0, False),
        (1.0, 1.0, False),
        (1.0001, 1.0, True),
        (1.15, 1.15, False),
        (1.2, 1.25, False),
        (1.26, 1.25, True),
        (None, 1.0, True),
    ],
    ids=["by chance", "equal", "not by chance", "as floats round", "within the limit", "beyond it", "not told"],
)
def test_a_model_is_refused_only_for_what_chance_does_not_explain(
    lower: float | None, ratio: float, *, refused: bool
) -> None:
    assert is_refused(metrics_of(30, 20, error_ratio_lower=lower), ratio) is refused
    assert is_refused(served(30, 20, lower=lower), ratio) is refused


def test_a_lower_end_above_the_limit_refuses_no_model_that_is_within_it() -> None:
    check_metrics(metrics_of(19, 20, error_ratio_lower=1.2), 1.0, PLACE)


@pytest.mark.parametrize(
    ("orders", "answers", "refused"),
    [
        (metrics_of(19, 20), served(19, 20), False),
        (metrics_of(21, 20), served(19, 20), True),
        (metrics_of(19, 20), served(21, 20), True),
        (metrics_of(None, 20), served(21, 20), True),
        (metrics_of(21, 20), served(None, None), True),
        # The uncertainty of the one says nothing of the other.
        (metrics_of(21, 20, error_ratio_lower=0.9), served(21, 20), True),
        (metrics_of(21, 20), served(21, 20, lower=0.9), True),
    ],
)
def test_either_measure_refuses_a_model(orders: dict[str, Any], answers: dict[str, Any], *, refused: bool) -> None:
    assert is_refused(orders | answers) is refused


def test_the_refusal_names_each_measure_that_fails_with_its_numbers() -> None:
    metrics = metrics_of(30, 20, error_ratio_lower=1.3) | served(28, 25)
    with pytest.raises(StateError) as refused:
        check_metrics(metrics, 1.25 - 0.25, PLACE)
    assert str(refused.value) == (
        "the model is refused: its mean_absolute_error 30.0 is more than 1.0 (parameter MaximumErrorRatio) times"
        " baseline_mean_absolute_error 20.0, and not by chance: error_ratio_lower 1.3 is above the limit, too; and its"
        " served_mean_absolute_error 28.0 is more than 1.0 (parameter MaximumErrorRatio) times"
        " served_baseline_mean_absolute_error 25.0; give the item more data or other hyperparameters, or deploy the"
        f" stack with a larger MaximumErrorRatio; all measures are in {PLACE}"
    )


# Of this size a float keeps what the rules ask about.
ERRORS = st.floats(0.001, 1000)
RATIOS = st.floats(0.01, 1000)


@given(error=ERRORS, baseline=ERRORS, lower=RATIOS, ratio=RATIOS)
def test_uncertainty_never_refuses_what_passes_without_it_nor_a_larger_limit_what_a_smaller_takes(
    error: float, baseline: float, lower: float, ratio: float
) -> None:
    alone, with_lower = metrics_of(error, baseline), metrics_of(error, baseline, error_ratio_lower=lower)
    assert is_refused(with_lower, ratio) <= is_refused(alone, ratio)
    assert is_refused(with_lower, 2 * ratio) <= is_refused(with_lower, ratio)
    assert is_refused(served(error, baseline, lower=lower), ratio) is is_refused(with_lower, ratio)
    if lower < ratio:
        assert not is_refused(with_lower, ratio)


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
def test_other_values_than_numbers_are_no_measures(value: object) -> None:
    check_metrics(metrics_of(value, 0), 1.0, PLACE)
    check_metrics(metrics_of(1, value), 1.0, PLACE)
    check_metrics(served(value, 0), 1.0, PLACE)
    check_metrics(served(1, value), 1.0, PLACE)


@pytest.mark.parametrize("value", [value for value in UNTOLD.values() if value is not None], ids=list(UNTOLD)[1:])
def test_a_lower_end_that_is_no_number_leaves_its_measure_unjudged(value: object) -> None:
    check_metrics(metrics_of(30, 20, error_ratio_lower=value), 1.0, PLACE)
    check_metrics(served(30, 20, lower=value), 1.0, PLACE)
    assert is_refused(metrics_of(30, 20, error_ratio_lower=value) | served(30, 20))


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
