"""Items of which nothing has changed since their last success are neither trained nor scored again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live.plans import starts
from tests.live.stack import Run, Stack

from .test_runs import CHOICE, TASK, states, types

# The last run of each scenario: what it was asked for, and which items it leaves as they are.
STEADY, MOVING = "steady", "moving"


def run(stack: Stack, name: str, **request: Any) -> Run:
    ended = stack.run({"itemList": items(stack), "skipUnchanged": True, **request}, stack.own(name))
    assert ended.description["status"] == "SUCCEEDED", ended.description.get("cause")
    return ended


def items(stack: Stack) -> list[str]:
    return [stack.own(STEADY), stack.own(MOVING)]


@pytest.fixture(scope="module")
@starts(runs=5, items=10, training_jobs=3, transform_jobs=5)
def runs(deployed: Stack, sample: dict[str, bytes]) -> dict[str, Run]:
    """Five runs in a row, between the second and the third of which one item gets other data."""
    first, other, *_ = sample.values()
    for item in items(deployed):
        deployed.upload(item, first)
    done = {"first": run(deployed, "first-of-five"), "same": run(deployed, "same")}
    deployed.upload(deployed.own(MOVING), other)
    done["changed"] = run(deployed, "changed")
    done["scored"] = run(deployed, "scored-once", mode="score")
    # Copied again: new timestamps, same bytes.
    deployed.upload(deployed.own(MOVING), other)
    done["scored again"] = run(deployed, "scored-twice", mode="score")
    return done


def unchanged(ran: Run) -> set[str]:
    """Items that the run has left as they are."""
    return {item.split("-")[-1] for item, entry in ran.items.items() if entry["unchangedSince"]}


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("first", set()),
        ("same", {STEADY, MOVING}),
        ("changed", {STEADY}),
        ("scored", set()),
        ("scored again", {STEADY, MOVING}),
    ],
)
def test_what_has_not_changed_is_left_as_it_is(runs: dict[str, Run], name: str, left: set[str]) -> None:
    assert unchanged(runs[name]) == left
    manifest = runs[name].manifest
    assert manifest is not None
    assert manifest["counts"]["unchanged"] == len(left)
    assert manifest["counts"]["succeeded"] == 2


def test_an_unchanged_item_points_to_its_last_predictions(deployed: Stack, runs: dict[str, Run]) -> None:
    first = runs["first"].manifest
    assert first is not None
    for name in ("same", "changed"):
        entry, original = (runs[one].items[deployed.own(STEADY)] for one in (name, "first"))
        assert entry["unchangedSince"] == first["runId"]
        for key in ("predictionsUri", "modelDataUrl", "metrics"):
            assert entry[key] == original[key]
        assert deployed.predictions(entry)


def test_an_unchanged_item_starts_nothing(deployed: Stack, runs: dict[str, Run]) -> None:
    children = deployed.children(runs["same"].arn)
    for child in children.values():
        events = deployed.history(child)
        assert types(events) == ["ExecutionStarted", *CHOICE, *TASK, "ExecutionSucceeded"]
        assert states(events) == ["CheckItem", "RecordSuccess"]
    manifest = runs["same"].manifest
    assert manifest is not None
    started = manifest["runId"].split("-")[0]
    sagemaker = deployed.client("sagemaker")
    assert sagemaker.list_training_jobs(NameContains=started)["TrainingJobSummaries"] == []
    assert sagemaker.list_transform_jobs(NameContains=started)["TransformJobSummaries"] == []


def test_changed_data_is_trained_and_scored_again(deployed: Stack, runs: dict[str, Run]) -> None:
    before, after = (runs[name].items[deployed.own(MOVING)] for name in ("first", "changed"))
    assert after["trainingJobName"] != before["trainingJobName"]
    contents = [deployed.predictions(entry) for entry in (before, after)]
    assert contents[0] != contents[1]
