"""Which items are skipped as unchanged: what fingerprints cover, and what else must hold for the last success."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.aws.s3_objects import DataObject
from pipeline.contracts import ItemRequest, parse_event
from pipeline.documents import PreparedRun
from pipeline.fields import Mode
from pipeline.preparation import fingerprints
from pipeline.settings import PrepareRunSettings, load_settings
from tests.unit.pipeline.in_memory_aws import WRITTEN, Objects, data, prepare
from tests.unit.pipeline.stored_documents import REGISTRY, SUMMED_UP, failure, success

DATA = [
    DataObject("s3://data-bucket/in/a.csv", '"1"', 5, WRITTEN),
    DataObject("s3://data-bucket/in/b.csv", '"2"', 6, WRITTEN),
]
ENTRY = {"item": "a", "hyperparameters": {"seed": "1", "depth": "2"}}
EARLIER = "20261121T000000000Z-earlier"
MANIFEST = f"runs/{EARLIER}/manifest.json"
RECORD_KEY = f"runs/{EARLIER}/records/0.json"


def training(
    settings: PrepareRunSettings, entry: dict[str, Any] | None = None, found: list[DataObject] | None = None
) -> str:
    """Return the fingerprint of the item's training."""
    asked = parse_event(ItemRequest, entry or ENTRY)
    return fingerprints.training_fingerprint(asked, settings, DATA if found is None else found)


MODES: tuple[Mode, ...] = ("train", "score")


def fingerprint(
    settings: PrepareRunSettings,
    entry: dict[str, Any] | None = None,
    found: list[DataObject] | None = None,
    scored: list[DataObject] | None = None,
    mode: Mode = "train",
    **model: Any,
) -> str:
    """Return the fingerprint of the item's result; `model` is that of mode score."""
    return fingerprints.result_fingerprint(
        parse_event(ItemRequest, entry or ENTRY),
        settings,
        scored or [],
        mode=mode,
        model=training(settings, entry, found) if mode == "train" else model,
    )


def test_the_same_things_have_the_same_fingerprint_in_any_spelling(settings: PrepareRunSettings) -> None:
    other = {"training": {}, "hyperparameters": {"depth": "2", "seed": "1"}, "input": None, "item": "a"}
    assert fingerprint(settings, other) == fingerprint(settings)
    assert training(settings, other) == training(settings)
    assert len(fingerprint(settings)) == len(training(settings)) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"found": [DATA[0]]},
        {"found": [DATA[0], DATA[1]._replace(etag='"3"')]},
        {"found": [DATA[0], DATA[1]._replace(size=7)]},
        {"found": [DATA[0], DATA[1]._replace(uri="s3://data-bucket/in/c.csv")]},
        {"entry": ENTRY | {"item": "b"}},
        {"entry": ENTRY | {"hyperparameters": {"seed": "2", "depth": "2"}}},
        {"entry": ENTRY | {"environment": {"threads": "2"}}},
        {"entry": ENTRY | {"input": "s3://data-bucket/in/"}},
        {"entry": ENTRY | {"training": {"useSpot": False}}},
    ],
    ids=[
        "an object less", "etag", "size", "key", "item", "hyperparameter", "variable", "input", "training",
    ],
)  # fmt: skip
def test_whatever_shapes_the_training_changes_both_fingerprints(
    settings: PrepareRunSettings, changed: dict[str, Any]
) -> None:
    assert training(settings, **changed) != training(settings)
    assert fingerprint(settings, **changed) != fingerprint(settings)


@pytest.mark.parametrize("mode", ["train", "score"])
@pytest.mark.parametrize(
    "changed",
    [
        {"scored": [DATA[0]]},
        {"entry": ENTRY | {"predictInput": "s3://data-bucket/x.csv"}},
        {"entry": ENTRY | {"transform": {"maxConcurrentTransforms": 0}}},
    ],
    ids=["what is scored", "predictInput", "transform"],
)
def test_whatever_shapes_the_scoring_changes_the_results_fingerprint_alone(
    settings: PrepareRunSettings, changed: dict[str, Any], mode: Mode
) -> None:
    assert training(settings, changed.get("entry")) == training(settings)
    assert fingerprint(settings, mode=mode, **changed) != fingerprint(settings, mode=mode)


