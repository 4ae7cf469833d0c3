"""Models are created as a step of a run and outside a run, with S3 and SageMaker in memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import layout, naming
from pipeline.contracts import CreateModelEvent, parse_event
from pipeline.errors import (
    DataNotFoundError,
    DataNotReadableError,
    InvalidRequestError,
    ModelWorseThanBaselineError,
    ServiceUnavailableError,
    TrainingNotCompletedError,
)
from pipeline.model.create_model import MAX_METRIC_TEXT_LENGTH, MAX_METRICS, create_model
from pipeline.settings import ModelSettings, load_settings
from pipeline.stored import latest_model
from tests.unit.pipeline.in_memory_aws import RUN, Models, Objects
from tests.unit.pipeline.jobs.test_sagemaker_requests import MEASURES
from tests.unit.pipeline.model.test_training_output import archive_of
from tests.unit.pipeline.stored_documents import REGISTRY, refusal

NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
LATEST = "analysis_predicted/item1/latest.json"
YOUNGER, OLDER = "20261123T000000000Z-y", "20261121T000000000Z-o"
NEVER_PREPARED = "20261122T094236123Z-nobody"
IMAGE, OTHER_IMAGE = f"{REGISTRY}/image:1", f"{REGISTRY}/image:2"


def artifact(run_id: str) -> str:
    """Return the key of the artifact of the item's training in the run."""
    return layout.model_artifact_key("item1", naming.training_job_name("item1", run_id.partition("-")[0]))


ARTIFACT = artifact(RUN)


def trained(*runs: str) -> dict[str, bytes]:
    """Return the objects that the item's trainings have written."""
    return {artifact(run_id): b"x" for run_id in (OLDER, RUN, YOUNGER, *runs)}


def create(variables: dict[str, str], s3: Objects, sagemaker: Models, /, **event: Any) -> dict[str, Any]:
    settings = load_settings(ModelSettings, variables)
    wanted = parse_event(CreateModelEvent, event)
    s3.prepared = {run_id for run_id in (wanted.run_id, wanted.trained_in) if run_id and run_id != NEVER_PREPARED}
    return create_model(wanted, settings, s3, sagemaker, NOW)  # type: ignore[arg-type]


def step(run_id: str = RUN, trained_in: str = RUN, **changes: Any) -> dict[str, Any]:
    """Return the step of a run that trains, or keeps the training of an earlier run."""
    started, trained = run_id.partition("-")[0], trained_in.partition("-")[0]
    name = naming.training_job_name("item1", trained)
    return {
        "item": "item1",
        "runId": run_id,
        "recordKey": f"runs/{run_id}/records/0.json",
        "mode": "train",
        "fingerprint": "print",
        "trainedIn": trained_in,
        "modelName": naming.model_name("item1", started),
        "modelDataUrl": f"s3://output-bucket/{artifact(trained_in)}",
        "image": IMAGE,
        "environment": {"threads": "2"},
        "training": {
            "name": name,
            "arn": f"arn:aws:sagemaker:ap-east-2:123456789012:training-job/{name.lower()}",
            "status": "Completed",
            "createdAt": 1,
        },
    } | changes


STEP = step()


def test_metrics_that_are_no_json_are_left_out(environment: dict[str, str]) -> None:
    metrics = b'{"mean_absolute_error": NaN, "best": Infinity, "customers": 3, "note": "ok", "list": [1]}'
    s3 = Objects({ARTIFACT: b"x", f"analysis_predicted/item1/{RUN}/metrics.json": metrics})
    answer = create(environment, s3, Models(), **STEP)
    assert answer["metrics"] == {"customers": 3, "note": "ok"}
    assert s3.json(LATEST)["metrics"] == answer["metrics"]


def test_all_plain_values_of_the_image_are_returned(environment: dict[str, str]) -> None:
    nested = {
        "calibration": {"0.1": 0.09},
        "left_out": {"rows": 3},
        "candidates": [{"name": "weibull"}],
        "choice": {},
    }
    metrics = json.dumps(nested | MEASURES).encode()
    s3 = Objects({ARTIFACT: b"x", f"analysis_predicted/item1/{RUN}/metrics.json": metrics})
    assert create(environment, s3, Models(), **STEP)["metrics"] == MEASURES


def test_a_long_text_is_cut(environment: dict[str, str]) -> None:
    metrics = json.dumps({"note": "x" * 5000}).encode()
    s3 = Objects({ARTIFACT: b"x", f"analysis_predicted/item1/{RUN}/metrics.json": metrics})
    assert create(environment, s3, Models(), **STEP)["metrics"] == {"note": "x" * MAX_METRIC_TEXT_LENGTH}


