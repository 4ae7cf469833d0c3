"""The stack on an emulator that plays a troubled account, and what somebody outside sees of a run there."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from emulator.account.plan import Account, Fault, StandInJobs
from emulator.account.played import PlayedAccount
from emulator.serve import DEFAULT_STACK
from emulator.server import Emulator
from tests.emulated import deploy_stack
from tests.live.stack import Run, Stack

# Minutes of waiting become fractions of a second.
TIME_SCALE = 400.0
JOBS = StandInJobs(training_seconds=60, transform_seconds=60)
# Limits of ordinary jobs, so far off that a busy machine does not reach them.
FAR_LIMIT = "72000"
PARAMETERS = {"TrainingMaxRuntimeInSeconds": FAR_LIMIT, "TransformMaxRuntimeInSeconds": FAR_LIMIT}
DATA = b"CustomerID\n1\n"
PATIENCE = 20.0
# For a run of all scenarios, on a busy machine.
RUN_PATIENCE = 900.0
ENDED = frozenset({"Completed", "Failed", "Stopped"})


class JobKind(NamedTuple):
    """How jobs of one kind are listed."""

    noun: str
    listing: str


TRAINING, TRANSFORM = JobKind("TrainingJob", "list_training_jobs"), JobKind("TransformJob", "list_transform_jobs")


def account_of(faults: Sequence[Fault], *, seed: int = 0) -> Account:
    """Return an account in which `faults` happen, hours take seconds, and jobs run no image."""
    return Account(seed=seed, time_scale=TIME_SCALE, jobs=JOBS, faults=faults)


@contextmanager
def stack_on(account: Account) -> Iterator[Stack]:
    """Return the stack, deployed on an emulator of its own."""
    with Emulator(conditions=PlayedAccount(account)) as emulator:
        yield deploy_stack(emulator.url, DEFAULT_STACK, PARAMETERS, patience=RUN_PATIENCE)


def upload(stack: Stack, items: Sequence[str]) -> None:
    """Give the items something to train on."""
    for item in items:
        stack.upload(item, DATA)


@dataclass(frozen=True)
class Findings:
    """What is there after a run, found by AWS's own APIs.

    Attributes:
        run: the execution and the manifest.
        run_id: the run.
        lines: items.json.
        training: item → secondary status of each training job that the run has created for it.
        transform: item → status of each transform job that the run has created for it.
        models: names of the run's models that are still there.
        versions: key → ETags of its versions, of all in the output bucket.
        calls: item → state → how often its task was tried.
    """

    run: Run
    run_id: str
    lines: list[dict[str, Any]]
    training: Mapping[str, list[str]]
    transform: Mapping[str, list[str]]
    models: list[str]
    versions: Mapping[str, list[str]]
    calls: Mapping[str, Counter[str]]

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """The manifest's entries by item."""
        return self.run.items

    def with_status(self, *statuses: str) -> list[str]:
        """Return the items with one of these verdicts, in the manifest's order."""
        return [item for item, entry in self.items.items() if entry["status"] in statuses]


def find(stack: Stack, run: Run, run_id: str | None = None) -> Findings:
    """Return what is there of a run; its jobs that have been told to stop are waited for, the others are not.

    Args:
        stack: where it ran.
        run: the run.
        run_id: its id, where it has no manifest.
    """
    told = run.manifest["runId"] if run.manifest else run_id
    assert told is not None, run.description
    timestamp = told.partition("-")[0]
    lines = json.loads(stack.read(f"runs/{told}/items.json"))
    until(
        lambda: (
            "Stopping" not in dict(_jobs(stack, TRAINING, timestamp) + _jobs(stack, TRANSFORM, timestamp)).values()
        )
    )
    training, transform = _jobs(stack, TRAINING, timestamp), _jobs(stack, TRANSFORM, timestamp)
    secondary = [(name, _secondary(stack, name)) for name, _ in training]
    return Findings(
        run,
        told,
        lines,
        _by_item(lines, "training-job", timestamp, secondary),
        _by_item(lines, "batch-transform-job", timestamp, transform),
        [name for name in _models(stack) if timestamp in name],
        _versions(stack),
        _calls(stack, run.arn),
    )


def until(condition: Callable[[], bool], patience: float = PATIENCE, otherwise: str = "it did not come") -> None:
    """Wait for `condition`, within a bound."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)


def jobs_running(stack: Stack) -> list[str]:
    """Names of all jobs of the account that have not ended."""
    return [name for kind in (TRAINING, TRANSFORM) for name, status in _jobs(stack, kind) if status not in ENDED]


def _jobs(stack: Stack, kind: JobKind, timestamp: str = "job-") -> list[tuple[str, str]]:
    """Names and statuses of the jobs whose names hold the run's timestamp; of all if none is told."""
    pages = stack.client("sagemaker").get_paginator(kind.listing).paginate(NameContains=timestamp)
    found = [job for page in pages for job in page[f"{kind.noun}Summaries"]]
    return [(job[f"{kind.noun}Name"], job[f"{kind.noun}Status"]) for job in found]


def _secondary(stack: Stack, name: str) -> str:
    described = stack.client("sagemaker").describe_training_job(TrainingJobName=name)
    return str(described["SecondaryStatus"])


def _by_item(
    lines: list[dict[str, Any]], kind: str, timestamp: str, jobs: list[tuple[str, str]]
) -> dict[str, list[str]]:
    """Return the jobs' statuses by item; the items here have names that jobs carry as they are."""
    names = {f"{kind}-{line['item']}-{timestamp}": line["item"] for line in lines}
    assert {name for name, _ in jobs} <= names.keys(), "jobs of nobody"
    found = defaultdict(list)
    for name, status in jobs:
        found[names[name]].append(status)
    return found


def _models(stack: Stack) -> list[str]:
    pages = stack.client("sagemaker").get_paginator("list_models").paginate()
    return [model["ModelName"] for page in pages for model in page["Models"]]


def _versions(stack: Stack) -> dict[str, list[str]]:
    bucket = stack.outputs["OutputBucketName"]
    found = defaultdict(list)
    for page in stack.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
        assert not page.get("DeleteMarkers"), "nothing in the output bucket is ever deleted"
        for version in page.get("Versions", []):
            found[version["Key"]].append(version["ETag"])
    return found


def _calls(stack: Stack, arn: str) -> dict[str, Counter[str]]:
    if not stack.client("stepfunctions").list_map_runs(executionArn=arn)["mapRuns"]:
        return {}
    return {item: tries(stack.history(child)) for item, child in stack.children(arn).items()}


def tries(events: list[dict[str, Any]]) -> Counter[str]:
    """How often the task of each state was tried, by an execution's history."""
    state, found = "", Counter[str]()
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            state = entered["name"]
        if event["type"] == "TaskScheduled":
            found[state] += 1
    return found