def test_a_score_goes_by_its_model_and_not_by_how_it_would_be_trained(settings: PrepareRunSettings) -> None:
    retrained = ENTRY | {"hyperparameters": {}, "training": {"useSpot": False}}
    assert fingerprint(settings, retrained, mode="score") == fingerprint(settings, mode="score")
    assert fingerprint(settings, mode="score", artifact="a") != fingerprint(settings, mode="score", artifact="b")
    entry, made_by = parse_event(ItemRequest, ENTRY), {"artifact": "a"}
    of = {fingerprints.result_fingerprint(entry, settings, [], mode=mode, model=made_by) for mode in MODES}
    assert len(of) == len(MODES)


SHAPES_TRAINING: dict[str, Any] = {
    "image_uri": "other",
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
# Where things are, who may read them, how many at once.
SHAPES_NOTHING: dict[str, Any] = {
    "stack_name": "other",
    "aws_region": "other",
    "output_bucket": "other",
    "data_bucket": "other",
    "check_data_bucket": True,
    "check_sagemaker_role": True,
    "allowed_buckets": "other",
    "allowed_environment": "other",
    "allowed_registries": "other",
    "allowed_instance_types": "other",
    "maximum_instance_count": 5,
    "maximum_volume_size_in_gb": 501,
    "maximum_runtime_in_seconds": 432001,
    "maximum_concurrency": 201,
    "dataset_file_name": "other.csv",
    "sagemaker_role_arn": "other",
    "isolate_training": True,
    "max_concurrency": 6,
    "keep_models": True,
}


def test_every_setting_of_the_stack_counts_where_it_shapes_a_job(settings: PrepareRunSettings) -> None:
    assert type(settings).model_fields.keys() == {
        *SHAPES_TRAINING,
        *SHAPES_TRANSFORM,
        *SHAPES_NOTHING,
    }
    for mode, shaping in (
        ("train", SHAPES_TRAINING | SHAPES_TRANSFORM),
        ("score", SHAPES_TRANSFORM),
    ):
        for name, value in (SHAPES_TRAINING | SHAPES_TRANSFORM | SHAPES_NOTHING).items():
            other = settings.model_copy(update={name: value})
            same = fingerprint(other, mode=mode) == fingerprint(settings, mode=mode)  # type: ignore[arg-type]
            assert same is (name not in shaping), (mode, name)
            assert (training(other) == training(settings)) is (name not in SHAPES_TRAINING), name


def noted(printed: str, run_id: str = EARLIER) -> dict[str, str]:
    return {"runId": run_id, "recordKey": f"runs/{run_id}/records/0.json", "fingerprint": printed}


def latest(printed: str, mode: str = "train", run_id: str = EARLIER, **changes: Any) -> dict[str, Any]:
    return {
        "runId": run_id,
        "modelName": "model-a",
        "modelDataUrl": "s3://output-bucket/analysis_predicted/a/training-job-a/output/model.tar.gz",
        "image": f"{REGISTRY}/image:1",
        "metrics": {"customers": 4},
        "lastRuns": {mode: [noted(printed, run_id)]},
    } | changes


def line_of(s3: Objects, run: PreparedRun) -> dict[str, Any]:
    (line,) = s3.json(run.items_key)
    # What is null says that there is none of it.
    return {key: value for key, value in line.items() if value is not None}


# Mode to the name of what is scored when the item says nothing else.
SCORED = {"train": "sample_prediction.csv", "score": "Online_Retail.csv"}


def after_success(settings: PrepareRunSettings, mode: str, entry: Any = "a", **changes: Any) -> Objects:
    """Return S3 after item `a` has succeeded in this mode."""
    s3 = Objects(data("a") | {"in/x.csv": b"1", "in/y.csv": b"2"})
    s3.objects["analysis_predicted/a/latest.json"] = json.dumps(latest("")).encode()
    printed = line_of(s3, prepare(settings, s3, {"itemList": [entry], "mode": mode}, name="first"))["fingerprint"]
    s3.objects["analysis_predicted/a/latest.json"] = json.dumps(latest(printed, mode, **changes)).encode()
    s3.objects[RECORD_KEY] = json.dumps(success(0, "a")).encode()
    s3.objects[MANIFEST] = b"{}"
    s3.written[MANIFEST] = SUMMED_UP
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
        # As its record says, whatever model came after it.
        "modelDataUrl": "s3://out/model.tar.gz",
        "metrics": {"customers": 3},
    }


