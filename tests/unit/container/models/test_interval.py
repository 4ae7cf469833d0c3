"""The interval's ends: put right where a model is wrong, and left alone where next to nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from next_purchase.errors import ArtifactError
from next_purchase.models.interval import Interval, Outcomes, calibrate, read_interval


def _outcomes(expected: np.ndarray) -> Outcomes:
    return Outcomes(expected, np.ones(len(expected), dtype=bool))


def test_a_model_that_is_right_keeps_its_ends() -> None:
    even = np.random.default_rng(1).uniform(size=5000)
    interval = calibrate([_outcomes(even)])
    assert [interval.lower, interval.upper] == pytest.approx([0.1, 0.9], abs=0.02)


def test_of_a_model_that_is_too_sure_a_tenth_lies_outside_on_either_side() -> None:
    """Half of the customers came when it expected none, or nearly all, to have come."""
    chance = np.random.default_rng(2)
    expected = chance.beta(0.4, 0.4, 5000)
    interval = calibrate([_outcomes(expected)])
    later = chance.beta(0.4, 0.4, 5000)
    assert (later < 0.1).mean() > 0.2
    assert (later < interval.lower).mean() == pytest.approx(0.1, abs=0.02)
    assert (later > interval.upper).mean() == pytest.approx(0.1, abs=0.02)


def test_those_who_were_not_watched_long_enough_do_not_count_as_late() -> None:
    even = np.random.default_rng(3).uniform(size=5000)
    watched = np.random.default_rng(4).uniform(size=5000)
    seen = Outcomes(np.minimum(even, watched), even <= watched)
    assert calibrate([seen]).upper == pytest.approx(0.9, abs=0.03)


def test_a_handful_moves_the_ends_a_little_only() -> None:
    early = _outcomes(np.array([0.001, 0.002]))
    assert 0 < calibrate([early]).lower < 0.1
    assert calibrate([]) == calibrate([_outcomes(np.array([]))])
    assert calibrate([]).lower == pytest.approx(0.1, abs=0.05)


def test_however_wrong_a_model_is_the_predicted_day_lies_within_the_interval() -> None:
    """Nobody came before all were expected, or after any was; what is predicted, the half, stays inside."""
    late, early = (calibrate([_outcomes(np.full(1000, expected))]) for expected in (0.97, 0.03))
    assert (late.lower, late.upper) == (0.5, 0.97)
    assert (early.lower, early.upper) == (0.03, 0.5)


def test_a_description_is_read_back() -> None:
    assert read_interval(Interval(0.12, 0.85).describe()) == Interval(0.12, 0.85)
    with pytest.raises(ArtifactError, match="no usable lower: None"):
        read_interval({"upper": 0.9})
    with pytest.raises(ArtifactError, match=r"no usable upper: 1\.5"):
        read_interval({"lower": 0.1, "upper": 1.5})
