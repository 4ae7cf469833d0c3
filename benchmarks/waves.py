"""Simulates many items at once in the account model, with the turns that PrepareRun gives them, and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.account_model import Load
from benchmarks.measure import Goal, Measure
from benchmarks.retriers import read_retriers
from benchmarks.retrying import (
    DEFINITION,
    ITEMS,
    JOB_SECONDS,
    QUOTA,
    SEEDS,
    SPREADS,
    STATES,
    Figures,
    capped,
    model,
    stages_of,
)

# Numbers of items in runs where all items, and instances for them, are allowed at once.
ONE_WAVE = (10, 20, 50, 100, 150, 200, 300)
# Runs with turns at other distances: items, items at once, seconds between turns.
OTHER_TURNS = ((200, 200, 1.0), (200, 200, 2.0), (300, 300, 2.0), (200, 20, 3.0), (200, 20, 7.5))
MANY_WAVES = (20, 50, 100, 150, 200)
MORE_THAN_QUOTA = (30, 40, 50, 60, 100)
# The run and the spread of the two figures in the table.
AT_ONCE, JOBS_VARY_BY = 200, 0.02


def measure_waves(work: Path) -> Iterator[Measure]:
    """Yield two figures, with all others as details; the scratch folder is not used."""
    del work
    with_turns = one_wave(AT_ONCE, spread=JOBS_VARY_BY)
    without = one_wave(AT_ONCE, spread=JOBS_VARY_BY, in_turn=False)
    name = f"model of {AT_ONCE} items, all at once"
    note, *others = _all_figures()
    yield Measure(
        f"{name}, items lost", "", with_turns.lost, without.lost, Goal(0, "ours"), note, details=tuple(others)
    )
    yield Measure(f"{name}, create calls a job", "", with_turns.calls, without.calls, None, note)


def one_wave(items: int, *, spread: float, in_turn: bool = True) -> Figures:
    """Return the figures of all items at once, on a quota that has an instance for each."""
    return figures(items, items, items, spread=spread, in_turn=in_turn)


def figures(items: int, cap: int, quota: int, *, spread: float, in_turn: bool = True) -> Figures:
    """Return the figures of a run that trains and scores with the definition's retriers."""
    return _figures(capped(items, cap) if in_turn else Load(items, cap), quota, spread)


def evenly_apart(items: int, cap: int, seconds: float, *, spread: float) -> Figures:
    """Return the figures of a run on a quota of `cap`, with turns that are so many seconds apart."""
    return _figures(Load(items, cap, [turn * seconds for turn in range(cap)]), cap, spread)


def _figures(load: Load, quota: int, spread: float) -> Figures:
    stages = stages_of([read_retriers(DEFINITION, state) for state in STATES], quota=quota, spread=spread)
    # An item has one job at a time, so more instances than items do not help.
    busy = min(load.cap or load.items, len(stages) * quota)
    return model(stages, load, ideal=len(stages) * JOB_SECONDS * max(1, load.items / busy))


def _all_figures() -> Iterator[str]:
    yield (
        f"model: each item a training and a transform of {JOB_SECONDS:g} s, one create call a second of either; means of"
        f" {len(SEEDS)} seeds; makespan over the time of all jobs with as many under way as may be at once and as both"
        " quotas together let run, or over that of an item's two jobs where that is longer; the quota of either use is"
        " the number of items at once unless the row gives it; build/bench.json has all figures"
    )
    for items in ONE_WAVE:
        for spread in SPREADS:
            told = one_wave(items, spread=spread)
            without = one_wave(items, spread=spread, in_turn=False)
            yield f"{items} at once, jobs ± {spread * 100:g} %: {told}; without turns: {without}."
    for items, cap, seconds in OTHER_TURNS:
        for spread in SPREADS:
            told = evenly_apart(items, cap, seconds, spread=spread)
            yield f"{items:,} items, {cap} at once, {seconds:g} s apart, jobs ± {spread * 100:g} %: {told}."
    for cap in MANY_WAVES:
        for spread in SPREADS:
            told = figures(ITEMS, cap, cap, spread=spread)
            yield f"{ITEMS:,} items, {cap} at once, jobs ± {spread * 100:g} %: {told}."
    for cap in MORE_THAN_QUOTA:
        for spread in SPREADS:
            told = figures(ITEMS, cap, QUOTA, spread=spread)
            yield f"{ITEMS:,} items, {cap} at once on a quota of {QUOTA}, jobs ± {spread * 100:g} %: {told}."
