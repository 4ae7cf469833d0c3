"""A training gets the newest readable predictions of an earlier run, and never fails for lack of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.errors import ServiceThrottledError
from pipeline.preparation import earlier_predictions
from pipeline.preparation.item_sources import MAX_LINE_BYTES
from pipeline.settings import PrepareRunSettings
from tests.unit.pipeline.in_memory_aws import RUN, Objects, data, prepare
from tests.unit.pipeline.stored_documents import refusal

OLDEST, OLDER, NEWEST = (f"202611{day}T000000000Z-night" for day in (18, 19, 20))
ACCEPTED = "2026-11-20T00:10:00+00:00"
LATEST = "analysis_predicted/a/latest.json"


def file_of(run_id: str, name: str = "sample_prediction.csv") -> str:
    return f"analysis_predicted_out/a/{run_id}/{name}.out"


def after(*runs: str, mode: str = "train", files: tuple[str, ...] | None = None, **latest: Any) -> Objects:
    """Return S3 after these runs of item `a`, newest first, with these files."""
    content = {
        "runId": runs[0],
        "acceptedAt": ACCEPTED,
        "modelName": "model-a",
        "modelDataUrl": "s3://output-bucket/analysis_predicted/a/training-job-a/output/model.tar.gz",
        "image": "image:1",
        "metrics": {"customers": 4, "probability_days": 30},
        "lastRuns": {mode: [{"runId": run, "recordKey": "k", "fingerprint": "f"} for run in runs]},
    }
    s3 = Objects(data("a") | {LATEST: json.dumps(content | latest).encode()})
    for key in map(file_of, runs) if files is None else files:
        s3.objects[key] = b"predictions"
    return s3


def training_job(settings: PrepareRunSettings, s3: Objects, entry: Any = "a", **request: Any) -> dict[str, Any]:
    """Return the body of CreateTrainingJob that the item's next run has for it."""
    (line,) = s3.json(prepare(settings, s3, {"itemList": [entry], **request}).items_key)
    assert line["error"] is None
    job: dict[str, Any] = line["trainingJob"]
    return job


def handed_over(job: dict[str, Any]) -> str | None:
    """Return key of the predictions that the job is given."""
    channels = {channel["ChannelName"]: channel for channel in job["InputDataConfig"]}
    assert next(iter(channels)) == "training"
    assert channels.keys() <= {"training", "predictions"}
    if "predictions" not in channels:
        assert "predictions_probability_days" not in job["Environment"]
        return None
    uri: str = channels["predictions"]["DataSource"]["S3DataSource"]["S3Uri"]
    return uri.removeprefix("s3://output-bucket/")


@pytest.mark.parametrize("skip", [True, False])
def test_a_training_is_handed_the_newest_predictions(settings: PrepareRunSettings, skip: bool) -> None:
    s3 = after(NEWEST, OLDER)
    s3.calls.clear()
    job = training_job(settings, s3, skipUnchanged=skip)
    assert handed_over(job) == file_of(NEWEST)
    assert job["Environment"]["predictions_probability_days"] == "30"
    # Two reads of small objects, one of which skipping needs anyway; beside a look for the run's own list.
    assert s3.calls == {"list_objects_v2": 1, "get_object": 1, "head_object": 1 + 1, "put_object": 1}


def test_the_first_training_is_handed_nothing(settings: PrepareRunSettings) -> None:
    assert handed_over(training_job(settings, Objects(data("a")))) is None


def test_what_is_handed_over_changes_no_fingerprint(settings: PrepareRunSettings) -> None:
    lines = []
    for s3 in (Objects(data("a")), after(NEWEST)):
        (line,) = s3.json(prepare(settings, s3, {"itemList": ["a"]}).items_key)
        lines.append(line)
    keys = ("fingerprint", "trainingFingerprint", "trainingInput", "scoredInput")
    assert [lines[0][key] for key in keys] == [lines[1][key] for key in keys]
    assert lines[0]["trainingJob"] != lines[1]["trainingJob"]


def test_a_run_that_left_none_is_passed_over(settings: PrepareRunSettings) -> None:
    job = training_job(settings, after(NEWEST, OLDER, files=(file_of(OLDER),)))
    assert handed_over(job) == file_of(OLDER)
    # Which model made them, and how far its probabilities look, is not known any more.
    assert "predictions_probability_days" not in job["Environment"]


def test_the_search_ends_after_a_few_runs(settings: PrepareRunSettings) -> None:
    runs = [f"202611{day}T000000000Z-night" for day in range(20, 15, -1)]
    s3 = after(*runs, files=(file_of(runs[-1]),))
    s3.calls.clear()
    assert handed_over(training_job(settings, s3)) is None
    assert s3.calls["head_object"] == 1 + earlier_predictions.MAX_RUNS_CHECKED


@pytest.mark.parametrize(
    ("scored", "handed"),
    [("Online_Retail.csv", True), ("users_own.csv", False)],
    ids=["the item's data", "another file"],
)
def test_predictions_of_mode_score_count_if_they_are_of_the_items_data(
    settings: PrepareRunSettings, scored: str, handed: bool
) -> None:
    s3 = after(NEWEST, mode="score", files=(file_of(NEWEST, scored),), runId=OLDER)
    assert handed_over(training_job(settings, s3)) == (file_of(NEWEST, scored) if handed else None)


def test_of_a_folder_its_one_file_was_scored(settings: PrepareRunSettings) -> None:
    s3 = after(NEWEST, mode="score", files=(file_of(NEWEST, "x.csv"),))
    s3.objects["in/x.csv"] = b"1"
    entry = {"item": "a", "input": "s3://data-bucket/in/"}
    assert handed_over(training_job(settings, s3, entry)) == file_of(NEWEST, "x.csv")
    s3 = after(NEWEST, mode="score", files=(file_of(NEWEST, "x.csv"),))
    s3.objects |= {"in/x.csv": b"1", "in/y.csv": b"2"}
    assert handed_over(training_job(settings, s3, entry)) is None


