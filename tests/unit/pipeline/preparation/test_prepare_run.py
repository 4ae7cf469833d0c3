"""A run is prepared with a line for every item, or refused before anything starts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from pipeline.contracts import ItemRequest, parse_event
from pipeline.documents import PreparedRun, TrainingJob, as_json
from pipeline.errors import ImageNotSetError, InvalidRequestError, RunConflictError, ServiceThrottledError
from pipeline.model.create_model import MAX_METRIC_NAME_LENGTH, MAX_METRIC_TEXT_LENGTH, MAX_METRICS
from pipeline.preparation import item_sources, reruns
from pipeline.settings import PrepareRunSettings, load_settings
from pipeline.stored import run_files
from tests.unit.pipeline.in_memory_aws import RUN, Objects, data, prepare
from tests.unit.pipeline.stored_documents import REGISTRY, refusal

EARLIER = "20261121T000000000Z-earlier"
LATEST = {
    "item": "a",
    "runId": EARLIER,
    "modelName": "model-a-earlier",
    "modelDataUrl": "s3://output-bucket/analysis_predicted/a/training-job-a/output/model.tar.gz",
    "image": f"{REGISTRY}/image:of-then",
    "environment": {"threads": "2", "level": "1"},
    "metrics": {"customers": 3},
}


def only_line(s3: Objects, run: PreparedRun) -> dict[str, Any]:
    (line,) = s3.json(run.items_key)
    written: dict[str, Any] = line
    return written


def with_latest(*objects: dict[str, bytes], **changes: Any) -> Objects:
    files = {key: body for group in objects for key, body in group.items()}
    return Objects({"analysis_predicted/a/latest.json": json.dumps(LATEST | changes).encode(), **files})


def test_a_line_is_written_for_every_item_in_its_order(settings: PrepareRunSettings) -> None:
    s3 = Objects(data("b", "a"))
    run = prepare(settings, s3, {"itemList": ["b", "a", "c"], "maxConcurrency": 2})
    written = s3.json(run.items_key)
    assert [(line["index"], line["item"]) for line in written] == [(0, "b"), (1, "a"), (2, "c")]
    assert [(line["error"] or {}).get("Error") for line in written] == [None, None, "DataNotFoundError"]
    assert (run.run_id, run.item_count, run.max_concurrency, run.mode) == (RUN, 3, 2, "train")


def test_a_refused_item_has_no_jobs(settings: PrepareRunSettings) -> None:
    s3 = Objects({})
    line = only_line(s3, prepare(settings, s3, {"itemList": [{"item": "a", "hyperparameters": {"seed": "1"}}]}))
    assert {key for key, value in line.items() if value is not None} == {
        "index",
        "item",
        "runId",
        "recordKey",
        "mode",
        "request",
        "error",
    }
    assert line["request"] == {"item": "a", "hyperparameters": {"seed": "1"}}


def test_the_stacks_concurrency_holds_where_none_is_asked_for(settings: PrepareRunSettings) -> None:
    assert prepare(settings, Objects(data("a")), {"itemList": ["a"]}).max_concurrency == settings.max_concurrency


def test_a_stack_without_an_image_refuses_runs_that_train(environment: dict[str, str]) -> None:
    without = load_settings(PrepareRunSettings, environment | {"IMAGE_URI": "", "ALLOWED_REGISTRIES": REGISTRY})
    s3 = Objects(data("a"))
    with pytest.raises(ImageNotSetError, match="deploy the stack with parameter ImageUri"):
        prepare(without, s3, {"itemList": ["a"]})
    assert s3.objects == data("a")
    scoring = with_latest(data("a"))
    line = only_line(scoring, prepare(without, scoring, {"itemList": ["a"], "mode": "score"}))
    assert line["error"] is None


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"transform": {"maxConcurrentTransforms": 20}},
            "20 times maxPayloadInMB 6 is more than SageMaker's 100 MB",
        ),
        ({"hyperparameters": {str(number): "x" * 2500 for number in range(45)}}, "at most 131,072 fit"),
    ],
    ids=["payload", "size"],
)
def test_what_only_the_settings_show_is_refused_before_anything_starts(
    settings: PrepareRunSettings, entry: dict[str, Any], said: str
) -> None:
    body = "\n".join(json.dumps({"item": item, **entry}) for item in "ab").encode()
    for request, place in (
        ({"itemList": [{"item": "a", **entry}, {"item": "b", **entry}]}, "itemList[1]"),
        ({"itemsUri": "s3://data-bucket/l.jsonl"}, "itemsUri, line 2"),
    ):
        before = data("a", "b") | {"l.jsonl": body}
        s3 = Objects(dict(before))
        with pytest.raises(InvalidRequestError, match=said) as refused:
            prepare(settings, s3, request)
        assert len(refused.value.problems) == 2
        assert refused.value.problems[1].startswith(place)
        assert s3.objects == before


def test_a_file_to_score_that_is_not_there_refuses_the_item(settings: PrepareRunSettings) -> None:
    s3 = Objects(data("a"))
    entry = {"item": "a", "predictInput": "s3://data-bucket/none.csv"}
    problem = only_line(s3, prepare(settings, s3, {"itemList": [entry]}))["error"]
    assert problem["Error"] == "DataNotFoundError"
    assert "s3://data-bucket/none.csv" in problem["Cause"]


def test_a_prepared_run_is_returned_again_to_its_own_execution_only(settings: PrepareRunSettings) -> None:
    s3 = Objects(data("a", "b"))
    first = prepare(settings, s3, {"itemList": ["a", "b"]})
    written = s3.objects[first.items_key]
    s3.calls.clear()
    # The second attempt would prepare something else by now; the first one's lines are the run's.
    del s3.objects["analysis_predict/b/Online_Retail.csv"]
    assert prepare(settings, s3, {"itemList": ["a"], "maxConcurrency": 9}) == first
    assert s3.calls == {"head_object": 1}
    with pytest.raises(RunConflictError, match="by another execution than arn:two"):
        prepare(settings, s3, {"itemList": ["a", "b"]}, arn="arn:two")
    assert s3.objects[first.items_key] == written


@pytest.mark.parametrize(
    ("owner", "conflict"), [("arn:one", False), ("arn:two", True)], ids=["own attempt", "another execution"]
)
def test_the_work_list_that_is_written_first_counts(
    settings: PrepareRunSettings, owner: str, conflict: bool
) -> None:
    class Raced(Objects):
        def put_object(self, Key: str, Body: bytes, **told: Any) -> None:  # noqa: N803 - boto3's names
            if self.calls["put_object"] == 0:
                quicker = json.loads(told["Metadata"]["run"]) | {"executionArn": owner, "maxConcurrency": 77}
                super().put_object(Key, b"[]", Metadata={"run": json.dumps(quicker)})
            super().put_object(Key, Body, **told)

    s3 = Raced(data("a"))
    if conflict:
        with pytest.raises(RunConflictError):
            prepare(settings, s3, {"itemList": ["a"]})
    else:
        assert prepare(settings, s3, {"itemList": ["a"]}).max_concurrency == 77
    assert s3.objects[f"runs/{RUN}/items.json"] == b"[]"


def test_a_run_keeps_whether_its_trainings_have_a_network(environment: dict[str, str]) -> None:
    settings = load_settings(PrepareRunSettings, environment | {"ISOLATE_TRAINING": "true"})
    s3 = Objects(data("a"))
    run = prepare(settings, s3, {"itemList": ["a"]})
    assert run_files.trains_without_network(s3.metadata[run.items_key])
    assert run_files.parse_prepared_run(s3.metadata[run.items_key]) == run


def test_the_prepared_run_is_stored_in_ascii_metadata(settings: PrepareRunSettings) -> None:
    s3 = Objects(data("a"))
    run = prepare(settings, s3, {"itemList": ["a"], "mode": "train"}, arn=f"arn:{'台' * 80}", name="台" * 80)
    metadata = s3.metadata[run.items_key]
    assert metadata.keys() == {"run"}
    assert json.loads(metadata["run"]) == as_json(run)
    # S3 takes 2 KB of it.
    assert len(metadata["run"].encode("ascii")) < 1800


def test_throttling_fails_the_function_and_no_item(settings: PrepareRunSettings) -> None:
    class Slow(Objects):
        def list_objects_v2(self, *args: Any, **told: Any) -> dict[str, Any]:
            if "/b/" in told["Prefix"]:
                raise refusal("SlowDown", 503)
            return super().list_objects_v2(*args, **told)

    s3 = Slow(data("a", "b"))
    with pytest.raises(ServiceThrottledError):
        prepare(settings, s3, {"itemList": ["a", "b"]})
    assert s3.objects == data("a", "b")


def test_an_item_costs_one_listing_and_a_look_for_its_last_model(settings: PrepareRunSettings) -> None:
    items = [f"item{number}" for number in range(50)]
    s3 = Objects(data(*items))
    prepare(settings, s3, {"itemList": items})
    assert s3.calls == {"head_object": 1, "list_objects_v2": 50, "get_object": 50, "put_object": 1}


def test_a_whole_file_of_data_is_scored_with_the_last_model(settings: PrepareRunSettings) -> None:
    s3 = with_latest(data("a"))
    entry = {"item": "a", "environment": {"level": "9"}, "transform": {"maxPayloadInMB": 5, "splitType": "Line"}}
    run = prepare(settings, s3, {"itemList": [entry], "mode": "score"})
    line = only_line(s3, run)
    assert run.mode == line["mode"] == "score"
    assert (line["training"], line["trainedIn"]) == (None, None)
    assert (line["trainingJob"], line["trainingTimeoutSeconds"]) == (None, None)
    assert line["modelName"] == "model-a-20261122T094236123Z"
    assert line["model"] == {
        "image": f"{REGISTRY}/image:of-then",
        "modelDataUrl": LATEST["modelDataUrl"],
        "environment": {"threads": "2", "level": "9"},
    }
    job = line["transformJob"]
    assert job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"].endswith("/a/Online_Retail.csv")
    assert job["TransformInput"]["SplitType"] == "None"
    assert (job["BatchStrategy"], job["MaxPayloadInMB"], job["MaxConcurrentTransforms"]) == (
        "SingleRecord",
        100,
        1,
    )
    assert line["request"] == entry


def test_a_file_of_features_is_scored_as_it_is_configured(settings: PrepareRunSettings) -> None:
    s3 = with_latest({"features.csv": b"x"})
    entry = {"item": "a", "predictInput": "s3://data-bucket/features.csv"}
    job = only_line(s3, prepare(settings, s3, {"itemList": [entry], "mode": "score"}))["transformJob"]
    assert job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == entry["predictInput"]
    assert (job["TransformInput"]["SplitType"], job["MaxPayloadInMB"]) == ("Line", settings.max_payload_in_mb)


def test_the_one_file_of_a_folder_is_scored(settings: PrepareRunSettings) -> None:
    s3 = with_latest({"in/_SUCCESS": b"", "in/part-0.csv": b"x"})
    entry = {"item": "a", "input": "s3://data-bucket/in/"}
    job = only_line(s3, prepare(settings, s3, {"itemList": [entry], "mode": "score"}))["transformJob"]
    assert job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == "s3://data-bucket/in/part-0.csv"


@pytest.mark.parametrize(
    ("objects", "error", "said"),
    [
        (Objects(data("a")), "DataNotFoundError", "no accepted model yet .* run it once with mode train"),
        (with_latest(), "DataNotFoundError", "there is no object .*/a/Online_Retail.csv"),
        (
            with_latest({"analysis_predicted/a/latest.json": b"{}"}),
            "DataNotReadableError",
            "latest.json cannot be read: runId: .* remove it and run the item again",
        ),
        (
            with_latest({"analysis_predicted/a/latest.json": b"no"}),
            "DataNotReadableError",
            "latest.json cannot be read: Invalid JSON",
        ),
    ],
    ids=["no model", "no data", "other file", "no json"],
)
def test_an_item_that_cannot_be_scored_is_refused(
    settings: PrepareRunSettings, objects: Objects, error: str, said: str
) -> None:
    line = only_line(objects, prepare(settings, objects, {"itemList": ["a"], "mode": "score"}))
    assert line["error"]["Error"] == error
    assert re.search(said, line["error"]["Cause"])


def test_data_of_more_than_100_mb_is_not_scored_in_one_request(settings: PrepareRunSettings) -> None:
    class Large(Objects):
        def list_objects_v2(self, *args: Any, **told: Any) -> dict[str, Any]:
            answer = super().list_objects_v2(*args, **told)
            answer["Contents"][0]["Size"] = 100_000_001
            return answer

    s3 = Large(with_latest(data("a")).objects)
    problem = only_line(s3, prepare(settings, s3, {"itemList": ["a"], "mode": "score"}))["error"]
    assert problem["Error"] == "DataTooLargeError"
    assert "mode train" in problem["Cause"]
    trained = Large(data("a"))
    assert only_line(trained, prepare(settings, trained, {"itemList": ["a"]}))["error"] is None


KEPT = reruns.KeptTraining(
    training=TrainingJob(name="training-job-a-earlier", arn="arn:t", status="Completed", billable_seconds=60),
    trained_in=EARLIER,
    image=f"{REGISTRY}/image:of-then",
    training_fingerprint="training of then",
)


def test_a_rerun_keeps_the_trainings_that_still_serve(
    settings: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def select(*args: Any, keep_models: bool) -> reruns.Rerun:
        asked.extend([*args[:3], keep_models])
        entries = [parse_event(ItemRequest, {"item": item, "environment": {"threads": "1"}}) for item in "ab"]
        return reruns.Rerun("train", 7, 2.5, entries, {"a": KEPT})

    monkeypatch.setattr(reruns, "select_for_rerun", select)
    # The data of the kept training need not be there any more.
    s3 = Objects(data("b"))
    run = prepare(settings, s3, {"rerunOf": EARLIER})
    assert asked == [EARLIER, reruns.CurrentRerun(RUN, "arn:one"), "output-bucket", False]
    assert (run.mode, run.rerun_of) == ("train", EARLIER)
    # What was asked of the run holds for its rerun, unless it is asked otherwise.
    assert (run.max_concurrency, run.tolerated_failure_percentage) == (7, 2.5)
    told = {"rerunOf": EARLIER, "maxConcurrency": 3, "toleratedFailurePercentage": 0}
    other = prepare(settings, s3, told, arn="arn:two", name="other")
    assert (other.max_concurrency, other.tolerated_failure_percentage) == (3, 0)
    kept, anew = s3.json(run.items_key)
    assert (kept["training"], kept["trainedIn"]) == (as_json(KEPT.training), EARLIER)
    assert kept["trainingFingerprint"] == "training of then"
    assert (kept["trainingJob"], kept["trainingTimeoutSeconds"]) == (None, None)
    assert kept["model"]["image"] == f"{REGISTRY}/image:of-then"
    assert kept["model"]["modelDataUrl"].endswith("/a/training-job-a-earlier/output/model.tar.gz")
    source = kept["transformJob"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source == f"s3://output-bucket/analysis_predicted/a/{EARLIER}/sample_prediction.csv"
    assert kept["transformJob"]["TransformOutput"]["S3OutputPath"].endswith(f"/a/{RUN}/")
    assert anew["trainedIn"] == RUN
    assert anew["training"] is None
    assert anew["trainingJob"]["TrainingJobName"]


def test_a_refused_model_is_judged_again_or_trained_on_what_has_changed(
    settings: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = Objects(data("a"))
    of_then = only_line(s3, prepare(settings, s3, {"itemList": ["a"]}))["trainingFingerprint"]
    # How its predictions are made has no part in how good the model is.
    entry = parse_event(ItemRequest, {"item": "a", "transform": {"maxPayloadInMB": 7}})
    kept = replace(KEPT, training_fingerprint=of_then, model_refused=True)
    monkeypatch.setattr(
        reruns, "select_for_rerun", lambda *_, **__: reruns.Rerun("train", 7, 2.5, [entry], {"a": kept})
    )
    same = only_line(s3, prepare(settings, s3, {"rerunOf": EARLIER}, arn="arn:two", name="same"))
    assert (same["training"], same["trainedIn"]) == (as_json(KEPT.training), EARLIER)
    s3.objects["analysis_predict/a/Online_Retail.csv"] = b"other data"
    changed = only_line(s3, prepare(settings, s3, {"rerunOf": EARLIER}, arn="arn:three", name="changed"))
    assert changed["training"] is None
    assert changed["trainingJob"]["TrainingJobName"]


def test_a_kept_trainings_result_is_told_by_how_it_is_scored_today(
    settings: PrepareRunSettings, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = {"item": "a", "predictInput": "s3://data-bucket/in/x.csv"}
    s3 = Objects(data("a") | {"in/x.csv": b"1"})
    first = only_line(s3, prepare(settings, s3, {"itemList": [request]}))
    kept = replace(KEPT, training_fingerprint=first["trainingFingerprint"])
    entry = parse_event(ItemRequest, request)
    monkeypatch.setattr(
        reruns, "select_for_rerun", lambda *_, **__: reruns.Rerun("train", 7, 2.5, [entry], {"a": kept})
    )

    def rerun(name: str, **variables: str) -> dict[str, Any]:
        today = load_settings(PrepareRunSettings, environment | variables)
        return only_line(s3, prepare(today, s3, {"rerunOf": EARLIER}, arn=f"arn:{name}", name=name))

    lines = [rerun("same"), rerun("training", TIME_SERIES_LENGTH="9"), rerun("scoring", MAX_PAYLOAD_IN_MB="7")]
    s3.objects["in/x.csv"] = b"2"
    lines.append(rerun("features"))
    assert {line["trainingFingerprint"] for line in lines} == {first["trainingFingerprint"]}
    same = [line["fingerprint"] == first["fingerprint"] for line in lines]
    assert same == [True, True, False, False]


def test_a_rerun_of_a_run_that_scored_scores(
    settings: PrepareRunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = parse_event(ItemRequest, {"item": "a"})
    monkeypatch.setattr(reruns, "select_for_rerun", lambda *_, **__: reruns.Rerun("score", 7, 2.5, [entry], {}))
    s3 = with_latest(data("a"))
    run = prepare(settings, s3, {"rerunOf": EARLIER})
    assert run.mode == "score"
    assert only_line(s3, run)["model"]["image"] == f"{REGISTRY}/image:of-then"


def test_the_largest_line_leaves_room_for_what_a_child_adds() -> None:
    # In UTF-8 a character has four bytes at most.
    metrics = MAX_METRICS * (MAX_METRIC_NAME_LENGTH + MAX_METRIC_TEXT_LENGTH) * 4
    # Beside them a cause, the rest of the model's answer, and the jobs' results.
    assert item_sources.MAX_LINE_BYTES + metrics + (32 + 4 + 8) * 1024 < 256 * 1024
