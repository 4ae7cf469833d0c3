"""Which items are left as they are: what the fingerprint holds, and what else must be true of the last success."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from pipeline import unchanged
from pipeline.contracts import ItemRequest, PreparedRun, parse_event
from pipeline.fields import Mode
from pipeline.inputs import DataObject
from pipeline.settings import PrepareRunSettings, load_settings

from .objects import Objects, data, prepare
from .stored import success

DATA = [DataObject("s3://data-bucket/in/a.csv", '"1"', 5), DataObject("s3://data-bucket/in/b.csv", '"2"', 6)]
ENTRY = {"item": "a", "hyperparameters": {"seed": "1", "depth": "2"}}
MODEL = {"image": "image:1"}
EARLIER = "20261121T000000000Z-earlier"
RECORD_KEY = f"runs/{EARLIER}/records/0.json"


def fingerprint(
    settings: PrepareRunSettings,
    entry: dict[str, Any] | None = None,
    found: list[DataObject] | None = None,
    mode: Mode = "train",
    **model: Any,
) -> str:
    return unchanged.fingerprint_of(
        parse_event(ItemRequest, entry or ENTRY),
        settings,
        DATA if found is None else found,
        mode=mode,
        model=MODEL | model,
    )


def test_the_same_things_have_the_same_fingerprint_in_any_spelling(settings: PrepareRunSettings) -> None:
    other = {"training": {}, "hyperparameters": {"depth": "2", "seed": "1"}, "input": None, "item": "a"}
    assert fingerprint(settings, other) == fingerprint(settings)
    assert len(fingerprint(settings)) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"found": [DATA[0]]},
        {"found": [DATA[0], DATA[1]._replace(etag='"3"')]},
        {"found": [DATA[0], DATA[1]._replace(size=7)]},
        {"found": [DATA[0], DATA[1]._replace(uri="s3://data-bucket/in/c.csv")]},
        {"image": "image:2"},
        {"artifact": "s3://output-bucket/model.tar.gz"},
        {"environment": {"a": "b"}},
        {"mode": "score"},
        {"entry": ENTRY | {"item": "b"}},
        {"entry": ENTRY | {"hyperparameters": {"seed": "2", "depth": "2"}}},
        {"entry": ENTRY | {"environment": {"threads": "2"}}},
        {"entry": ENTRY | {"predictInput": "s3://data-bucket/x.csv"}},
        {"entry": ENTRY | {"input": "s3://data-bucket/in/"}},
        {"entry": ENTRY | {"training": {"useSpot": False}}},
        {"entry": ENTRY | {"transform": {"maxConcurrentTransforms": 0}}},
    ],
    ids=[
        "an object less", "etag", "size", "key", "image", "artifact", "environment", "mode", "item",
        "hyperparameter", "variable", "predictInput", "input", "training", "transform",
    ],
)  # fmt: skip
def test_whatever_shapes_the_result_changes_the_fingerprint(
    settings: PrepareRunSettings, changed: dict[str, Any]
) -> None:
    assert fingerprint(settings, **changed) != fingerprint(settings)


SHAPES_TRAINING: dict[str, Any] = {
    "training_instance_type": "ml.c5.large",
    "training_volume_size_in_gb": 11,
    "training_max_runtime_in_seconds": 3601,
    "training_use_spot": True,
    "model_backend": "other",
    "time_series_length": 6,
}
SHAPES_TRANSFORM: dict[str, Any] = {
    "transform_instance_type": "ml.c5.large",
    "transform_max_runtime_in_seconds": 1801,
    "split_type": "None",
    "max_payload_in_mb": 7,
}
# Where things are, who may read them, how many at once; the image is told apart.
SHAPES_NOTHING: dict[str, Any] = {
    "stack_name": "other",
    "output_bucket": "other",
    "data_bucket": "other",
    "dataset_file_name": "other.csv",
    "sagemaker_role_arn": "other",
    "image_uri": "other",
    "max_concurrency": 6,
}


def test_every_setting_of_the_stack_counts_where_it_shapes_a_job(settings: PrepareRunSettings) -> None:
    assert {field.name for field in fields(settings)} == {
        *SHAPES_TRAINING,
        *SHAPES_TRANSFORM,
        *SHAPES_NOTHING,
    }
    for mode, shaping in (
        ("train", SHAPES_TRAINING | SHAPES_TRANSFORM),
        ("score", SHAPES_TRANSFORM),
    ):
        for name, value in (SHAPES_TRAINING | SHAPES_TRANSFORM | SHAPES_NOTHING).items():
            other = replace(settings, **{name: value})
            same = fingerprint(other, mode=mode) == fingerprint(settings, mode=mode)  # type: ignore[arg-type]
            assert same is (name not in shaping), (mode, name)


def latest(printed: str, mode: str = "train", run_id: str = EARLIER, **changes: Any) -> dict[str, Any]:
    return {
        "runId": run_id,
        "modelName": "model-a",
        "modelDataUrl": "s3://output-bucket/m.tar.gz",
        "image": "image:1",
        "metrics": {"customers": 3},
        "lastRuns": {mode: {"runId": run_id, "recordKey": RECORD_KEY, "fingerprint": printed}},
    } | changes


def line_of(s3: Objects, run: PreparedRun) -> dict[str, Any]:
    (line,) = s3.json(run.items_key)
    found: dict[str, Any] = line
    return found


# Mode to the name of what is scored when the item says nothing else.
SCORED = {"train": "sample_prediction.csv", "score": "Online_Retail.csv"}


def after_success(settings: PrepareRunSettings, mode: str, entry: Any = "a", **changes: Any) -> Objects:
    """What is in S3 after item `a` has succeeded in this mode."""
    s3 = Objects(data("a") | {"in/x.csv": b"1", "in/y.csv": b"2"})
    s3.objects["analysis_predicted/a/latest.json"] = json.dumps(latest("")).encode()
    printed = line_of(s3, prepare(settings, s3, {"itemList": [entry], "mode": mode}, name="first"))["fingerprint"]
    s3.objects["analysis_predicted/a/latest.json"] = json.dumps(latest(printed, mode, **changes)).encode()
    s3.objects[RECORD_KEY] = json.dumps(success(0, "a")).encode()
    s3.objects[f"analysis_predicted_out/a/{EARLIER}/{SCORED[mode]}.out"] = b"predictions"
    return s3


def again(settings: PrepareRunSettings, s3: Objects, mode: str, entry: Any = "a") -> dict[str, Any]:
    request = {"itemList": [entry], "mode": mode, "skipUnchanged": True}
    return line_of(s3, prepare(settings, s3, request))


@pytest.mark.parametrize("mode", ["train", "score"])
def test_an_unchanged_item_points_to_its_last_predictions(settings: PrepareRunSettings, mode: str) -> None:
    s3 = after_success(settings, mode)
    line = again(settings, s3, mode)
    assert line.keys() == {
        "index", "item", "runId", "recordKey", "mode", "request", "fingerprint", "unchanged",
    }  # fmt: skip
    assert line["unchanged"] == {
        "runId": EARLIER,
        "predictionsUri": f"s3://output-bucket/analysis_predicted_out/a/{EARLIER}/{SCORED[mode]}.out",
        "modelDataUrl": "s3://output-bucket/m.tar.gz",
        "metrics": {"customers": 3},
    }


def test_predictions_of_a_folder_are_the_folder(settings: PrepareRunSettings) -> None:
    entry = {"item": "a", "predictInput": "s3://data-bucket/in/"}
    s3 = after_success(settings, "train", entry)
    folder = f"s3://output-bucket/analysis_predicted_out/a/{EARLIER}/"
    assert again(settings, s3, "train", entry)["unchanged"]["predictionsUri"] == folder


@pytest.mark.parametrize(("mode", "reads"), [("train", 0), ("score", 1)])
def test_nothing_is_skipped_unless_it_is_asked_for(settings: PrepareRunSettings, mode: str, reads: int) -> None:
    s3 = after_success(settings, mode)
    s3.calls.clear()
    assert "transformJob" in line_of(s3, prepare(settings, s3, {"itemList": ["a"], "mode": mode}))
    # Nor is anything read but the model that scores.
    assert s3.calls["get_object"] == reads


CHANGES: dict[str, dict[str, bytes | None]] = {
    "data": {"analysis_predict/a/Online_Retail.csv": b"ROWS"},
    "predictions gone": {f"analysis_predicted_out/a/{EARLIER}/sample_prediction.csv.out": None},
    "no record": {RECORD_KEY: None},
    "failed": {RECORD_KEY: json.dumps(success(0, "a") | {"status": "FAILED"}).encode()},
    "stopped": {RECORD_KEY: json.dumps(success(0, "a", status="Stopped")).encode()},
    "broken record": {RECORD_KEY: b"<html>"},
    "another item's record": {RECORD_KEY: json.dumps(success(0, "b")).encode()},
    "no model": {"analysis_predicted/a/latest.json": None},
    "broken model": {"analysis_predicted/a/latest.json": b"<html>"},
    "other model": {"analysis_predicted/a/latest.json": b"{}"},
    "never in this mode": {"analysis_predicted/a/latest.json": json.dumps(latest("x", "score")).encode()},
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_item_is_trained_where_its_last_success_does_not_stand(
    settings: PrepareRunSettings, change: str
) -> None:
    s3 = after_success(settings, "train")
    assert "unchanged" in again(settings, s3, "train")
    del s3.objects["runs/20261122T094236123Z-x/items.json"]
    for key, body in CHANGES[change].items():
        if body is None:
            del s3.objects[key]
        else:
            s3.objects[key] = body
    line = again(settings, s3, "train")
    assert "unchanged" not in line
    assert "problem" not in line
    assert line["trainingJob"]


def test_another_image_trains_again(settings: PrepareRunSettings, environment: dict[str, str]) -> None:
    s3 = after_success(settings, "train")
    other = load_settings(PrepareRunSettings, environment | {"IMAGE_URI": f"{environment['IMAGE_URI']}-2"})
    assert "trainingJob" in again(other, s3, "train")


@pytest.mark.parametrize(
    "changes", [{"modelDataUrl": "s3://output-bucket/other.tar.gz"}, {"environment": {"a": "b"}}, {"image": "i:2"}]
)
def test_another_model_scores_again(settings: PrepareRunSettings, changes: dict[str, Any]) -> None:
    assert "transformJob" in again(settings, after_success(settings, "score", **changes), "score")


def test_an_unchanged_item_costs_three_reads_more(settings: PrepareRunSettings) -> None:
    s3 = after_success(settings, "train")
    s3.calls.clear()
    again(settings, s3, "train")
    # Its model and its record; its predictions, beside the run's own list.
    assert s3.calls == {"list_objects_v2": 1, "get_object": 2, "head_object": 1 + 1, "put_object": 1}
