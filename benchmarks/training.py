"""Measures time and memory of a whole training process, against the reference's, and with ten times the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.measure import Goal, Measure
from benchmarks.pipelines import Pipeline, install_container, install_reference, train
from benchmarks.retail_data import TEN, find_data, multiply, without_data
from benchmarks.usage import Usage

RUNS = 5
# A hand-made image for the same task, with pandas, scikit-learn and XGBoost; measured once on another machine with 2 cores.
HAND_MADE = Usage(8.1, 522.0)

TIME = Measure("training, wall time", "s", None)
MEMORY = Measure("training, peak memory", "MB", None)
HAND_MADE_TIME = Measure("training, time against hand-made", "s", None, goal=Goal(0.35, "ratio"))
HAND_MADE_MEMORY = Measure("training, memory against hand-made", "MB", None, goal=Goal(0.5, "ratio"))
REFERENCE_TIME = Measure("reference's training, time against hand-made", "s", None)
TENFOLD_TIME = Measure("training tenfold, time against once", "s", None, goal=Goal(11, "ratio"))
TENFOLD_MEMORY = Measure("training tenfold, memory against once", "MB", None, goal=Goal(10, "ratio"))


def measure_training(work: Path) -> Iterator[Measure]:
    """Yield time and memory of a training on the whole data set."""
    data = find_data(work)
    if data is None:
        yield from without_data((TIME, MEMORY, HAND_MADE_TIME, HAND_MADE_MEMORY, REFERENCE_TIME))
        return
    jobs: dict[str, tuple[Pipeline, Path]] = {
        "ours": (install_container(work), data),
        "reference": (install_reference(work), data),
    }
    usage = take_turns(jobs, work)
    ours, reference = usage["ours"], usage["reference"]
    how = f"whole processes with their own locked packages and byte code, by turns, the least of {RUNS}"
    note = f"training: {how}; OMP_WAIT_POLICY=passive on both sides"
    hand_made = (
        f"hand-made image: {HAND_MADE.seconds} s and {HAND_MADE.megabytes:g} MB on 2 cores, measured once on another "
        "machine, so this ratio does not travel"
    )
    yield TIME.taken(ours.seconds, reference.seconds, note)
    yield MEMORY.taken(ours.megabytes, reference.megabytes, note)
    yield HAND_MADE_TIME.taken(ours.seconds, HAND_MADE.seconds, hand_made)
    yield HAND_MADE_MEMORY.taken(ours.megabytes, HAND_MADE.megabytes, hand_made)
    yield REFERENCE_TIME.taken(reference.seconds, HAND_MADE.seconds, hand_made)


def measure_tenfold(work: Path) -> Iterator[Measure]:
    """Yield our figures with ten times the rows, against those with the rows as they are."""
    data = find_data(work)
    if data is None:
        yield from without_data((TENFOLD_TIME, TENFOLD_MEMORY))
        return
    tenfold = work / "tenfold.csv"
    multiply(data, tenfold)
    container = install_container(work)
    usage = take_turns({"once": (container, data), "tenfold": (container, tenfold)}, work)
    tenfold.unlink()
    once, many = usage["once"], usage["tenfold"]
    note = (
        f"ten times the rows: {TEN} copies of the data, each with customers, invoices and moments of its own; by turns, "
        f"the least of {RUNS}"
    )
    yield TENFOLD_TIME.taken(many.seconds, once.seconds, note)
    yield TENFOLD_MEMORY.taken(many.megabytes, once.megabytes, note)


def take_turns(jobs: Mapping[str, tuple[Pipeline, Path]], work: Path) -> dict[str, Usage]:
    """Train each pipeline on its data, all in turns; return the smallest usage of each.

    Other load of the machine affects all alike, and the run with the smallest usage is the least disturbed.
    """
    usage: dict[str, list[Usage]] = {name: [] for name in jobs}
    # The first run fills the file system's cache and is not counted.
    for _ in range(RUNS + 1):
        for name, (pipeline, data) in jobs.items():
            usage[name].append(train(pipeline, data, work / f"trained-{name}"))
    return {
        name: Usage(min(run.seconds for run in runs[1:]), min(run.megabytes for run in runs[1:]))
        for name, runs in usage.items()
    }