METRICS = f"analysis_predicted/item1/{RUN}/metrics.json"
WORSE = b'{"mean_absolute_error": 30.5, "baseline_mean_absolute_error": 20.25}'


@pytest.mark.parametrize("latest", [{}, {LATEST: b"yesterday's"}], ids=["first", "later"])
def test_a_refused_model_is_neither_created_nor_saved_at_any_attempt(
    environment: dict[str, str], latest: dict[str, bytes]
) -> None:
    before = {ARTIFACT: b"x", METRICS: WORSE, **latest}
    s3, sagemaker = Objects(dict(before)), Models()
    refusals = set()
    for _ in range(2):
        with pytest.raises(ModelWorseThanBaselineError) as refused:
            create(environment, s3, sagemaker, **STEP)
        refusals.add(str(refused.value))
    assert len(refusals) == 1
    assert f"all measures are in s3://output-bucket/{METRICS}" in refusals.pop()
    assert sagemaker.request == {}
    assert s3.objects == before


OUTPUT = layout.output_archive_key("item1", STEP["training"]["name"])
SAMPLE = layout.sample_key("item1", RUN)


def isolated(objects: dict[str, bytes], run_id: str = RUN) -> Objects:
    """Return S3 with a run whose trainings had no network."""
    s3 = Objects({ARTIFACT: b"x", **objects})
    s3.metadata[layout.items_key(run_id)] = {"isolated": "true"}
    return s3


def test_the_output_of_a_training_without_a_network_is_unpacked_and_judged(environment: dict[str, str]) -> None:
    s3 = isolated({OUTPUT: archive_of(sample_prediction__csv=b"a\n1\n", metrics__json=b'{"rows": 2}')})
    assert create(environment, s3, Models(), **STEP)["metrics"] == {"rows": 2}
    assert s3.objects[SAMPLE] == b"a\n1\n"
    worse = isolated({OUTPUT: archive_of(sample_prediction__csv=b"a\n1\n", metrics__json=WORSE)})
    with pytest.raises(ModelWorseThanBaselineError):
        create(environment, worse, Models(), **STEP)


def test_a_training_without_a_network_and_without_output_does_not_pass_the_gate(
    environment: dict[str, str],
) -> None:
    s3, sagemaker = isolated({}), Models()
    with pytest.raises(DataNotFoundError, match=r"no sample_prediction\.csv in .*output\.tar\.gz"):
        create(environment, s3, sagemaker, **STEP)
    assert sagemaker.request == {}
    assert LATEST not in s3.objects


def test_a_rerun_takes_the_files_of_the_run_that_trained(environment: dict[str, str]) -> None:
    kept = step(trained_in=OLDER)
    output = layout.output_archive_key("item1", kept["training"]["name"])
    s3 = isolated(trained() | {output: archive_of(sample_prediction__csv=b"a\n")}, OLDER)
    create(environment, s3, Models(), **kept)
    assert s3.objects[layout.sample_key("item1", OLDER)] == b"a\n"
    assert SAMPLE not in s3.objects


