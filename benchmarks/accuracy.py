"""Measures the error of predictions against the best naive guess, at three cutoffs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Goal, Measure
from benchmarks.pipelines import Container, install_container, train
from benchmarks.retail_data import find_data, take_country, without_data

# The cutoff, and the goal for the ratio to the best baseline's error.
ERRORS = {
    "2011-06-01": Goal(0.860, "ratio"),
    "2011-07-01": Goal(0.880, "ratio"),
    "2011-08-01": Goal(0.886, "ratio"),
}
CUTOFFS = tuple(ERRORS)
COUNTRIES = ("United Kingdom", "Germany", "France", "EIRE", "Spain")
SERVED_ERROR = Goal(0.92, "ratio")
BRIER_SCORE = Goal(0.85, "ratio")
# An interval's ends leave out a tenth each.
SHARE = Goal(0.10, "ours", give=0.03)
TOO_FEW = "not measured: too few orders to learn from or to judge by"
NOTE = (
    "accuracy: mean absolute error in days of all orders from the cutoff on that were followed for 90 days, against the "
    "best of median, mean and last gap; everything learned and chosen from what was known at the cutoff; below and above: "
    "share of these orders whose next one came before the interval, or after one that ends before the 90 days"
)
SERVED_NOTE = (
    "served: predictions for all customers on the day before the cutoff, compared with what they did later: the error of "
    "the remaining days, at most 90, against the better of two guesses, not within 90 days, and the mean gap where it still "
    "lies ahead; the Brier score of the probability of an order within 30 days, against that of the share of all customers "
    "who made one"
)


@dataclass(frozen=True)
class Row:
    """A row of the table, and the keys of its figures in metrics.json."""

    measure: Measure
    ours: str
    reference: str | None = None
    note: str = NOTE

    def take(self, metrics: dict[str, Any]) -> Measure:
        """Return the row with the figures of a training; without them if it could not judge its model."""
        ours = metrics[self.ours]
        if ours is None:
            return replace(self.measure, note=TOO_FEW)
        return self.measure.taken(ours, metrics[self.reference] if self.reference else None, self.note)


def rows_of_all(cutoff: str) -> tuple[Row, ...]:
    """Return the rows for the whole data set."""
    return (
        error_row(f"error at {cutoff}", ERRORS[cutoff]),
        Row(Measure(f"below the interval at {cutoff}", "", None, goal=SHARE), "share_below_interval"),
        Row(Measure(f"above the interval at {cutoff}", "", None, goal=SHARE), "share_above_interval"),
        _served_row(f"served, error at {cutoff}", SERVED_ERROR),
        Row(
            Measure(f"served, Brier score at {cutoff}", "", None, goal=BRIER_SCORE),
            "brier_score",
            "baseline_brier_score",
            SERVED_NOTE,
        ),
    )


def rows_of_country(country: str, cutoff: str) -> tuple[Row, ...]:
    """Return the rows for one country, for comparison."""
    return (
        error_row(f"error at {cutoff}, {country}", None),
        _served_row(f"served, error at {cutoff}, {country}", None),
    )


def error_row(name: str, goal: Goal | None) -> Row:
    """Return the row of the error of orders against the best baseline's."""
    measure = Measure(name, "days", None, goal=goal)
    return Row(measure, "mean_absolute_error", "baseline_mean_absolute_error")


def measure_accuracy(work: Path) -> Iterator[Measure]:
    """Yield the rows of the whole data set and of five countries, from the image's own metrics for each cutoff."""
    data = find_data(work)
    if data is None:
        yield from without_data(row.measure for cutoff in CUTOFFS for row in rows_of_all(cutoff))
        return
    container = install_container(work)
    for cutoff in CUTOFFS:
        metrics = judge(container, data, work, cutoff)
        yield from (row.take(metrics) for row in rows_of_all(cutoff))
    for country in COUNTRIES:
        lines = work / f"{country}.csv"
        take_country(data, lines, country)
        for cutoff in CUTOFFS:
            metrics = judge(container, lines, work, cutoff)
            yield from (row.take(metrics) for row in rows_of_country(country, cutoff))


def judge(container: Container, data: Path, work: Path, cutoff: str | None = None) -> dict[str, Any]:
    """Return the metrics of a training with this cutoff, or the default one; each file and cutoff is trained once."""
    folder = work / f"judged-{data.stem}-{cutoff or 'middle'}"
    if not folder.exists():
        train(replace(container, hyperparameters={"cutoff": cutoff} if cutoff else {}), data, folder)
    return container.metrics(folder)


def _served_row(name: str, goal: Goal | None) -> Row:
    measure = Measure(name, "days", None, goal=goal)
    return Row(measure, "served_mean_absolute_error", "served_baseline_mean_absolute_error", SERVED_NOTE)
