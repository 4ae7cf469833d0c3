"""Data that is replaced while runs go on: whatever succeeds is of exactly the data that the run had found.

The image tells the length of each line that it reads, so predictions show which data they are of.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.emulated import OTHER_COMMAND, OTHER_IMAGE, stack_of_image
from tests.live.stack import Looks, Run, Stack

FRENCH, GERMAN = b"one\ntwo\n", b"three\nseven\nthree\n"
OF_FRENCH, OF_GERMAN = b"3\n3\n", b"5\n5\n5\n"
# S3 tells times to the second: what was written before a run is older than what is written in it.
A_SECOND = 1.1
# How long after the work list is there the last change is made; a run of these items takes about that long.
LATEST_CHANGE_IN_SECONDS = 8.0


class Item(NamedTuple):
    """An item, its entry of itemList, and the keys of its data."""

    entry: dict[str, Any]
    key: str
    beside: str

    @property
    def name(self) -> str:
        """The item's name."""
        return str(self.entry["item"])


Change = Callable[[], None]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Return a stack of its own, whose image tells what it has read."""
    with stack_of_image(OTHER_IMAGE, OTHER_COMMAND, ImageUri=OTHER_IMAGE) as stack:
        yield stack


def items_of(stack: Stack, stem: str) -> list[Item]:
    """Return an item whose data is a file, one with a folder, and one that is given a file to score; of each three."""
    bucket, file_name = stack.outputs["DataBucketName"], stack.outputs["DatasetFileName"]
    found = []
    for number in range(3):
        file = f"{stem}-file-{number}"
        key = f"analysis_predict/{file}/{file_name}"
        found.append(Item({"item": file}, key, f"{key}.bak"))
        folder = f"{stem}-folder-{number}"
        entry = {"item": folder, "input": f"s3://{bucket}/folders/{folder}/"}
        found.append(Item(entry, f"folders/{folder}/a.csv", f"folders/{folder}/b.csv"))
        given = f"{stem}-given-{number}"
        stack.upload(given, FRENCH)
        entry = {"item": given, "predictInput": f"s3://{bucket}/given/{given}.csv"}
        found.append(Item(entry, f"given/{given}.csv", f"given/{given}.csv.bak"))
    return found


def reset(stack: Stack, items: list[Item]) -> None:
    """Give all items the data that they begin with, and wait until no later change has the same time."""
    for item in items:
        write(stack, item.key, FRENCH)
        stack.client("s3").delete_object(Bucket=stack.outputs["DataBucketName"], Key=item.beside)
    time.sleep(A_SECOND)


def write(stack: Stack, key: str, body: bytes) -> None:
    stack.client("s3").put_object(Bucket=stack.outputs["DataBucketName"], Key=key, Body=body)


def run_and_change(
    stack: Stack, name: str, request: dict[str, Any], changes: list[tuple[float, str, bytes]]
) -> Run:
    """Return a run, during which objects are written.

    Args:
        stack: the stack.
        name: the execution's.
        request: the run's.
        changes: when, in seconds after the run has found its data; the key; what is written.
    """
    arn = stack.start(request, name)
    looks = Looks(stack.patience)
    while not any(key.endswith(f"-{name}/items.json") for key in stack.keys("runs/")):
        looks.pause("the run did not begin")
    begin = time.monotonic()

    def change() -> None:
        for moment, key, body in sorted(changes):
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            write(stack, key, body)

    writer = threading.Thread(target=change)
    writer.start()
    try:
        return stack.wait(arn)
    finally:
        writer.join(LATEST_CHANGE_IN_SECONDS + stack.patience)


def changes_at_random(chance: random.Random, items: list[Item]) -> list[tuple[float, str, bytes]]:
    """One change of each item: other data, other data for a while, or an object beside it."""
    changes = []
    for item in items:
        moments = sorted(chance.uniform(0, LATEST_CHANGE_IN_SECONDS) for _ in range(2))
        match chance.choice(["other", "for a while", "beside"]):
            case "other":
                changes += [(moments[0], item.key, GERMAN)]
            case "for a while":
                changes += [(moments[0], item.key, GERMAN), (moments[1], item.key, FRENCH)]
            case _:
                changes += [(moments[0], item.beside, GERMAN)]
    return changes


def check(stack: Stack, run: Run, items: list[Item]) -> None:
    """Check that what succeeded is of the data that the run had found, and what failed says that the data changed."""
    for item in items:
        entry = run.items[item.name]
        if entry["status"] == "SUCCEEDED":
            assert stack.predictions(entry) == OF_FRENCH, entry
        else:
            assert (entry["status"], entry["error"]) == ("FAILED", "DataChangedError"), entry
            assert "run the item again" in entry["reason"]
            assert entry["predictionsUri"] is None


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("mode", ["train", "score"])
def test_predictions_are_of_the_data_that_was_promised(stack: Stack, mode: str, seed: int) -> None:
    # Random, and the same at every run.
    chance, stem = random.Random(f"{mode} {seed}"), f"{mode}-{seed}"  # noqa: S311
    items = items_of(stack, stem)
    request: dict[str, Any] = {"itemList": [item.entry for item in items], "mode": mode, "maxConcurrency": 5}
    reset(stack, items)
    if mode == "score":
        trained = stack.run(request | {"mode": "train"}, f"{stem}-trained")
        assert trained.description["status"] == "SUCCEEDED", "nothing changed, so nothing may be told"
    # One item is left alone, and one is changed at once; both are known to end so.
    still, changed, *others = chance.sample(items, len(items))
    changes = [(0.0, changed.key, GERMAN), *changes_at_random(chance, others)]
    run = run_and_change(stack, f"{stem}-changing", request, changes)
    check(stack, run, items)
    assert run.items[still.name]["status"] == "SUCCEEDED", run.items[still.name]
    assert run.items[changed.name]["status"] == "FAILED", run.items[changed.name]

    # The data is what it was: a rerun, and a run that skips what has not changed, must not take the others' for it.
    reset(stack, items)
    assert run.manifest is not None
    failed = {name for name, entry in run.items.items() if entry["status"] == "FAILED"}
    if seed % 2:
        again = stack.run({"rerunOf": run.manifest["runId"]}, f"{stem}-again")
        assert set(again.items) == failed
        done = [item for item in items if item.name in failed]
    else:
        again = stack.run(request | {"skipUnchanged": True}, f"{stem}-again")
        assert {name for name, entry in again.items.items() if not entry["unchangedSince"]} >= failed
        done = items
    assert again.description["status"] == "SUCCEEDED", again.description
    for item in done:
        assert stack.predictions(again.items[item.name]) == OF_FRENCH, again.items[item.name]


def test_a_training_of_other_data_makes_no_model_and_is_not_kept(stack: Stack) -> None:
    item = Item({"item": "swapped"}, f"analysis_predict/swapped/{stack.outputs['DatasetFileName']}", "none")
    request = {"itemList": [item.entry]}
    reset(stack, [item])
    run = run_and_change(stack, "swap", request, [(0.0, item.key, GERMAN)])
    entry = run.items["swapped"]
    assert (entry["stage"], entry["error"]) == ("CreateModel", "DataChangedError")
    assert f"s3://{stack.outputs['DataBucketName']}/{item.key}" in entry["reason"]
    assert not [key for key in stack.keys("analysis_predicted/swapped/") if key.endswith("latest.json")]
    assert run.manifest is not None
    again = stack.run({"rerunOf": run.manifest["runId"]}, "swap-again")
    assert again.items["swapped"]["trainingJobName"] != entry["trainingJobName"]
    assert stack.predictions(again.items[item.name]) == OF_GERMAN


def test_scored_data_that_changed_is_a_failure_in_record_and_manifest(stack: Stack) -> None:
    item = Item({"item": "scored"}, f"analysis_predict/scored/{stack.outputs['DatasetFileName']}", "none")
    request: dict[str, Any] = {"itemList": [item.entry]}
    reset(stack, [item])
    assert stack.run(request, "before-the-score").description["status"] == "SUCCEEDED"
    run = run_and_change(stack, "scored", request | {"mode": "score"}, [(0.0, item.key, GERMAN)])
    entry = run.items["scored"]
    assert (entry["stage"], entry["error"]) == ("StartBatchTransformJob", "DataChangedError")
    assert entry["transform"]["status"] == "Completed"
    assert "was written at" in entry["reason"]
    assert run.manifest is not None
    record = json.loads(stack.read(f"runs/{run.manifest['runId']}/records/0.json"))
    assert record["error"] == {"Error": "DataChangedError", "Cause": entry["reason"]}
    assert record["transform"]