@pytest.mark.parametrize(
    ("run_id", "latest", "days"),
    [
        (NEWEST, {}, "30"),
        (OLDER, {}, None),
        (OLDER, {"acceptedAt": "2026-11-18T00:00:00Z"}, "30"),
        (OLDER, {"acceptedAt": None}, None),
        (OLDER, {"acceptedAt": "2026-11-18T00:00:00"}, None),
        (NEWEST, {"metrics": None}, None),
        (NEWEST, {"metrics": {"probability_days": "thirty"}}, None),
        (NEWEST, {"metrics": {"probability_days": True}}, None),
        (NEWEST, {"metrics": {"probability_days": 0}}, None),
    ],
)
def test_the_days_of_the_probabilities_are_told_where_they_are_known(
    settings: PrepareRunSettings, run_id: str, latest: dict[str, Any], days: str | None
) -> None:
    job = training_job(settings, after(run_id, **{"runId": NEWEST, **latest}))
    assert handed_over(job) == file_of(run_id)
    assert job["Environment"].get("predictions_probability_days") == days


@pytest.mark.parametrize(
    ("told", "readable"),
    [
        ({"StorageClass": "STANDARD_IA"}, True),
        ({"StorageClass": "GLACIER_IR"}, True),
        ({"StorageClass": "GLACIER"}, False),
        ({"StorageClass": "DEEP_ARCHIVE"}, False),
        ({"StorageClass": "INTELLIGENT_TIERING"}, True),
        ({"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"}, False),
        ({"Expiration": 'expiry-date="Sun, 06 Dec 2026 00:00:00 GMT", rule-id="r"'}, False),
        ({"Expiration": 'expiry-date="Mon, 07 Dec 2026 00:00:00 GMT", rule-id="r"'}, True),
        ({"Expiration": "NotImplemented"}, True),
        ({"ContentLength": 0}, False),
        ({"ContentLength": earlier_predictions.MAX_BYTES}, True),
        ({"ContentLength": earlier_predictions.MAX_BYTES + 1}, False),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_what_a_job_could_not_read_is_not_handed_over(
    settings: PrepareRunSettings, told: dict[str, Any], readable: bool
) -> None:
    """The run begins on 2026-11-22, and an item may wait for fourteen days."""
    s3 = after(NEWEST)
    s3.described[file_of(NEWEST)] = told
    assert handed_over(training_job(settings, s3)) == (file_of(NEWEST) if readable else None)


@pytest.mark.parametrize(
    "latest",
    [b"<html>", b"{}", json.dumps({"runId": "x"}).encode()],
    ids=["no JSON", "nothing", "another's"],
)
def test_an_unreadable_last_model_does_not_prevent_training(settings: PrepareRunSettings, latest: bytes) -> None:
    s3 = after(NEWEST)
    s3.objects[LATEST] = latest
    assert handed_over(training_job(settings, s3)) is None


@pytest.mark.parametrize("changes", [{"runId": "x"}, {"acceptedAt": "yesterday", "runId": OLDER}])
def test_a_last_model_with_wrong_values_does_not_prevent_training(
    settings: PrepareRunSettings, changes: dict[str, Any]
) -> None:
    assert handed_over(training_job(settings, after("nonsense", **changes))) is None


class Refusing(Objects):
    """S3 that refuses one kind of read of what earlier runs have left."""

    def __init__(self, other: Objects, code: str, status: int, kind: str) -> None:
        super().__init__(other.objects)
        self._refusal, self._kind = (code, status), kind

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if self._kind == "GET":
            raise refusal(*self._refusal)
        return super().get_object(Bucket, Key)

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if self._kind == "HEAD" and Key.startswith("analysis_predicted_out/"):
            raise refusal(*self._refusal)
        return super().head_object(Bucket, Key)


@pytest.mark.parametrize("kind", ["GET", "HEAD"])
@pytest.mark.parametrize(("code", "status"), [("403", 403), ("SlowDown", 503), ("InternalError", 500)])
def test_an_error_of_s3_does_not_prevent_training(
    settings: PrepareRunSettings, kind: str, code: str, status: int
) -> None:
    assert handed_over(training_job(settings, Refusing(after(NEWEST), code, status, kind))) is None


def test_a_throttle_while_skipping_is_tried_again(settings: PrepareRunSettings) -> None:
    """Without the last model an unchanged item would be trained."""
    throttled = Refusing(after(NEWEST), "SlowDown", 503, "GET")
    with pytest.raises(ServiceThrottledError):
        training_job(settings, throttled, skipUnchanged=True)


def test_an_item_whose_settings_fill_its_line_is_trained_without(settings: PrepareRunSettings) -> None:
    def entry(size: int) -> dict[str, Any]:
        values = {str(number): "x" * 1530 for number in range(40)} | {"last": "x" * size}
        return {"item": "a", "hyperparameters": values}

    def line_size(s3: Objects, size: int) -> int:
        s3.objects.pop(f"runs/{RUN}/items.json", None)
        (line,) = s3.objects[prepare(settings, s3, {"itemList": [entry(size)]}).items_key].splitlines()
        return len(line) - len(b"[]")

    # A hyperparameter stands in the line twice: in what was asked for, and in what SageMaker gets.
    room = (MAX_LINE_BYTES - line_size(Objects(data("a")), 0)) // 2
    s3 = after(NEWEST)
    assert line_size(s3, room) <= MAX_LINE_BYTES
    (line,) = s3.json(f"runs/{RUN}/items.json")
    assert handed_over(line["trainingJob"]) is None
