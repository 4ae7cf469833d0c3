"""One run of many items, each with a trouble of its own, and two reruns of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.chaos.checks import check_objects, check_order, check_verdicts
from tests.chaos.plugin import is_whole
from tests.chaos.scenario import COMPLETED, FAILED, SUCCEEDED, UNFINISHED, Scenario
from tests.chaos.stage import Findings, account_of, find, stack_on, upload
from tests.chaos.table import TROUBLED, faults_of, table
from tests.live.stack import Stack

# The first test has to wait for all three runs.
pytestmark = pytest.mark.timeout(3600)

FIRST = "chaos-first"
# Processes that run functions bound what goes on at once; waiting costs them nothing.
AT_ONCE = 24
# The longest names that jobs carry as they are.
ROOM = 63 - len("batch-transform-job--20261122T094236123Z")


class Story(NamedTuple):
    """A run and what was done about it.

    Attributes:
        stack: where all happened.
        scenarios: the items.
        first: the run.
        second: a rerun of it.
        third: a rerun of the rerun.
    """

    stack: Stack
    scenarios: list[Scenario]
    first: Findings
    second: Findings
    third: Findings


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    scenarios = table(whole=is_whole(request.config))
    with stack_on(account_of(faults_of(scenarios, FIRST))) as stack:
        upload(stack, [scenario.item for scenario in scenarios if scenario.has_data])
        items = [scenario.request() for scenario in scenarios]
        first = find(stack, stack.run({"itemList": items, "maxConcurrency": AT_ONCE}, FIRST))
        second = find(stack, stack.run({"rerunOf": first.run_id, "maxConcurrency": AT_ONCE}, "chaos-second"))
        third = find(stack, stack.run({"rerunOf": second.run_id, "maxConcurrency": AT_ONCE}, "chaos-third"))
        yield Story(stack, scenarios, first, second, third)


def test_scenarios_are_told_apart_by_names_that_jobs_carry_whole() -> None:
    names = [scenario.item for scenario in TROUBLED]
    assert len(set(names)) == len(names) >= 40
    assert [name for name in names if len(name) > ROOM] == []


def test_run_is_in_order_whatever_went_wrong_in_it(story: Story) -> None:
    twice = {
        f"runs/{story.first.run_id}/records/{index}.json"
        for index, scenario in enumerate(story.scenarios)
        if scenario.rewrites
    }
    # What the reruns made is there as well by now; it changed nothing of what the run had made.
    check_order(story.stack, story.third, rewritten=frozenset(twice))
    for found in (story.first, story.second):
        check_verdicts(found)
        check_objects(found, rewritten=frozenset(twice))
        assert found.models == []
    for key in twice:
        assert len(set(story.third.versions[key])) == 1, "a record changed"


def test_verdict_names_what_happened(story: Story, scenario: Scenario) -> None:
    entry = story.first.items[scenario.item]
    told = (entry["status"], entry["stage"], entry["error"])
    assert told == (scenario.status, scenario.stage, scenario.error), entry["reason"]
    for word in scenario.words:
        assert word in entry["reason"]


def test_nothing_was_done_twice_and_nothing_goes_on(story: Story, scenario: Scenario) -> None:
    for jobs, expected in (
        (story.first.training, scenario.training),
        (story.first.transform, scenario.transform),
    ):
        assert jobs.get(scenario.item, []) == ([] if expected is None else [expected])


def test_troubles_were_met_and_cost_as_many_attempts_as_they_should(story: Story, scenario: Scenario) -> None:
    calls = story.first.calls[scenario.item]
    assert {state: calls[state] for state in scenario.calls} == scenario.calls


def test_rerun_takes_exactly_what_had_not_succeeded(story: Story) -> None:
    assert list(story.second.items) == story.first.with_status(FAILED, UNFINISHED)
    assert list(story.third.items) == story.second.with_status(FAILED, UNFINISHED)
    assert list(story.third.items) == [scenario.item for scenario in story.scenarios if scenario.lasts]


def test_rerun_completes_what_can_be_and_keeps_finished_trainings(story: Story, scenario: Scenario) -> None:
    if scenario.status == SUCCEEDED:
        assert scenario.item not in story.second.items
        assert not story.second.training.get(scenario.item)
        return
    entry = story.second.items[scenario.item]
    assert entry["status"] == (FAILED if scenario.lasts else SUCCEEDED), entry["reason"]
    trained_again = story.second.training.get(scenario.item, [])
    if scenario.keeps_training and scenario.training == COMPLETED:
        assert trained_again == []
        assert entry["trainingJobName"] == story.first.items[scenario.item]["trainingJobName"]
        assert entry["trainedIn"] == story.first.run_id
    else:
        assert len(trained_again) == (1 if scenario.has_data else 0)
    if not scenario.lasts:
        assert story.second.transform[scenario.item] == [COMPLETED]


def test_last_rerun_fails_as_before_what_fails_for_good(story: Story, scenario: Scenario) -> None:
    if not scenario.lasts:
        assert scenario.item not in story.third.items
        return
    before, after = story.second.items[scenario.item], story.third.items[scenario.item]
    assert [after[key] for key in ("status", "stage", "error")] == [
        before[key] for key in ("status", "stage", "error")
    ]
