"""Kaplan and Meier's estimate, on numbers that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from next_purchase.survival import survival_curve

# Six patients; a plus in the books marks those who were not watched longer: 6, 6, 6, 6+, 7, 10.
TIMES = np.array([6, 6, 6, 6, 7, 10])
HAPPENED = np.array([True, True, True, False, True, True])


def test_those_who_were_not_watched_longer_count_as_long_as_they_were() -> None:
    curve = survival_curve(TIMES, HAPPENED)
    assert curve.times.tolist() == [6, 7, 10]
    assert curve.shares == pytest.approx([1 / 2, 1 / 4, 0])
    assert curve.at(np.array([[0, 5.9], [6, 8]])) == pytest.approx(np.array([[1, 1], [1 / 2, 1 / 4]]))


def test_a_quantile_is_the_first_time_at_which_the_share_is_reached() -> None:
    curve = survival_curve(TIMES, HAPPENED)
    assert [curve.quantile(share) for share in (0.1, 0.5, 0.51, 0.75, 1)] == [6, 6, 7, 7, 10]


def test_what_happened_to_too_few_has_no_time() -> None:
    curve = survival_curve(np.array([3.0, 9.0, 9.0]), np.array([True, False, False]))
    assert (curve.quantile(0.3), curve.quantile(0.5)) == (3.0, None)
    assert survival_curve(np.array([9.0]), np.array([False])).at(np.array([1.0, 20.0])).tolist() == [1, 1]