@pytest.mark.parametrize(
    ("mode", "entry", "needs_it"),
    [
        ("train", "a", False),
        ("train", {"item": "a", "predictInput": "s3://data-bucket/in/x.csv"}, True),
        ("score", "a", True),
        ("score", {"item": "a", "predictInput": "s3://data-bucket/in/x.csv"}, True),
    ],
    ids=["train", "train and score a file", "score", "score a file"],
)
@pytest.mark.parametrize("manifest", ["none", "older than the record", "did not know"])
def test_a_success_on_users_data_counts_only_once_it_was_summed_up(
    settings: PrepareRunSettings, mode: str, entry: Any, needs_it: bool, manifest: str
) -> None:
    """Only SummarizeRun looks whether the data that was scored is the data that was promised."""
    s3 = after_success(settings, mode, entry)
    predictions = f"analysis_predicted_out/a/{EARLIER}/x.csv.out"
    s3.objects[predictions] = b"predictions"
    assert "unchanged" in again(settings, s3, mode, entry)
    if manifest == "none":
        del s3.objects[MANIFEST]
    elif manifest == "did not know":
        s3.objects[RECORD_KEY] = json.dumps(s3.json(RECORD_KEY) | {"inputUnverified": True}).encode()
    else:
        del s3.written[MANIFEST]
    s3.objects = {key: body for key, body in s3.objects.items() if not key.endswith("-x/items.json")}
    assert ("unchanged" in again(settings, s3, mode, entry)) is not needs_it


def test_a_run_is_asked_once_for_its_manifest(settings: PrepareRunSettings) -> None:
    s3 = after_success(settings, "score")
    times = fingerprints.ManifestTimes(s3, "output-bucket")  # type: ignore[arg-type]
    s3.calls.clear()
    assert [times.of(run_id) for run_id in (EARLIER, "other", EARLIER, "other")] == [
        SUMMED_UP,
        None,
        SUMMED_UP,
        None,
    ]
    assert s3.calls == {"head_object": 2}


NEWER = [f"2026112{day}T120000000Z-newer" for day in (2, 1)]
LATEST = "analysis_predicted/a/latest.json"
FAILED = json.dumps(failure(0, "a", stage="StartBatchTransformJob")).encode()


@pytest.mark.parametrize("mode", ["train", "score"])
@pytest.mark.parametrize("record", [FAILED, None, b"<html>"], ids=["failed", "none", "broken"])
def test_a_success_stands_though_later_runs_of_the_same_have_failed(
    settings: PrepareRunSettings, mode: str, record: bytes | None
) -> None:
    s3 = after_success(settings, mode)
    content = s3.json(LATEST)
    (success_of,) = content["lastRuns"][mode]
    content["lastRuns"][mode] = [*(noted(success_of["fingerprint"], run_id) for run_id in NEWER), success_of]
    s3.objects[LATEST] = json.dumps(content).encode()
    for run_id in NEWER:
        if record is not None:
            s3.objects[f"runs/{run_id}/records/0.json"] = record
    assert again(settings, s3, mode)["unchanged"]["runId"] == EARLIER


