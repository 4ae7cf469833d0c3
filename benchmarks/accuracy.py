"""How far predictions are from what happened, against the best naive baseline, at three cutoffs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Goal, Measure
from benchmarks.pipelines import Container, install_container, train
from benchmarks.retail_data import find_data, take_country, without_data

CUTOFFS = ("2011-06-01", "2011-07-01", "2011-08-01")
COUNTRIES = ("United Kingdom", "Germany", "France", "EIRE", "Spain")
ERROR = Goal(0.90, "ratio")
# Ends of an interval that leave out a tenth each.
SHARE = Goal(0.10, "ours", give=0.03)
NOTE = (
    "accuracy: mean absolute error in days of all orders from the cutoff on that were followed for 90 days, against the "
    "best of median, mean and last gap; everything learned from what was known at the cutoff; below and above: share of "
    "these orders whose next one came before the interval, or after one that ends before the 90 days"
)


@dataclass(frozen=True)
class Row:
    """A row of the table and where its figures stand in metrics.json."""

    measure: Measure
    ours: str
    reference: str | None = None

    def take(self, metrics: dict[str, Any]) -> Measure:
        """The row with the figures of a training; without them if it could not judge its model."""
        ours = metrics[self.ours]
        if ours is None:
            return replace(self.measure, note="not measured: too few orders to learn from or to judge by")
        return self.measure.taken(ours, metrics[self.reference] if self.reference else None, NOTE)


def rows_of_all(cutoff: str) -> tuple[Row, ...]:
    """What is measured on the whole set."""
    return (
        _error_row(f"error at {cutoff}", ERROR),
        Row(Measure(f"below the interval at {cutoff}", "", None, goal=SHARE), "share_below_interval"),
        Row(Measure(f"above the interval at {cutoff}", "", None, goal=SHARE), "share_above_interval"),
    )


def row_of_country(country: str, cutoff: str) -> Row:
    """What is measured on one country, for comparison."""
    return _error_row(f"error at {cutoff}, {country}", None)


def measure_accuracy(work: Path) -> Iterator[Measure]:
    """The whole set and five countries, each judged as the image itself does it, once for each cutoff."""
    data = find_data(work)
    if data is None:
        yield from without_data(row.measure for cutoff in CUTOFFS for row in rows_of_all(cutoff))
        return
    container = install_container(work)
    for cutoff in CUTOFFS:
        metrics = judge(container, data, cutoff, work)
        yield from (row.take(metrics) for row in rows_of_all(cutoff))
    for country in COUNTRIES:
        lines = work / f"{country}.csv"
        take_country(data, lines, country)
        for cutoff in CUTOFFS:
            yield row_of_country(country, cutoff).take(judge(container, lines, cutoff, work))


def judge(container: Container, data: Path, cutoff: str, work: Path) -> dict[str, Any]:
    """The metrics of a training that is told where the known ends."""
    folder = work / "judged"
    train(replace(container, hyperparameters={"cutoff": cutoff}), data, folder)
    return container.metrics(folder)


def _error_row(name: str, goal: Goal | None) -> Row:
    measure = Measure(name, "days", None, goal=goal)
    return Row(measure, "mean_absolute_error", "baseline_mean_absolute_error")
