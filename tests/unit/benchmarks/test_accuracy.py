"""Rows of accuracy: figures of metrics.json, or why there are none."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.accuracy import rows_of_all, rows_of_country
from next_purchase.learning.judgement import ORDER_MEASURES, SERVED_MEASURES

METRICS: dict[str, Any] = dict.fromkeys((*ORDER_MEASURES, *SERVED_MEASURES)) | {
    "mean_absolute_error": 17.4,
    "baseline_mean_absolute_error": 20.0,
    "share_below_interval": 0.08,
    "share_above_interval": 0.14,
    "served_mean_absolute_error": 23.0,
    "served_baseline_mean_absolute_error": 25.0,
    "brier_score": 0.18,
    "baseline_brier_score": 0.2,
}


def test_error_and_both_ends_of_the_interval_have_goals() -> None:
    error, below, above, *_ = (row.take(METRICS) for row in rows_of_all("2011-06-01"))
    assert error.ratio == pytest.approx(0.87)
    assert (error.goal_text, error.met) == ("ratio ≤ 0.86", False)
    assert (below.ours, below.goal_text, below.met) == (0.08, "0.1 ± 0.03", True)
    assert (above.ours, above.met) == (0.14, False)


def test_each_cutoff_has_a_goal_of_its_own() -> None:
    met = {
        cutoff: rows_of_all(cutoff)[0].take(METRICS).met for cutoff in ("2011-06-01", "2011-07-01", "2011-08-01")
    }
    assert met == {"2011-06-01": False, "2011-07-01": True, "2011-08-01": True}


def test_what_is_served_has_goals() -> None:
    error, brier = (row.take(METRICS) for row in rows_of_all("2011-06-01")[-2:])
    assert (error.ratio, error.goal_text, error.met) == (0.92, "ratio ≤ 0.92", True)
    assert (brier.ours, brier.goal_text, brier.met) == (0.18, "ratio ≤ 0.85", False)


def test_a_country_is_shown_without_a_goal() -> None:
    error, served = (row.take(METRICS) for row in rows_of_country("France", "2011-06-01"))
    assert error.name == "error at 2011-06-01, France"
    assert (error.ours, error.reference, error.met) == (17.4, 20.0, None)
    assert (served.ours, served.reference, served.met) == (23.0, 25.0, None)


def test_what_could_not_be_judged_is_not_measured() -> None:
    measures = [row.take(dict.fromkeys(METRICS)) for row in rows_of_all("2011-06-01")]
    assert [measure.met for measure in measures] == [False] * 5
    assert {measure.note for measure in measures} == {"not measured: too few orders to learn from or to judge by"}
