"""How long the first items of a run wait before their first job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.contracts import ItemRequest, parse_event
from pipeline.documents import TrainingJob
from pipeline.preparation import reruns
from pipeline.preparation.work_list_lines import seconds_to_wait
from pipeline.settings import PrepareRunSettings
from tests.unit.pipeline.in_memory_aws import Objects, data, prepare
from tests.unit.pipeline.stored_documents import REGISTRY

EARLIER = "20261121T094236123Z-earlier"


@pytest.mark.parametrize(
    ("items", "at_once"), [(9, 20), (1000, 9), (0, 20)], ids=["few items", "few at once", "none starts a job"]
)
def test_no_item_waits_in_a_small_run(items: int, at_once: int) -> None:
    assert seconds_to_wait(range(items), at_once) == {}


@pytest.mark.parametrize(
    ("items", "at_once", "waiting", "second", "last"),
    [
        (10, 10, 9, 3, 27),
        (19, 10, 9, 3, 27),
        (20, 10, 9, 8, 68),
        (200, 20, 19, 8, 142),
        (200, 40, 39, 8, 292),
        (200, 50, 49, 8, 368),
        (1000, 100, 99, 6, 594),
        (200, 200, 199, 3, 597),
        (200, 1000, 199, 3, 597),
    ],
    ids=lambda value: str(value),
)
def test_the_first_items_start_one_after_another(
    items: int, at_once: int, waiting: int, second: int, last: int
) -> None:
    waits = seconds_to_wait(range(items), at_once)
    assert list(waits) == list(range(1, waiting + 1))
    assert (waits[1], waits[waiting]) == (second, last)
    assert sorted(waits.values()) == list(waits.values())


def waiting_items(s3: Objects, items_key: str) -> dict[str, int]:
    return {line["item"]: line["startAfterSeconds"] for line in s3.json(items_key) if line["startAfterSeconds"]}


def test_items_without_a_job_have_no_place_in_the_sequence(settings: PrepareRunSettings) -> None:
    names = [f"item-{number:02}" for number in range(25)]
    absent = set(names[1:4])
    s3 = Objects(data(*(name for name in names if name not in absent)))
    run = prepare(settings, s3, {"itemList": names, "maxConcurrency": 11})
    assert waiting_items(s3, run.items_key) == {
        f"item-{number:02}": round((number - 3) * 7.5) for number in range(4, 14)
    }


def test_items_that_only_score_wait_as_well(settings: PrepareRunSettings) -> None:
    names = [f"item-{number:02}" for number in range(10)]
    s3 = Objects(data(*names))
    for name in names:
        latest = {
            "runId": EARLIER,
            "modelName": name,
            "modelDataUrl": f"s3://output-bucket/analysis_predicted/{name}/training-job/output/model.tar.gz",
            "image": f"{REGISTRY}/image:1",
        }
        s3.objects[f"analysis_predicted/{name}/latest.json"] = json.dumps(latest).encode()
    run = prepare(settings, s3, {"itemList": names, "mode": "score", "maxConcurrency": 10})
    assert waiting_items(s3, run.items_key) == {f"item-{number:02}": number * 3 for number in range(1, 10)}


def test_kept_and_new_trainings_wait_in_one_sequence(
    settings: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"item-{number:02}" for number in range(12)]
    training = TrainingJob(name="training-job", arn="arn:t", status="Completed")
    kept = {name: reruns.KeptTraining(training, EARLIER, f"{REGISTRY}/image:1", "training") for name in names[::2]}

    def select(*_: Any, **__: Any) -> reruns.Rerun:
        return reruns.Rerun("train", 12, 0.0, [parse_event(ItemRequest, {"item": name}) for name in names], kept)

    monkeypatch.setattr(reruns, "select_for_rerun", select)
    s3 = Objects(data(*names))
    run = prepare(settings, s3, {"rerunOf": EARLIER, "maxConcurrency": 12})
    assert [(line["training"] is not None, line["startAfterSeconds"]) for line in s3.json(run.items_key)] == [
        (number % 2 == 0, number * 3 or None) for number in range(12)
    ]
