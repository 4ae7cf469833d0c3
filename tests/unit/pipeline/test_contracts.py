"""Valid requests are accepted, and wrong ones are refused with every problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.contracts import (
    BatchTransformEvent,
    Contract,
    CreateModelEvent,
    FollowJobEvent,
    ItemRequest,
    PrepareRunEvent,
    SummarizeRunEvent,
    TrainingJobEvent,
    as_requested,
    parse_event,
)
from pipeline.errors import InvalidRequestError

EVENTS = Path(__file__).parents[3] / "events"
EXECUTION = {"id": "arn:x", "name": "first-run", "startTime": "2026-11-22T09:42:36.123Z"}


def parse_run(request: Any) -> PrepareRunEvent:
    return parse_event(PrepareRunEvent, {"request": request, "execution": EXECUTION})


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("prepare_run.json", PrepareRunEvent),
        ("summarize_run.json", SummarizeRunEvent),
        ("aws_training_job.json", TrainingJobEvent),
        ("aws_create_model.json", CreateModelEvent),
        ("aws_batch_transform.json", BatchTransformEvent),
        ("follow_job.json", FollowJobEvent),
    ],
)
def test_every_sample_event_is_one_its_function_takes(name: str, model: type[Contract]) -> None:
    assert parse_event(model, json.loads((EVENTS / name).read_text()))


@pytest.mark.parametrize(
    "name", sorted(path.name for path in EVENTS.glob("run*.json")), ids=lambda name: name.removesuffix(".json")
)
def test_every_sample_input_is_one_a_run_takes(name: str) -> None:
    assert parse_run(json.loads((EVENTS / name).read_text()))


def test_a_name_and_an_object_with_that_name_are_the_same_entry() -> None:
    short = parse_run({"itemList": ["item1"]}).request.item_list
    long = parse_run({"itemList": [{"item": "item1"}]}).request.item_list
    assert short == long


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"itemList": []}, r"itemList: List should have at least 1 item"),
        ({}, r"^request: give one of itemList, itemsUri, itemPrefix, rerunOf, not none$"),
        ({"maxConcurrency": 5}, r"^request: give one of itemList, .* not none$"),
        ({"itemList": ["a"], "itemPrefix": "x/"}, r"give one of .*, not itemList and itemPrefix$"),
        ({"itemsUri": "s3://xxx/y", "rerunOf": "20261122T094236123Z-x"}, r"not itemsUri and rerunOf$"),
        (
            {"itemList": ["a"] * 10_001},
            r"^itemList: List should have at most 10000 items .*\nitemList: 'a' is",
        ),
        ({"itemsUri": "s3://bucket/items/"}, r"^itemsUri: must be an object's URI, not a folder's"),
        ({"itemsUri": "items.jsonl"}, r"^itemsUri: must be s3://bucket/key, not"),
        (
            {"itemPrefix": "items"},
            r"^itemPrefix: must be s3://bucket/prefix/ or prefix/, ending in '/', not 'items'",
        ),
        ({"itemPrefix": "s3://bucket/items"}, r"^itemPrefix: must be .* ending in '/'"),
        ({"itemPrefix": "/"}, r"^itemPrefix: must be s3://bucket/prefix/ or prefix/"),
        ({"itemPrefix": "a//"}, r"^itemPrefix: a key must not hold '//'"),
        ({"itemPrefix": "s3://Bucket/a/"}, r"^itemPrefix: must be s3://bucket/key"),
        ({"itemPrefix": 5}, r"^itemPrefix: Input should be a valid string"),
        ({"rerunOf": "first-run"}, r"^rerunOf: must be a run's id such as"),
        ({"rerunOf": "20261122T094236123Z-x", "mode": "score"}, r"has the mode of the run that it completes"),
        ({"rerunOf": "20261122T094236123Z-x", "skipUnchanged": False}, r"leave out mode and skipUnchanged$"),
        ({"itemList": ["a"], "mode": "predict"}, r"^mode: Input should be 'train' or 'score'$"),
        ({"itemList": ["a"], "skipUnchanged": "yes"}, r"^skipUnchanged: Input should be a valid boolean$"),
        (["item1"], r"^request: must be an object"),
        ("item1", r"^request: must be an object"),
        (None, r"^request: must be an object"),
        ({"itemList": "item1"}, r"^itemList: Input should be a valid list$"),
        ({"itemList": {"item": "item1"}}, r"^itemList: Input should be a valid list$"),
        ({"itemList": ["a", "b", "a"]}, r"itemList: 'a' is listed 2 times"),
        ({"itemList": ["a", {"item": "a"}]}, r"itemList: 'a' is listed 2 times"),
        ({"itemList": [None]}, r"itemList\[0\]\.item: an item's name must be a string, not null"),
        ({"itemList": [7]}, r"itemList\[0\]\.item: an item's name must be a string, not 7"),
        ({"itemList": [{}]}, r"itemList\[0\]\.item: this key is required"),
        ({"itemList": ["x" * 300]}, r"itemList\[0\]\.item: an item's name has at most 128 characters, not 300"),
        ({"itemList": ["a"], "itmList": ["b"]}, r"itmList: unknown key"),
        ({"itemList": [{"item": "a", "colour": 1}]}, r"itemList\[0\]\.colour: unknown key"),
        ({"itemList": ["a"], "maxConcurrency": 0}, r"maxConcurrency: Input should be greater than or equal to 1$"),
        (
            {"itemList": ["a"], "maxConcurrency": 10_001},
            r"maxConcurrency: Input should be less than or equal to 10000$",
        ),
        ({"itemList": ["a"], "maxConcurrency": "5"}, r"maxConcurrency: Input should be a valid integer$"),
        ({"itemList": ["a"], "maxConcurrency": True}, r"maxConcurrency: Input should be a valid integer$"),
        (
            {"itemList": ["a"], "toleratedFailurePercentage": 101},
            r"toleratedFailurePercentage: Input should be less than or equal to 100$",
        ),
        (
            {"itemList": [{"item": "a", "hyperparameters": {"depth": 5}}]},
            r"itemList\[0\]\.hyperparameters\.depth: Input should be a valid string$",
        ),
        ({"itemList": [{"item": "a", "input": "/data/a.csv"}]}, r"itemList\[0\]\.input: must be s3://bucket/key"),
        ({"itemList": [{"item": "a", "input": "s3://bucket"}]}, r"itemList\[0\]\.input: must be s3://bucket/key"),
        (
            {"itemList": [{"item": "a", "training": {"instanceType": "m5.large"}}]},
            r"training\.instanceType: must be an instance type such as ml\.m5\.large",
        ),
        (
            {"itemList": [{"item": "a", "training": {"maxRuntimeInSeconds": 0}}]},
            r"maxRuntimeInSeconds: Input should be greater than or equal to 1$",
        ),
        ({"itemList": [{"item": "a", "transform": {"splitType": "RecordIO"}}]}, r"splitType: .*'Line' or 'None'"),
        (
            {"itemList": [{"item": "a", "environment": {"file_path": "x"}}]},
            r"environment\.file_path: .*the pipeline sets .*file_path, .* itself",
        ),
        (
            {"itemList": [{"item": "a", "environment": {"1x": "x"}}]},
            r"environment\.1x: must be a name of .* that does not begin with a digit",
        ),
    ],
    ids=lambda value: json.dumps(value)[:60] if not isinstance(value, str) else "",
)
def test_a_wrong_request_is_refused_with_place_and_reason(request_: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        parse_run(request_)


@pytest.mark.parametrize(
    "request_",
    [
        {"itemsUri": "s3://bucket/items.jsonl", "mode": "score", "skipUnchanged": True},
        {"itemPrefix": "analysis_predict/", "mode": "train"},
        {"itemPrefix": "s3://bucket/"},
        {"itemPrefix": "s3://bucket/a b/台北/"},
        {"rerunOf": "20261122T094236123Z-x", "maxConcurrency": 7},
        {"itemList": [str(number) for number in range(10_000)]},
    ],
    ids=["list in S3", "prefix", "whole bucket", "another prefix", "rerun", "ten thousand"],
)
def test_items_may_come_from_one_of_four_places(request_: dict[str, Any]) -> None:
    parsed = parse_run(request_).request
    given = [parsed.item_list, parsed.items_uri, parsed.item_prefix, parsed.rerun_of]
    assert sum(source is not None for source in given) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"item": "a"},
        {"item": "a", "predictInput": "s3://bucket/x.csv", "transform": {"maxConcurrentTransforms": 0}},
        {"item": "台北", "training": {"useSpot": False, "volumeSizeInGB": 5}, "environment": {"A": ""}},
    ],
    ids=["name", "zero", "false"],
)
def test_an_entry_keeps_its_values_through_json(entry: dict[str, Any]) -> None:
    parsed = parse_event(ItemRequest, {**entry, "hyperparameters": {}, "input": None})
    assert as_requested(parsed) == entry
    assert parse_event(ItemRequest, as_requested(parsed)) == parsed


def test_every_problem_of_a_request_is_listed_at_once() -> None:
    request = {"itemList": ["ok", "a/b", "", "ok", {"item": "c", "x": 1}, 5], "maxConcurrency": 0, "y": 2}
    with pytest.raises(InvalidRequestError) as refusal:
        parse_run(request)
    places = [problem.split(":")[0] for problem in refusal.value.problems]
    assert places == [
        "itemList[1].item",
        "itemList[2].item",
        "itemList[4].x",
        "itemList[5].item",
        "maxConcurrency",
        "y",
        "itemList",
    ]


def test_every_problem_of_an_items_environment_is_listed() -> None:
    request = {"itemList": [{"item": "a", "environment": {"MODE": "x", "1x": "2", "ok": 5}}]}
    with pytest.raises(InvalidRequestError) as refusal:
        parse_run(request)
    assert len(refusal.value.problems) == 3


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"environment": {f"k{n}": "v" for n in range(81)}},
            "environment: Dictionary should have at most 80 items",
        ),
        (
            {"hyperparameters": {f"k{n}": "v" for n in range(101)}},
            "hyperparameters: Dictionary should have at most 100 items",
        ),
        ({"hyperparameters": {"a": "1\n"}}, "hyperparameters.a: must be one line of at most 2,500 characters"),
        (
            {"hyperparameters": {"a": "x" * 2501}},
            "hyperparameters.a: must be one line of at most 2,500 characters",
        ),
        ({"\ud800": 1}, "Input should be a valid string, unable to parse raw data as a unicode string"),
        (
            {"environment": {"a": "\ud800"}},
            "environment.a: Input should be a valid string, unable to parse raw data as a unicode string",
        ),
        ({"training": {"instanceCount": "\ud800"}}, "training.instanceCount: Input should be a valid integer"),
        ({"training": {"instanceCount": 2.0}}, "training.instanceCount: Input should be a valid integer"),
        ({"training": {"instanceType": "ml.m5.large\n"}}, "training.instanceType: must be an instance type"),
        ({"training": {"useSpot": 1}}, "training.useSpot: Input should be a valid boolean"),
        ({"training": {"volumeSizeInGb": 1}}, "training.volumeSizeInGb: unknown key"),
        ({"training": {"instance_type": "ml.m5.large"}}, "training.instance_type: unknown key"),
        ({"training": []}, "training: must be an object"),
        ({"input": f"s3://bucket/{'x' * 512}"}, "input: must have at most 512 characters, not 524"),
        ({"input": "s3://bucket/a//b"}, "input: a key must not hold '//'"),
        ({"timestamp": "20261122T094236123Z\n"}, "timestamp: must be a timestamp such as"),
        ({"k" * 5000: 1}, f"{'k' * 200}: unknown key"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_limits_of_an_item_have_plain_messages(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_event(TrainingJobEvent, {"item": "a", **entry})
    (problem,) = refusal.value.problems
    assert problem.startswith(said)


def test_unknown_keys_of_a_caught_error_are_ignored() -> None:
    event = json.loads((EVENTS / "summarize_run.json").read_text())
    event["mapRunError"] = {"Error": "States.Timeout", "Cause": "late", "ErrorTime": 1}
    caught = parse_event(SummarizeRunEvent, event).map_run_error
    assert caught is not None
    assert (caught.error, caught.cause) == ("States.Timeout", "late")


def test_thousands_of_problems_fit_into_the_cause_that_step_functions_keeps() -> None:
    with pytest.raises(InvalidRequestError, match=r"… and \d+ more problems") as refusal:
        parse_run({"itemList": [f"a/{number}" for number in range(9_000)]})
    assert len(json.dumps({"errorMessage": str(refusal.value), "errorType": "InvalidRequestError"})) < 32_768
    assert len(refusal.value.problems) == 9_000


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "give item, modelDataUrl or both"),
        (
            {
                "modelDataUrl": "s3://bucket/m.tar.gz",
                "training": {"name": "a", "arn": "b", "status": "c", "createdAt": 1},
            },
            "mode, fingerprint, training, trainedIn and trainingInput come with recordKey",
        ),
        (
            {"item": "a", "mode": "score"},
            "mode, fingerprint, training, trainedIn and trainingInput come with recordKey",
        ),
        (
            {"item": "a", "recordKey": "runs/r/records/0.json", "mode": "score", "fingerprint": "f"},
            "recordKey comes with item, modelDataUrl, runId, mode and fingerprint",
        ),
        (
            {
                "item": "a",
                "modelDataUrl": "s3://bucket/m.tar.gz",
                "runId": "20261122T094236123Z-x",
                "recordKey": "runs/r/records/0.json",
                "mode": "train",
                "fingerprint": "f",
            },
            "mode train comes with training and trainedIn",
        ),
        ({"item": "a", "modelName": "x" * 64}, "modelName: must be 1 to 63 letters, digits and hyphens"),
    ],
    ids=["nothing", "training alone", "mode alone", "half a step", "no training", "long name"],
)
def test_a_model_event_that_names_no_model_is_refused(event: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        parse_event(CreateModelEvent, event)
