"""Runs of which a step common to all items meets faults: the work list, the map, the summary."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from emulator.account.plan import INVOKE, TRAINING_RUN, TRANSFORM_RUN, ApiError, Fault, FunctionError
from tests.chaos.checks import check_verdicts
from tests.chaos.closing import close
from tests.chaos.plugin import is_whole
from tests.chaos.scenario import (
    BROKEN,
    COMPLETED,
    DENIED,
    DIED,
    FAILED,
    S3_CLIENTS_ATTEMPTS,
    SERVICE_EXCEPTION,
    SLOW_DOWN,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    UNFINISHED,
)
from tests.chaos.stage import account_of, find, jobs_running, stack_on, tries, upload
from tests.chaos.training_scenarios import ENDLESS
from tests.live.stack import Run, Stack

# The first test has to wait for all runs.
pytestmark = pytest.mark.timeout(1200)

PREPARE, SUMMARIZE = "PrepareRun", "SummarizeRun"


@dataclass(frozen=True)
class Trouble:
    """A run of two healthy items, and what goes wrong with the run.

    Attributes:
        run: the execution's name; in faults, {run} stands for it.
        faults: what goes wrong.
        calls: state of the run → how often its task is tried.
        rewritten: the run's own objects that are written twice, without `runs/<run>/`.
        map_error: why the map run broke, and all items are UNFINISHED.
        sampled: whether it belongs to the sample.
    """

    run: str
    faults: Sequence[Fault]
    calls: Mapping[str, int] = field(default_factory=lambda: {PREPARE: 1, SUMMARIZE: 1})
    rewritten: str | None = None
    map_error: str | None = None
    sampled: bool = True

    @property
    def items(self) -> list[str]:
        """Items that no other run has."""
        return [f"{self.run}-a", f"{self.run}-b"]


def invoke(
    run: str,
    state: str,
    *attempts: int,
    error: ApiError | None = None,
    function: FunctionError | None = None,
    lost: bool = False,
) -> Fault:
    """Return the function of PrepareRun or SummarizeRun, called for the run; only theirs has the execution's ARN."""
    return Fault(
        action=INVOKE,
        name=f"*{state}*",
        payload=f':{run}"',
        attempts=attempts,
        error=error,
        function_error=function,
        lost_answer=lost,
    )


def own_object(
    run: str, action: str, key: str, *attempts: int, error: ApiError = SLOW_DOWN, lost: bool = False
) -> Fault:
    """Return an action on one of the run's own objects."""
    return Fault(action=action, name=f"*/runs/*-{run}/{key}", attempts=attempts, error=error, lost_answer=lost)


