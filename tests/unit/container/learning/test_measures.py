"""Errors, scores and the bootstrap, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from next_purchase.learning.measures import absolute_errors, brier_score, lower_ratio, ranked_probability_scores


def test_what_lies_beyond_the_horizon_is_the_horizon() -> None:
    assert absolute_errors(np.array([10, 100, np.inf]), np.array([15, 90, 60]), 90).tolist() == [5, 0, 30]


def test_a_guess_without_doubt_has_its_error_in_days_as_score() -> None:
    """A curve that falls from 1 to 0 between two days, against a customer who came 20 days later."""
    days = np.arange(91)
    certain = np.where(days[:, np.newaxis] < 30, 1.0, 0.0)
    assert ranked_probability_scores(certain, days, np.array([50]))[0] == pytest.approx(20, abs=0.5)
    assert ranked_probability_scores(certain, days, np.array([30]))[0] == pytest.approx(0, abs=0.5)


def test_a_score_is_least_for_the_curve_that_is_true() -> None:
    days = np.arange(91)
    truth = np.random.default_rng(1).integers(1, 91, 4000)
    curves = {
        share: np.clip(1 - share * days / 90, 0, 1)[:, np.newaxis] + np.zeros(4000) for share in (0.8, 1, 1.25)
    }
    scores = {share: ranked_probability_scores(curve, days, truth).mean() for share, curve in curves.items()}
    assert min(scores, key=lambda share: float(scores[share])) == 1


def test_the_brier_score_is_the_mean_squared_difference() -> None:
    assert brier_score(np.array([0.8, 0.4]), np.array([True, False])) == pytest.approx((0.04 + 0.16) / 2)


def test_the_lower_end_is_farther_away_the_fewer_customers_there_are() -> None:
    chance = np.random.default_rng(2)
    ends = []
    for customers in (10, 1000):
        ours, theirs = chance.uniform(5, 15, (2, customers))
        ends.append(lower_ratio(ours, theirs, np.arange(customers)))
        assert ends[-1] < ours.mean() / theirs.mean()
    assert ends[0] < 0.9 < ends[1] < 1


def test_a_customers_rows_are_drawn_together() -> None:
    """As many rows of one customer tell no more than one."""
    ours, theirs = np.random.default_rng(3).uniform(5, 15, (2, 10))
    alone = lower_ratio(ours, theirs, np.arange(10))
    together = lower_ratio(np.repeat(ours, 50), np.repeat(theirs, 50), np.repeat(np.arange(10), 50))
    assert together == pytest.approx(alone)


@pytest.mark.parametrize("customers", [1, 2, 3])
def test_two_or_three_customers_prove_nothing(customers: int) -> None:
    """Each of them is worse off; who knows of the fourth?"""
    theirs = np.full(customers, 10.0)
    assert lower_ratio(theirs * 2, theirs, np.arange(customers)) <= 1


def test_models_that_are_equally_good_are_seldom_told_apart() -> None:
    """Of a hundred small shops, in which chance alone decides, about five."""
    told_apart = 0
    for shop in range(100):
        chance = np.random.default_rng(shop)
        rows = np.repeat(np.arange(8), chance.integers(1, 5, 8))
        ours, theirs = np.abs(chance.normal(0, 15, (2, len(rows))))
        told_apart += lower_ratio(ours, theirs, rows) > 1
    assert told_apart <= 12
    clear = lower_ratio(np.full(40, 20.0), np.full(40, 10.0), np.arange(40))
    assert clear > 1.5
