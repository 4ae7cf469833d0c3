"""Rows of accuracy: figures of metrics.json, or why there are none."""

from __future__ import annotations

from benchmarks.accuracy import row_of_country, rows_of_all

METRICS = {
    "mean_absolute_error": 19.0,
    "baseline_mean_absolute_error": 20.0,
    "share_below_interval": 0.08,
    "share_above_interval": 0.14,
}


def test_error_and_both_ends_of_the_interval_have_goals() -> None:
    error, below, above = (row.take(METRICS) for row in rows_of_all("2011-06-01"))
    assert (error.ratio, error.goal_text, error.met) == (0.95, "ratio ≤ 0.9", False)
    assert (below.ours, below.goal_text, below.met) == (0.08, "0.1 ± 0.03", True)
    assert (above.ours, above.met) == (0.14, False)


def test_a_country_is_shown_without_a_goal() -> None:
    measure = row_of_country("France", "2011-06-01").take(METRICS)
    assert measure.name == "error at 2011-06-01, France"
    assert (measure.ours, measure.reference, measure.met) == (19.0, 20.0, None)


def test_what_could_not_be_judged_is_not_measured() -> None:
    measures = [row.take(dict.fromkeys(METRICS)) for row in rows_of_all("2011-06-01")]
    assert [measure.met for measure in measures] == [False, False, False]
    assert {measure.note for measure in measures} == {"not measured: too few orders to learn from or to judge by"}