TROUBLES = [
    Trouble(
        "prepare-lost", [invoke("prepare-lost", PREPARE, 1, function=TIMED_OUT, lost=True)], {PREPARE: 2, SUMMARIZE: 1}
    ),
    Trouble(
        "prepare-busy",
        [invoke("prepare-busy", PREPARE, 1, 2, 3, error=TOO_MANY_REQUESTS)],
        {PREPARE: 4, SUMMARIZE: 1},
        sampled=False,
    ),
    Trouble("prepare-dies", [invoke("prepare-dies", PREPARE, 1, function=DIED)], {PREPARE: 2, SUMMARIZE: 1}),
    Trouble(
        "items-slow",
        [own_object("items-slow", "PutObject", "items.json", *S3_CLIENTS_ATTEMPTS)],
        {PREPARE: 2, SUMMARIZE: 1},
        sampled=False,
    ),
    # The client's own next attempt finds the object there, and the function that it is its own.
    Trouble("items-unheard", [own_object("items-unheard", "PutObject", "items.json", 1, error=BROKEN, lost=True)]),
    # Step Functions reads it first, SummarizeRun after that.
    Trouble(
        "items-unread", [own_object("items-unread", "GetObject", "items.json", 1)], map_error="States.ItemReaderFailed"
    ),
    Trouble(
        "summary-lost",
        [invoke("summary-lost", SUMMARIZE, 1, error=SERVICE_EXCEPTION, lost=True)],
        {PREPARE: 1, SUMMARIZE: 2},
        rewritten="manifest.json",
    ),
    Trouble("summary-slow", [invoke("summary-slow", SUMMARIZE, 1, function=TIMED_OUT)], {PREPARE: 1, SUMMARIZE: 2}),
    Trouble(
        "summary-busy",
        [invoke("summary-busy", SUMMARIZE, 1, 2, error=TOO_MANY_REQUESTS)],
        {PREPARE: 1, SUMMARIZE: 3},
        sampled=False,
    ),
    Trouble(
        "record-unread",
        [own_object("record-unread", "GetObject", "records/0.json", *S3_CLIENTS_ATTEMPTS)],
        {PREPARE: 1, SUMMARIZE: 2},
        sampled=False,
    ),
    Trouble(
        "records-unlisted",
        [own_object("records-unlisted", "ListObjectsV2", "records/", *S3_CLIENTS_ATTEMPTS)],
        {PREPARE: 1, SUMMARIZE: 2},
        sampled=False,
    ),
    Trouble(
        "manifest-slow",
        [own_object("manifest-slow", "PutObject", "manifest.json", *S3_CLIENTS_ATTEMPTS)],
        {PREPARE: 1, SUMMARIZE: 2},
        sampled=False,
    ),
    Trouble(
        "manifest-unheard",
        [own_object("manifest-unheard", "PutObject", "manifest.json", 1, error=BROKEN, lost=True)],
        rewritten="manifest.json",
    ),
]  # fmt: skip
PREPARE_NEVER, SUMMARY_NEVER, AGAIN = "prepare-never", "summary-never", "items-unread-again"
NEVER = [
    invoke(PREPARE_NEVER, PREPARE, function=TIMED_OUT),
    invoke(SUMMARY_NEVER, SUMMARIZE, function=TIMED_OUT),
    # What SummarizeRun would remove.
    Fault(action="DeleteModel", name="model-summary-never-a-*", attempts=[1, 2, 3, 4, 5, 6, 7], error=DENIED),
    # Jobs that were started unheard, that no item can follow, and that only SummarizeRun can stop.
    Fault(
        action="CreateTrainingJob", name="*-unfollowed-training-*", attempts=[1], error=BROKEN, lost_answer=True
    ),
    Fault(
        action="CreateTransformJob", name="*-unfollowed-scoring-*", attempts=[1], error=BROKEN, lost_answer=True
    ),
    Fault(action=INVOKE, name="*FollowJob*", payload='"unfollowed-', error=SERVICE_EXCEPTION),
    Fault(action=TRAINING_RUN, name="*-unfollowed-training-*", job=ENDLESS),
    Fault(action=TRANSFORM_RUN, name="*-unfollowed-scoring-*", job=ENDLESS),
    # A rerun whose preparation is done twice.
    invoke(AGAIN, PREPARE, 1, function=TIMED_OUT, lost=True),
]
NEVER_ITEMS = {run: [f"{run}-a", f"{run}-b"] for run in (PREPARE_NEVER, SUMMARY_NEVER)}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with stack_on(account_of([*(fault for one in TROUBLES for fault in one.faults), *NEVER])) as stack:
        for items in [*(one.items for one in TROUBLES), *NEVER_ITEMS.values()]:
            upload(stack, items)
        yield stack


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, stack: Stack) -> dict[str, Run]:
    """All of them, or the sample's, which ran side by side, by their names."""
    asked = {one.run: one.items for one in chosen(whole=is_whole(request.config))} | NEVER_ITEMS
    started = {run: stack.start({"itemList": items}, run) for run, items in asked.items()}
    return {run: stack.wait(arn) for run, arn in started.items()}