def test_of_a_training_with_a_network_nothing_is_unpacked(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", OUTPUT: archive_of(sample_prediction__csv=b"of its own", metrics__json=WORSE)})
    assert create(environment, s3, Models(), **STEP)["metrics"] is None
    assert SAMPLE not in s3.objects


def test_the_stacks_limit_decides(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", METRICS: WORSE})
    answer = create(environment | {"MAXIMUM_ERROR_RATIO": "1.6"}, s3, Models(), **STEP)
    assert answer["metrics"] == {"mean_absolute_error": 30.5, "baseline_mean_absolute_error": 20.25}


def test_measures_are_judged_wherever_they_stand_among_many(environment: dict[str, str]) -> None:
    many = {f"measure {number}": number for number in range(2 * MAX_METRICS)}
    s3 = Objects({ARTIFACT: b"x", METRICS: json.dumps(many | json.loads(WORSE)).encode()})
    with pytest.raises(ModelWorseThanBaselineError):
        create(environment, s3, Models(), **STEP)


@pytest.mark.parametrize(
    ("written", "told"),
    [({}, None), ({METRICS: b"[]"}, None), ({METRICS: b'{"rows": 2}'}, {"rows": 2})],
    ids=["none", "a list", "others"],
)
def test_a_training_without_measures_is_not_judged(
    environment: dict[str, str], written: dict[str, bytes], told: dict[str, int] | None
) -> None:
    s3, sagemaker = Objects({ARTIFACT: b"x", **written}), Models()
    assert create(environment, s3, sagemaker, **STEP)["metrics"] == told
    assert sagemaker.request


@pytest.mark.parametrize(
    "event",
    [
        {"modelDataUrl": f"s3://output-bucket/{ARTIFACT}"},
        {"item": "item1", "modelDataUrl": f"s3://output-bucket/{ARTIFACT}"},
    ],
    ids=["artifact", "item and artifact"],
)
def test_a_call_without_a_training_is_not_judged(environment: dict[str, str], event: dict[str, str]) -> None:
    s3, sagemaker = Objects({ARTIFACT: b"x", METRICS: WORSE}), Models()
    create(environment, s3, sagemaker, **event)
    assert sagemaker.request


def test_the_items_last_model_is_made_again_with_its_own_environment(environment: dict[str, str]) -> None:
    s3, sagemaker = Objects(trained()), Models()
    create(environment, s3, sagemaker, **STEP)
    first = sagemaker.request["PrimaryContainer"]
    create(environment, s3, sagemaker, item="item1")
    assert sagemaker.request["PrimaryContainer"] == first
    create(environment, s3, sagemaker, item="item1", environment={"threads": "4"})
    assert sagemaker.request["PrimaryContainer"]["Environment"]["threads"] == "4"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (STEP, "training must write its model to /opt/ml/model"),
        ({"modelDataUrl": f"s3://output-bucket/{ARTIFACT}"}, "check modelDataUrl"),
    ],
    ids=["step", "alone"],
)
def test_a_missing_artifact_raises(environment: dict[str, str], event: Any, said: str) -> None:
    with pytest.raises(DataNotFoundError, match=rf"no model artifact .*{ARTIFACT}; {said}"):
        create(environment, Objects({f"{ARTIFACT}.sha256": b"x"}), Models(), **event)


