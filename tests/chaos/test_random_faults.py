"""What holds whatever goes wrong: random fault plans, a run and a rerun in each."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings

from emulator.account.plan import TRAINING_RUN, Account
from tests.chaos.checks import check_verdicts
from tests.chaos.plugin import is_whole
from tests.chaos.random_plans import ITEMS, accounts
from tests.chaos.scenario import COMPLETED, FAILED, SUCCEEDED, UNFINISHED
from tests.chaos.stage import Findings, find, jobs_running, stack_on, upload
from tests.live.stack import Stack

SAMPLE, ALL = 2, 40


def check(stack: Stack, found: Findings, items: list[str]) -> None:
    """Check what holds after any run of these items."""
    check_verdicts(found)
    assert list(found.items) == items
    assert jobs_running(stack) == []
    assert found.models == []
    for key, versions in found.versions.items():
        # Who was not heard writes again, the same.
        changes = key.endswith(("/latest.json", "/manifest.json"))
        assert changes or len(set(versions)) == 1, key
    for jobs in (found.training, found.transform):
        assert all(len(statuses) <= 1 for statuses in jobs.values())
    for item in found.with_status(SUCCEEDED):
        assert found.transform[item] == [COMPLETED]


def check_rerun(account: Account, first: Findings, again: Findings) -> None:
    """Check that a rerun trains no item whose training had ended well."""
    may_lack_artifact = any(
        fault.action == TRAINING_RUN and fault.job is not None and fault.job.without_artifact
        for fault in account.faults
    )
    if not may_lack_artifact:
        finished = {item for item, statuses in first.training.items() if statuses == [COMPLETED]}
        assert finished & again.training.keys() == set()


@pytest.mark.timeout(3600)
def test_every_run_and_its_rerun_are_in_order_whatever_goes_wrong(request: pytest.FixtureRequest) -> None:
    whole = is_whole(request.config)
    told = request.config.getoption("--chaos-seed")
    verdicts = Counter[str]()

    def holds(account: Account) -> None:
        with stack_on(account) as stack:
            upload(stack, ITEMS)
            first = find(stack, stack.run({"itemList": ITEMS, "maxConcurrency": len(ITEMS)}, "first"))
            note(f"first: { {item: entry['reason'] for item, entry in first.items.items()} }")
            check(stack, first, ITEMS)
            verdicts.update(entry["status"] for entry in first.items.values())
            left = first.with_status(FAILED, UNFINISHED)
            if left:
                again = find(stack, stack.run({"rerunOf": first.run_id}, "again"))
                note(f"again: { {item: entry['reason'] for item, entry in again.items.items()} }")
                check(stack, again, left)
                check_rerun(account, first, again)

    drawn = given(account=accounts())(holds)
    if told is not None:
        drawn = seed(told)(drawn)
    settings(
        max_examples=ALL if whole else SAMPLE,
        derandomize=told is None,
        database=None,
        deadline=None,
        # Each takes seconds: what fails is told as it was drawn.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(drawn)()
    # Plans in which all went well, or nothing did, would show little.
    assert min(verdicts[SUCCEEDED], verdicts[FAILED]) > 0
