"""Counts the jobs that a rerun starts after some of a run's items failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from automlops.errors import CommandError
from benchmarks.emulated_runs import emulated_stack
from benchmarks.measure import Goal, Measure
from emulator.account.plan import TRAINING_RUN, TRANSFORM_RUN, Account, Fault, JobOutcome, StandInJobs

# The number of items, and how many fail at each job.
ITEMS, FAIL_TRAINING, FAIL_TRANSFORM = 40, 6, 4
FAILED = FAIL_TRAINING + FAIL_TRANSFORM
FIRST = "first"
FAILURE = JobOutcome(status="Failed", failure_reason="InternalServerError: We encountered an internal error.")
ACCOUNT = Account(
    time_scale=100,
    jobs=StandInJobs(training_seconds=60, transform_seconds=60),
    # Only jobs of the first run fail: each fault applies as many times as there are items, and the rerun comes later.
    faults=[
        Fault(action=TRAINING_RUN, name="*-untrained-*", times=FAIL_TRAINING, job=FAILURE),
        Fault(action=TRANSFORM_RUN, name="*-unscored-*", times=FAIL_TRANSFORM, job=FAILURE),
    ],
)
PATIENCE = 120.0
AFTER = f"after {FAILED} of {ITEMS} items failed, {FAIL_TRANSFORM} of them trained"
TRAININGS = Measure(f"trainings run again {AFTER}", "", None, goal=Goal(FAIL_TRAINING, "ours", give=0))
TRANSFORMS = Measure(f"transforms run again {AFTER}", "", None, goal=Goal(FAILED, "ours", give=0))
MISSING = Measure("items without success after that rerun", "", None, goal=Goal(0, "ours"))
NOTE = f"reruns: jobs that the rerun of a run of {ITEMS} items started, against those of running all of them again"


def measure_reruns(work: Path) -> Iterator[Measure]:
    """Yield the trainings and transforms of the rerun, and the items without success after it."""
    try:
        trainings, transforms, missing = _rerun(work)
    except (CommandError, LookupError, TimeoutError) as failed:
        for measure in (TRAININGS, TRANSFORMS, MISSING):
            yield measure.taken(None, None, f"reruns: not measured: {failed}")
        return
    yield TRAININGS.taken(trainings, ITEMS, NOTE)
    yield TRANSFORMS.taken(transforms, ITEMS, NOTE)
    yield MISSING.taken(missing, None, NOTE)


def _rerun(work: Path) -> tuple[int, int, int]:
    kinds = ["untrained"] * FAIL_TRAINING + ["unscored"] * FAIL_TRANSFORM + ["good"] * (ITEMS - FAILED)
    items = [f"n{number}-{kind}" for number, kind in enumerate(kinds)]
    with emulated_stack(ACCOUNT, work) as stack:
        stack.upload(items)
        first = stack.run({"itemList": items, "maxConcurrency": ITEMS}, FIRST, PATIENCE)
        failed = {item for item, status in first.statuses.items() if status != "SUCCEEDED"}
        if failed != set(items[:FAILED]):
            raise LookupError(f"{len(failed)} items of the first run failed instead of {FAILED}")
        trained, scored = len(stack.training_jobs()), len(stack.transform_jobs())
        second = stack.run({"rerunOf": first.run_id}, "second", PATIENCE)
        succeeded = {
            item for item, status in (*first.statuses.items(), *second.statuses.items()) if status == "SUCCEEDED"
        }
        return (
            len(stack.training_jobs()) - trained,
            len(stack.transform_jobs()) - scored,
            len(set(items) - succeeded),
        )
