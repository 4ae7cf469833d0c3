"""Runs 200 items on an emulated account with quotas and call rates, and compares the makespan with its lower bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from automlops.errors import CommandError
from automlops.quotas.concurrency import Durations, fitting_to_train
from benchmarks.account_model import Stage, bound
from benchmarks.child_history import Child
from benchmarks.emulated_runs import Run, emulated_stack, most_at_once, quotas
from benchmarks.measure import Goal, Measure
from benchmarks.retrying import LOST_GOAL
from emulator.account.plan import Account, Rate, StandInJobs

ITEMS, QUOTA = 200, 20
JOB_SECONDS, TIME_SCALE = 300.0, 30.0
CAP = fitting_to_train(QUOTA, QUOTA, Durations(JOB_SECONDS, JOB_SECONDS))
# The template's default.
INSTANCE_TYPE = "ml.m5.large"
ACCOUNT = Account(
    time_scale=TIME_SCALE,
    jobs=StandInJobs(training_seconds=JOB_SECONDS, transform_seconds=JOB_SECONDS),
    quotas=quotas(INSTANCE_TYPE, QUOTA),
    rates=[Rate(action="CreateTrainingJob", per_second=1), Rate(action="CreateTransformJob", per_second=1)],
)
BOUND_SECONDS = bound([Stage(JOB_SECONDS, QUOTA, ())] * 2, ITEMS) / TIME_SCALE
# A run that takes longer has failed.
PATIENCE = 3 * BOUND_SECONDS
WARM_UP = "warm-up"
# The parts of an item's time.
PARTS = ("seconds", "job_seconds", "refused_seconds", "turn_seconds", "function_seconds", "rest")
MAKESPAN = Measure(f"{ITEMS} items on the emulator, makespan over bound", "", None, goal=Goal(1.15, "ours"))
CALLS = Measure(f"{ITEMS} items on the emulator, create calls a job", "", None, goal=Goal(1.4, "ours"))
LOST = Measure(f"{ITEMS} items on the emulator, items lost", "", None, goal=LOST_GOAL)
IN_USE = Measure(f"{ITEMS} items on the emulator, instances in use at most", "", None, goal=Goal(QUOTA, "ours"))
TRANSITIONS = Measure("state transitions of an item that waits for nothing", "", None, goal=Goal(6, "ours"))


@dataclass(frozen=True)
class Finding:
    """The figures of a run.

    Attributes:
        run: the run.
        map_seconds: the duration of its map in seconds of this machine.
        children: its items.
        in_use: the largest number of instances in use at once, of the use that had more.
    """

    run: Run
    map_seconds: float
    children: Sequence[Child]
    in_use: int


def measure_scale(work: Path) -> Iterator[Measure]:
    """Yield the run's figures; if the run failed, all are not measured, with the reason."""
    try:
        finding = _run(work)
    except (CommandError, LookupError, TimeoutError) as failed:
        for measure in (MAKESPAN, CALLS, LOST, IN_USE, TRANSITIONS):
            yield measure.taken(None, None, f"{ITEMS} items: not measured: {failed}")
        return
    yield from judge(finding)


def judge(finding: Finding) -> Iterator[Measure]:
    """Yield the measures of a run."""
    children = finding.children
    note = (
        f"{ITEMS} items: jobs of {JOB_SECONDS:g} s that take {JOB_SECONDS / TIME_SCALE:g} s here, a quota of {QUOTA} "
        f"instances and one create call a scaled second for each of training and transform, and as many items at once as "
        f"`automlops quotas` advises, {CAP}. The bound is {BOUND_SECONDS:g} s: all jobs of a use on its quota, and an "
        f"item's two jobs. One item was run before, so the functions were warm. {explain(finding)}"
    )
    yield MAKESPAN.taken(finding.run.seconds / BOUND_SECONDS, None, note)
    yield CALLS.taken(sum(child.calls for child in children) / (2 * ITEMS), None, note)
    yield LOST.taken(sum(status != "SUCCEEDED" for status in finding.run.statuses.values()), None, note)
    yield IN_USE.taken(finding.in_use, None, note)
    calm = [child for child in children if not child.retried]
    steps = [child.transitions for child in calm if not child.turn_seconds]
    yield TRANSITIONS.taken(
        max(steps, default=None),
        3,
        f"state transitions: the most of {len(steps)} items of {ITEMS} that neither met a refusal nor waited for a turn; "
        f"{len(calm) - len(steps)} that waited for theirs, the first of a large run, and met none have one more; the "
        "reference is the example the project began with, without reuse, record or removal",
    )


def explain(finding: Finding) -> str:
    """Return how the run's time is divided."""
    children, run = finding.children, finding.run
    mean = {name: fmean(getattr(child, name) for child in children) for name in PARTS}
    return (
        f"The run took {run.seconds:.0f} s, {run.seconds - finding.map_seconds:.1f} s of them in PrepareRun and "
        f"SummarizeRun. Of {mean['seconds']:.2f} s an item on average, {mean['job_seconds']:.2f} s "
        f"were in jobs, which last {2 * JOB_SECONDS / TIME_SCALE:g} s, {mean['refused_seconds']:.2f} s between a refused "
        f"call and the next, {mean['turn_seconds']:.2f} s in waiting for the first turn, "
        f"{mean['function_seconds']:.2f} s in functions, and {mean['rest']:.2f} s in the emulator's interpreter and its "
        f"APIs, neither of which is scaled; {finding.map_seconds - mean['seconds'] * ITEMS / CAP:.1f} s of the "
        "map had fewer items under way than the cap, most of it at the end"
    )


def _run(work: Path) -> Finding:
    items = [f"item-{number:03d}" for number in range(ITEMS)]
    with emulated_stack(ACCOUNT, work) as stack:
        stack.upload([*items, WARM_UP])
        # Starting a function's process takes half a second here, which counts as a quarter of a minute in scaled time.
        stack.run({"itemList": [WARM_UP]}, WARM_UP, PATIENCE)
        run = stack.run({"itemList": items, "maxConcurrency": CAP}, "scale", PATIENCE)
        in_use = max(most_at_once(stack.training_jobs()), most_at_once(stack.transform_jobs()))
        return Finding(run, stack.map_seconds(run), list(stack.children(run)), in_use)
