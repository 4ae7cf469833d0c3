"""What the definition's retriers make of a thousand items, against those that AWS documents, in a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.account_model import Load, Stage, simulate
from benchmarks.measure import Goal, Measure
from benchmarks.retriers import DOCUMENTED_BY_AWS, Retrier, read_retriers
from pipeline.turns import seconds_to_wait

DEFINITION = Path(__file__).parents[1] / "statemachine" / "automlops.asl.json"
STATES = ("StartTrainingJob", "StartBatchTransformJob")
ITEMS, QUOTA, JOB_SECONDS = 1000, 20, 300.0
SEEDS = range(5)
# Where neither a retrier nor a job draws anything, all seeds give the same.
ANY_SEED = range(1)
# Shared with the same figures taken on the emulator.
MAKESPAN_GOAL, CALLS_GOAL, LOST_GOAL = Goal(1.05, "ours"), Goal(1.1, "ours"), Goal(0, "ours")


@dataclass(frozen=True)
class Figures:
    """Means over the seeds.

    Attributes:
        makespan: over what the jobs take if the whole quota is always in use.
        calls: create calls for each of the jobs that the items need.
        lost: items.
    """

    makespan: float
    calls: float
    lost: float

    def __str__(self) -> str:
        """In words."""
        return f"makespan {self.makespan:.3g}, {self.calls:.3g} calls a job, {self.lost:.3g} lost"


def measure_retriers(work: Path) -> Iterator[Measure]:
    """The three figures; the scratch folder is not used."""
    del work
    retriers = [read_retriers(DEFINITION, state) for state in STATES]
    documented = [DOCUMENTED_BY_AWS] * len(STATES)
    ours, reference = model(retriers, OURS), model(documented, UNCAPPED, seeds=ANY_SEED)
    note = (
        f"model of {ITEMS:,} items: each a training and a transform of {JOB_SECONDS:g} s; of each {QUOTA} at once and one "
        f"create call a second; means of {len(SEEDS)} seeds. The definition's retriers, a cap of {QUOTA} and the turns that "
        "PrepareRun gives, against the retriers that AWS documents and no cap; ideal is the time of all jobs over "
        f"{QUOTA}. AWS's with training alone: {model(documented[:1], UNCAPPED, seeds=ANY_SEED)}; with both and the cap: "
        f"{model(documented, Load(ITEMS, QUOTA), seeds=ANY_SEED)}. Ours with jobs up to a tenth shorter or longer: "
        f"{model(retriers, OURS, spread=0.1)}"
    )
    name = f"model of {ITEMS:,} items"
    yield Measure(f"{name}, makespan over ideal", "", ours.makespan, reference.makespan, MAKESPAN_GOAL, note)
    yield Measure(f"{name}, create calls a job", "", ours.calls, reference.calls, CALLS_GOAL, note)
    yield Measure(f"{name}, items lost", "", ours.lost, reference.lost, LOST_GOAL, note)


def model(
    retriers: Sequence[Sequence[Retrier]],
    load: Load,
    *,
    quota: int = QUOTA,
    spread: float = 0.0,
    seeds: Sequence[int] = SEEDS,
) -> Figures:
    """The figures of items with a job for each of the states' retriers."""
    stages = [Stage(JOB_SECONDS, quota, of_state, spread=spread) for of_state in retriers]
    outcomes = [simulate(stages, [load], seed) for seed in seeds]
    jobs = load.items * len(stages)
    # Not even the largest quota makes an item shorter.
    ideal = len(stages) * JOB_SECONDS * max(1, load.items / quota)
    return Figures(
        makespan=fmean(outcome.makespan for outcome in outcomes) / ideal,
        calls=fmean(outcome.calls for outcome in outcomes) / jobs,
        lost=fmean(outcome.lost for outcome in outcomes),
    )


def capped(items: int, cap: int) -> Load:
    """A run as PrepareRun prepares it: its first items wait their turn."""
    waits = seconds_to_wait(range(items), cap)
    return Load(items, cap, [waits.get(index, 0) for index in range(cap)])


UNCAPPED, OURS = Load(ITEMS), capped(ITEMS, QUOTA)
