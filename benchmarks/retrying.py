"""Simulates the definition's retriers with a thousand items, as many at once as `automlops quotas` advises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from automlops.quotas.concurrency import Durations, fitting_to_score, fitting_to_train
from benchmarks.account_model import Load, Stage, bound, simulate
from benchmarks.measure import Goal, Measure
from benchmarks.retriers import DOCUMENTED_BY_AWS, Retrier, read_retriers
from pipeline.preparation.work_list_lines import seconds_to_wait

DEFINITION = Path(__file__).parents[1] / "statemachine" / "automlops.asl.json"
STATES = ("StartTrainingJob", "StartBatchTransformJob")
ITEMS, QUOTA, JOB_SECONDS, SPREAD = 1000, 20, 300.0, 0.02
ALIKE = Durations(JOB_SECONDS, JOB_SECONDS)
HALF = Durations(JOB_SECONDS, JOB_SECONDS / 2)
SEEDS = range(10)
# If neither a retrier nor a job uses random numbers, all seeds give the same result.
ANY_SEED = range(1)
SPREADS = (0.005, 0.02, 0.1)
# Quotas for training and for transform, and the durations of the jobs.
SITUATIONS = (
    (20, 20, ALIKE),
    (20, 20, HALF),
    (20, 20, Durations(JOB_SECONDS / 2, JOB_SECONDS)),
    (5, 5, ALIKE),
    (10, 10, ALIKE),
    (50, 50, ALIKE),
    (100, 20, ALIKE),
    (20, 100, ALIKE),
    (100, 100, ALIKE),
    (20, 20, Durations(60, 60)),
    (20, 20, Durations(1800, 1800)),
)
LOST_GOAL = Goal(0, "ours")


@dataclass(frozen=True)
class Figures:
    """Means over the seeds.

    Attributes:
        makespan: makespan divided by the bound.
        calls: create calls for each of the jobs that the items need.
        lost: number of items lost.
    """

    makespan: float
    calls: float
    lost: float

    def __str__(self) -> str:
        """Return the figures as text."""
        return f"makespan {self.makespan:.3g}, {self.calls:.3g} calls a job, {self.lost:.3g} lost"


def measure_retriers(work: Path) -> Iterator[Measure]:
    """Yield the figures at the advised number of items at once; the scratch folder is not used."""
    del work
    ours, reference = advised(QUOTA, QUOTA, ALIKE), _documented(STATES)
    cap = fitting_to_train(QUOTA, QUOTA, ALIKE)
    note = (
        f"model of {ITEMS:,} items: each a training and a transform of {JOB_SECONDS:g} s ± {SPREAD * 100:g} %; an account "
        f"of {QUOTA} instances and one create call a second for either use; means of {len(SEEDS)} seeds. As many items at "
        f"once as `automlops quotas` advises, {cap}, with the definition's retriers and the turns that PrepareRun gives, "
        "against the retriers that AWS documents and no cap. The bound is the time that the busier use's jobs take on its "
        "quota, or its calls at the rate, and an item's two jobs besides. AWS's with training alone: "
        f"{_documented(STATES[:1])}"
    )
    name = f"model of {ITEMS:,} items"
    yield Measure(f"{name}, makespan over bound", "", ours.makespan, reference.makespan, Goal(1.10, "ours"), note)
    yield Measure(f"{name}, create calls a job", "", ours.calls, reference.calls, Goal(1.4, "ours"), note)
    yield Measure(f"{name}, items lost", "", ours.lost, reference.lost, LOST_GOAL, note)
    half = advised(QUOTA, QUOTA, HALF)
    name = f"{name}, transforms half as long"
    yield Measure(f"{name}, makespan over bound", "", half.makespan, None, Goal(1.15, "ours"), note)
    note, *others = _all_figures()
    yield Measure(f"{name}, items lost", "", half.lost, None, LOST_GOAL, note, details=tuple(others))


def advised(
    training: int, transform: int, durations: Durations, *, times: float = 1, spread: float = SPREAD
) -> Figures:
    """Return the figures of a run with the advised number of items at once for these quotas, or `times` as many."""
    cap = round(times * fitting_to_train(training, transform, durations))
    quotas = zip((durations.training, durations.transform), (training, transform), STATES, strict=True)
    stages = [
        Stage(seconds, quota, read_retriers(DEFINITION, state), spread=spread) for seconds, quota, state in quotas
    ]
    return model(stages, capped(ITEMS, cap))


def scored(transform: int, *, times: float = 1, spread: float = SPREAD) -> Figures:
    """Return the figures of such a run in mode score, with transforms of five minutes."""
    stage = Stage(JOB_SECONDS, transform, read_retriers(DEFINITION, STATES[1]), spread=spread)
    return model([stage], capped(ITEMS, round(times * fitting_to_score(transform, ALIKE))))


def model(
    stages: Sequence[Stage], load: Load, *, seeds: Sequence[int] = SEEDS, ideal: float | None = None
) -> Figures:
    """Return the figures of items with a job for each of the stages.

    Args:
        stages: the jobs.
        load: the items.
        seeds: the seeds, one simulation for each.
        ideal: seconds by which the makespan is divided; by default the bound.
    """
    outcomes = [simulate(stages, [load], seed) for seed in seeds]
    return Figures(
        makespan=fmean(outcome.makespan for outcome in outcomes) / (ideal or bound(stages, load.items)),
        calls=fmean(outcome.calls for outcome in outcomes) / (load.items * len(stages)),
        lost=fmean(outcome.lost for outcome in outcomes),
    )


def stages_of(retriers: Sequence[Sequence[Retrier]], *, quota: int = QUOTA, spread: float = 0.0) -> list[Stage]:
    """Return stages with jobs of five minutes, one for each of the states' retriers."""
    return [Stage(JOB_SECONDS, quota, of_state, spread=spread) for of_state in retriers]


def capped(items: int, cap: int) -> Load:
    """Return a run as PrepareRun prepares it, whose first items wait for their turns."""
    waits = seconds_to_wait(range(items), cap)
    return Load(items, cap, [waits.get(index, 0) for index in range(cap)])


def _documented(states: Sequence[str]) -> Figures:
    return model(stages_of([DOCUMENTED_BY_AWS] * len(states)), Load(ITEMS), seeds=ANY_SEED)


def _all_figures() -> Iterator[str]:
    yield (
        f"other accounts: {ITEMS:,} items at what `automlops quotas` advises; one create call a second of "
        f"either use, means of {len(SEEDS)} seeds, jobs ± {', ± '.join(f'{spread * 100:g}' for spread in SPREADS)} %; then "
        f"at half and at one and a half times the advice, jobs ± {SPREAD * 100:g} %; build/bench.json has all figures"
    )
    for training, transform, durations in SITUATIONS:
        fits = fitting_to_train(training, transform, durations)
        told = "; ".join(str(advised(training, transform, durations, spread=spread)) for spread in SPREADS)
        other = "; ".join(str(advised(training, transform, durations, times=times)) for times in (0.5, 1.5))
        yield (
            f"quotas {training} + {transform}, {durations.training:g} + {durations.transform:g} s, {fits} at once: {told}; "
            f"half: {other.replace('; ', '; one and a half: ')}."
        )
    for transform in (5, 20, 50, 100):
        told = "; ".join(str(scored(transform, spread=spread)) for spread in SPREADS)
        yield (
            f"mode score, quota {transform}, {fitting_to_score(transform, ALIKE)} at once: {told}; twice as many: "
            f"{scored(transform, times=2)}."
        )