@pytest.mark.parametrize("newest_succeeded", [True, False])
def test_the_newest_success_counts_even_if_an_older_one_is_of_the_same_things(
    settings: PrepareRunSettings, newest_succeeded: bool
) -> None:
    s3 = after_success(settings, "train")
    content = s3.json(LATEST)
    (oldest,) = content["lastRuns"]["train"]
    content["lastRuns"]["train"] = [noted("other", NEWER[0]), noted(oldest["fingerprint"], NEWER[1]), oldest]
    s3.objects[LATEST] = json.dumps(content).encode()
    for run_id in NEWER:
        s3.objects[f"runs/{run_id}/records/0.json"] = s3.objects[RECORD_KEY]
        s3.objects[f"analysis_predicted_out/a/{run_id}/{SCORED['train']}.out"] = b"predictions"
    if newest_succeeded:
        # The data was another meanwhile, and is put back: what stands is of the other.
        assert "unchanged" not in again(settings, s3, "train")
    else:
        s3.objects[f"runs/{NEWER[0]}/records/0.json"] = FAILED
        assert again(settings, s3, "train")["unchanged"]["runId"] == NEWER[1]


def test_predictions_of_a_folder_are_the_folder(settings: PrepareRunSettings) -> None:
    entry = {"item": "a", "predictInput": "s3://data-bucket/in/"}
    s3 = after_success(settings, "train", entry)
    folder = f"s3://output-bucket/analysis_predicted_out/a/{EARLIER}/"
    assert again(settings, s3, "train", entry)["unchanged"]["predictionsUri"] == folder


@pytest.mark.parametrize("mode", ["train", "score"])
def test_nothing_is_skipped_unless_it_is_asked_for(settings: PrepareRunSettings, mode: str) -> None:
    s3 = after_success(settings, mode)
    s3.calls.clear()
    assert "transformJob" in line_of(s3, prepare(settings, s3, {"itemList": ["a"], "mode": mode}))
    # Nor is anything read but the last model: no record, and no manifest.
    assert s3.calls["get_object"] == 1


CHANGES: dict[str, dict[str, bytes | None]] = {
    "data": {"analysis_predict/a/Online_Retail.csv": b"ROWS"},
    "predictions gone": {f"analysis_predicted_out/a/{EARLIER}/sample_prediction.csv.out": None},
    "no record": {RECORD_KEY: None},
    "failed": {RECORD_KEY: json.dumps(success(0, "a") | {"error": {"Error": "x"}}).encode()},
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
    assert "error" not in line
    assert line["trainingJob"]


def test_another_image_trains_again(settings: PrepareRunSettings, environment: dict[str, str]) -> None:
    s3 = after_success(settings, "train")
    other = load_settings(PrepareRunSettings, environment | {"IMAGE_URI": f"{environment['IMAGE_URI']}-2"})
    assert "trainingJob" in again(other, s3, "train")


@pytest.mark.parametrize(
    "changes",
    [
        {"modelDataUrl": "s3://output-bucket/analysis_predicted/a/training-job-b/output/model.tar.gz"},
        {"environment": {"threads": "3"}},
        {"image": f"{REGISTRY}/image:2"},
    ],
    ids=["artifact", "environment", "image"],
)
def test_another_model_scores_again(settings: PrepareRunSettings, changes: dict[str, Any]) -> None:
    assert "transformJob" in again(settings, after_success(settings, "score", **changes), "score")


def test_another_variable_of_the_item_scores_again(settings: PrepareRunSettings) -> None:
    same = {"item": "a", "environment": {"threads": "3"}}
    s3 = after_success(settings, "score", same)
    assert "unchanged" in again(settings, s3, "score", same)
    del s3.objects["runs/20261122T094236123Z-x/items.json"]
    assert "transformJob" in again(settings, s3, "score", {"item": "a", "environment": {"threads": "4"}})


def test_an_unchanged_item_costs_three_reads_more(settings: PrepareRunSettings) -> None:
    s3 = after_success(settings, "train")
    s3.calls.clear()
    again(settings, s3, "train")
    # Its model and its record; its predictions, beside the run's own list.
    assert s3.calls == {"list_objects_v2": 1, "get_object": 2, "head_object": 1 + 1, "put_object": 1}