def chosen(*, whole: bool) -> list[Trouble]:
    """Return the troubles of the whole suite, or those of its sample."""
    return [trouble for trouble in TROUBLES if whole or trouble.sampled]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a `trouble` for each."""
    if "trouble" in metafunc.fixturenames:
        troubles = chosen(whole=is_whole(metafunc.config))
        metafunc.parametrize("trouble", troubles, ids=[trouble.run for trouble in troubles])


def run_id_of(stack: Stack, run: str) -> str:
    """Of a run without a manifest."""
    (found,) = {key.split("/")[1] for key in stack.keys("runs/") if key.split("/")[1].endswith(f"Z-{run}")}
    return found


def test_run_gets_over_it_and_does_nothing_twice(stack: Stack, runs: dict[str, Run], trouble: Trouble) -> None:
    run = runs[trouble.run]
    found = find(stack, run)
    check_verdicts(found)
    calls = tries(stack.history(run.arn))
    assert {state: calls[state] for state in trouble.calls} == trouble.calls
    assert run.manifest is not None
    if trouble.map_error is None:
        assert run.description["status"] == SUCCEEDED
        assert run.manifest["mapRunError"] is None
        assert found.with_status(SUCCEEDED) == trouble.items
        jobs = {item: [COMPLETED] for item in trouble.items}
    else:
        assert run.description["status"] == "FAILED"
        assert run.manifest["mapRunError"]["Error"] == trouble.map_error
        assert found.with_status(UNFINISHED) == trouble.items
        jobs = {}
    assert found.training == found.transform == jobs
    assert found.models == []
    of_run = {key for key, versions in found.versions.items() if f"/{found.run_id}/" in key and len(versions) > 1}
    assert of_run == ({f"runs/{found.run_id}/{trouble.rewritten}"} if trouble.rewritten else set())


def test_run_that_cannot_be_prepared_starts_nothing_and_leaves_nothing(stack: Stack, runs: dict[str, Run]) -> None:
    run = runs[PREPARE_NEVER]
    assert (run.description["status"], run.description["error"]) == ("FAILED", "Sandbox.Timedout")
    assert tries(stack.history(run.arn))[PREPARE] == 7
    assert run.content is None
    assert [key for key in stack.keys("") if PREPARE_NEVER in key] == []


def test_run_whose_map_broke_is_completed_by_a_rerun_prepared_twice(stack: Stack, runs: dict[str, Run]) -> None:
    manifest = runs["items-unread"].manifest
    assert manifest is not None
    again = stack.run({"rerunOf": manifest["runId"]}, AGAIN)
    found = find(stack, again)
    assert tries(stack.history(again.arn))[PREPARE] == 2
    check_verdicts(found)
    items = ["items-unread-a", "items-unread-b"]
    assert found.with_status(SUCCEEDED) == items
    assert found.training == found.transform == {item: [COMPLETED] for item in items}
    assert [key for key in found.versions if AGAIN in key and len(found.versions[key]) > 1] == []
    nothing_left = stack.run({"rerunOf": manifest["runId"]}, "nothing-left")
    assert nothing_left.description["error"] == "NothingToRerunError"
    assert nothing_left.content is None


def test_run_that_was_never_summed_up_gets_its_manifest_later(stack: Stack, runs: dict[str, Run]) -> None:
    run, items = runs[SUMMARY_NEVER], NEVER_ITEMS[SUMMARY_NEVER]
    assert (run.description["status"], run.description["error"]) == ("FAILED", "Sandbox.Timedout")
    assert tries(stack.history(run.arn))[SUMMARIZE] == 7
    assert run.content is None
    run_id = run_id_of(stack, SUMMARY_NEVER)
    before = find(stack, run, run_id)
    assert [name.startswith("model-summary-never-a-") for name in before.models] == [True]
    closed = close(stack, run, run_id)
    assert f"deleted model {before.models[0]}" in closed.shown
    after = find(stack, closed.run)
    check_verdicts(after)
    assert after.with_status(SUCCEEDED) == items
    assert after.models == []
    refused = stack.run({"rerunOf": run_id}, "summary-never-again")
    assert json.loads(refused.description["cause"])["errorType"] == "NothingToRerunError"


def test_jobs_that_no_item_could_follow_are_stopped_when_the_run_is_summed_up(stack: Stack) -> None:
    items = ["unfollowed-training", "unfollowed-scoring"]
    upload(stack, items)
    run = stack.run({"itemList": items}, "unfollowed")
    found = find(stack, run)
    check_verdicts(found)
    assert found.with_status(FAILED) == items
    assert {item: entry["error"] for item, entry in found.items.items()} == dict.fromkeys(
        items, "Lambda.ServiceException"
    )
    assert found.training["unfollowed-training"] == found.transform["unfollowed-scoring"] == [STOPPED]
    assert found.calls["unfollowed-training"]["FollowTrainingJob"] == 7
    assert found.calls["unfollowed-scoring"]["FollowBatchTransformJob"] == 7
    assert found.models == []


def test_nothing_is_left_running(stack: Stack, runs: dict[str, Run]) -> None:
    assert runs
    assert jobs_running(stack) == []