def test_a_checksum_beside_the_artifact_does_no_harm(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", f"{ARTIFACT}.sha256": b"x"})
    assert create(environment, s3, Models(), **STEP)["modelDataUrl"].endswith(ARTIFACT)


@pytest.mark.parametrize("content", [b"[]", b'{"runId": "x"}'])
def test_a_latest_json_of_another_shape_is_refused_by_name(environment: dict[str, str], content: bytes) -> None:
    s3 = Objects({LATEST: content})
    with pytest.raises(DataNotReadableError, match=r"item1/latest\.json cannot be read: .* remove it"):
        create(environment, s3, Models(), item="item1")


def scoring(run_id: str = RUN, **changes: Any) -> dict[str, Any]:
    """Return the step of a run that only scores."""
    return step(run_id) | {"mode": "score", "training": None, "trainedIn": None} | changes


SCORING = scoring()


def ran(step: dict[str, Any]) -> dict[str, Any]:
    return {"runId": step["runId"], "recordKey": step["recordKey"], "fingerprint": step["fingerprint"]}


@pytest.mark.parametrize(
    ("runs", "places"),
    [
        ({"run_id": NEVER_PREPARED}, ["runId"]),
        ({"trained_in": NEVER_PREPARED}, ["trainedIn"]),
        ({"run_id": NEVER_PREPARED, "trained_in": NEVER_PREPARED}, ["runId", "trainedIn"]),
    ],
)
def test_a_step_of_an_unprepared_run_is_refused(
    environment: dict[str, str], runs: dict[str, str], places: list[str]
) -> None:
    # Without metrics.json, which no such run has, the model would not be judged.
    forged = step(**runs)
    artifact_key = forged["modelDataUrl"].removeprefix("s3://output-bucket/")
    s3, sagemaker = Objects({artifact_key: b"x"}), Models()
    with pytest.raises(InvalidRequestError) as refused:
        create(environment, s3, sagemaker, **forged)
    assert [problem.partition(":")[0] for problem in refused.value.problems] == places
    assert (sagemaker.request, list(s3.objects)) == ({}, [artifact_key])


def test_a_step_that_trained_becomes_the_items_last_accepted_model(environment: dict[str, str]) -> None:
    s3 = Objects(trained() | {f"analysis_predicted/item1/{OLDER}/metrics.json": b'{"rows": 2}'})
    # A rerun that keeps the training of an older run.
    answer = create(environment, s3, Models(), **step(trained_in=OLDER))
    written = s3.json(LATEST)
    assert written.pop("acceptedAt")
    assert written == {
        "item": "item1",
        "runId": RUN,
        "trainedIn": OLDER,
        "trainingJobName": naming.training_job_name("item1", OLDER.partition("-")[0]),
        "environment": {"threads": "2"},
        "lastRuns": {"train": [ran(STEP)]},
        **{key: answer[key] for key in ("modelName", "modelDataUrl", "image", "metrics")},
    }
    assert answer["metrics"] == {"rows": 2}


@pytest.mark.parametrize(
    ("other", "replaced"), [(YOUNGER, False), (OLDER, True), (RUN, True)], ids=["younger", "older", "itself"]
)
def test_an_older_run_never_replaces_a_younger_ones_model(
    environment: dict[str, str], other: str, replaced: bool
) -> None:
    s3 = Objects(trained())
    create(environment, s3, Models(), **step(other, other, fingerprint="theirs"))
    before = s3.objects[LATEST]
    sagemaker = Models()
    create(environment, s3, sagemaker, **STEP)
    assert sagemaker.request
    assert (s3.objects[LATEST] != before) is replaced


def test_a_rerun_that_keeps_an_old_training_never_replaces_a_younger_one(environment: dict[str, str]) -> None:
    s3 = Objects(trained())
    # Accepted, but its transform failed; another run trained anew; then the first was rerun.
    for run_id, trained_in in ((OLDER, OLDER), (RUN, RUN)):
        create(environment, s3, Models(), **step(run_id, trained_in))
    before = s3.objects[LATEST]
    sagemaker = Models()
    create(environment, s3, sagemaker, **step(YOUNGER, OLDER))
    assert sagemaker.request
    assert s3.objects[LATEST] == before
    # A rerun of the youngest training is its model's newest run.
    create(environment, s3, Models(), **step(YOUNGER, RUN))
    assert (s3.json(LATEST)["runId"], s3.json(LATEST)["trainedIn"]) == (YOUNGER, RUN)


def test_the_five_newest_runs_of_each_mode_are_kept_once_through_all_models(environment: dict[str, str]) -> None:
    runs = [f"2026112{day}T000000000Z-x" for day in range(1, 8)]
    s3 = Objects(trained(*runs))
    create(environment, s3, Models(), **step(runs[0], runs[0]))
    create(environment, s3, Models(), **scoring(runs[1], modelDataUrl=f"s3://output-bucket/{artifact(runs[0])}"))
    for run_id in [*runs, runs[6]]:
        create(environment, s3, Models(), **step(run_id, run_id))
    noted = {mode: [run["runId"] for run in listed] for mode, listed in s3.json(LATEST)["lastRuns"].items()}
    assert noted == {"train": runs[:1:-1], "score": [runs[1]]}


@pytest.mark.parametrize("noted", [{"train": {"runId": RUN}}, [], {"train": [{}]}])
def test_unreadable_last_runs_count_as_none(environment: dict[str, str], noted: Any) -> None:
    s3 = Objects(trained())
    create(environment, s3, Models(), **STEP)
    s3.objects[LATEST] = json.dumps(s3.json(LATEST) | {"lastRuns": noted}).encode()
    create(environment, s3, Models(), **SCORING)
    assert s3.json(LATEST)["lastRuns"] == {"score": [ran(SCORING)]}


def test_a_step_that_scored_keeps_the_model_and_adds_its_run(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", METRICS: b'{"rows": 2}'})
    create(environment, s3, Models(), **STEP)
    before = s3.json(LATEST)
    # Kept by whoever writes the file again, whatever they know of it.
    s3.objects[LATEST] = json.dumps(before | {"note": "of another version"}).encode()
    scored = scoring(YOUNGER, fingerprint="scored")
    answer = create(environment | {"MAXIMUM_ERROR_RATIO": "0.01"}, s3, Models(), **scored)
    assert answer["metrics"] == {"rows": 2}
    after = s3.json(LATEST)
    runs = {"train": [ran(STEP)], "score": [ran(scored)]}
    assert after == before | {"note": "of another version", "lastRuns": runs}


def test_scoring_is_not_judged(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", METRICS: WORSE})
    sagemaker = Models()
    create(environment, s3, sagemaker, **SCORING)
    assert sagemaker.request
    assert LATEST not in s3.objects


@pytest.mark.parametrize(
    ("first", "noted"),
    [(YOUNGER, [YOUNGER, RUN]), (OLDER, [RUN, OLDER]), (RUN, [RUN])],
    ids=["younger", "older", "itself"],
)
def test_runs_are_kept_by_age_in_whatever_order_they_come(
    environment: dict[str, str], first: str, noted: list[str]
) -> None:
    s3 = Objects(trained())
    create(environment, s3, Models(), **STEP)
    for run_id in (first, RUN):
        create(environment, s3, Models(), **scoring(run_id))
    assert [run["runId"] for run in s3.json(LATEST)["lastRuns"]["score"]] == noted


def test_a_run_that_scored_with_a_replaced_model_is_not_added(environment: dict[str, str]) -> None:
    s3 = Objects({ARTIFACT: b"x", artifact(OLDER): b"y", METRICS: b'{"rows": 2}'})
    create(environment, s3, Models(), **STEP)
    before = s3.objects[LATEST]
    answer = create(environment, s3, Models(), **scoring(modelDataUrl=f"s3://output-bucket/{artifact(OLDER)}"))
    assert answer["metrics"] is None
    assert s3.objects[LATEST] == before


@pytest.mark.parametrize(
    ("raced", "quicker", "noted"),
    [
        (STEP, step(YOUNGER, YOUNGER), {"train": [YOUNGER, OLDER]}),
        # A rerun of the same training: its model is the one that is scored with.
        (
            scoring(modelDataUrl=f"s3://output-bucket/{artifact(OLDER)}"),
            step(YOUNGER, OLDER),
            {"train": [YOUNGER, OLDER], "score": [RUN]},
        ),
    ],
    ids=["train", "score"],
)
def test_of_two_runs_at_once_neither_is_lost(
    environment: dict[str, str], raced: dict[str, Any], quicker: dict[str, Any], noted: dict[str, list[str]]
) -> None:
    class Raced(Objects):
        races = 0

        def put_object(self, Key: str, Body: bytes, **told: Any) -> None:  # noqa: N803 - boto3's names
            if Key == LATEST and self.races:
                self.races -= 1
                create(environment, self, Models(), **quicker)
            super().put_object(Key, Body, **told)

    s3 = Raced(trained())
    create(environment, s3, Models(), **step(OLDER, OLDER))
    s3.races = 1
    create(environment, s3, Models(), **raced)
    assert s3.json(LATEST)["runId"] == YOUNGER
    runs = s3.json(LATEST)["lastRuns"]
    assert {mode: [run["runId"] for run in listed] for mode, listed in runs.items()} == noted


def test_a_latest_json_that_keeps_changing_raises(environment: dict[str, str]) -> None:
    class Restless(Objects):
        def put_object(self, Key: str, Body: bytes, **told: Any) -> None:  # noqa: N803, ARG002 - boto3's names
            self._count("put_object")
            raise refusal("PreconditionFailed", 412)

    s3 = Restless({ARTIFACT: b"x"})
    with pytest.raises(ServiceUnavailableError, match="changes too often"):
        create(environment, s3, Models(), **STEP)
    assert s3.calls["put_object"] == latest_model.ATTEMPTS


def test_a_training_that_was_stopped_makes_no_model(environment: dict[str, str]) -> None:
    s3, sagemaker = Objects(trained()), Models()
    with pytest.raises(TrainingNotCompletedError, match="ended as Stopped"):
        create(environment, s3, sagemaker, **STEP | {"training": STEP["training"] | {"status": "Stopped"}})
    assert sagemaker.request == {}


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({}, "model-item1-20261122T094236123Z"),
        ({"timestamp": "20260101T000000000Z"}, "model-item1-20260101T000000000Z"),
        ({"environment": {"threads": "4"}}, "model-item1-20261128T100000000Z"),
        ({"image": OTHER_IMAGE}, "model-item1-20261128T100000000Z"),
        ({"modelName": "mine", "image": OTHER_IMAGE}, "mine"),
    ],
    ids=["the same", "timestamp", "other environment", "other image", "named"],
)
def test_the_items_last_model_has_its_own_name_only_where_it_is_the_same(
    environment: dict[str, str], event: dict[str, Any], name: str
) -> None:
    s3 = Objects(trained())
    create(environment, s3, Models(), **STEP)
    assert create(environment, s3, Models(), item="item1", **event)["modelName"] == name


def test_a_call_alone_changes_no_latest_json(environment: dict[str, str]) -> None:
    s3 = Objects(trained())
    create(environment, s3, Models(), **STEP)
    before = s3.objects[LATEST]
    create(environment, s3, Models(), item="item1")
    create(environment, s3, Models(), item="item1", modelDataUrl=f"s3://output-bucket/{ARTIFACT}")
    assert s3.objects[LATEST] == before
