"""What an earlier version has stored is read: its runs are summed up and rerun, its models scored with, its successes kept.

earlier_version.json holds what that version left on the emulator: a run of three items, of which one succeeded, one
failed in training and one was refused; a run that skipped the unchanged one; and a rerun of the first.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from automlops.aws.stored_runs import parse_manifest
from pipeline.aws.s3_objects import DataObject
from pipeline.contracts import CreateModelEvent, ItemRequest, parse_event
from pipeline.documents import as_json
from pipeline.errors import DataNotReadableError
from pipeline.preparation import fingerprints
from pipeline.settings import PrepareRunSettings, load_settings
from pipeline.stored import latest_model, run_files
from pipeline.summary.write_manifest import write_manifest
from tests.unit.pipeline.rerun_scenario import RerunScenario
from tests.unit.pipeline.stored_documents import BUCKET

STORED = json.loads((Path(__file__).parent / "earlier_version.json").read_text(encoding="utf-8"))
FIRST, SKIPPING, RERUN = "20261130T234725947Z-first", "20261130T234732012Z-second", "20261130T234736204Z-third"


@pytest.fixture
def scenario() -> RerunScenario:
    scenario = RerunScenario()
    for key, content in STORED["objects"].items():
        scenario.s3.add(key, content)
    scenario.s3.metadata |= STORED["metadata"]
    return scenario


@pytest.mark.parametrize("run_id", [FIRST, SKIPPING, RERUN])
def test_a_run_of_that_version_gets_the_manifest_that_it_had(scenario: RerunScenario, run_id: str) -> None:
    before = scenario.s3.json(f"runs/{run_id}/manifest.json")
    s3: Any = scenario.s3
    run = run_files.read_prepared_run(s3, BUCKET, run_id)
    made = as_json(write_manifest(run, BUCKET, s3, None, datetime.now(UTC)).manifest)
    # Times and billed seconds are new, and so is what follows from them of jobs that failed.
    for item in made["items"]:
        del item["training"], item["transform"]
        if item["status"] == "FAILED":
            item["durationSeconds"] = None
    assert made == before | {"endedAt": made["endedAt"]}


def test_its_manifest_is_read(scenario: RerunScenario) -> None:
    manifest = parse_manifest(scenario.s3.objects[f"runs/{FIRST}/manifest.json"])
    assert [(item.item, item.status) for item in manifest.items] == [
        ("good", "SUCCEEDED"),
        ("bad", "FAILED"),
        ("missing", "FAILED"),
    ]


def test_its_run_is_rerun(scenario: RerunScenario) -> None:
    rerun = scenario.rerun("20261201T000000000Z-now", of=FIRST)
    assert [entry.item for entry in rerun.entries] == ["bad", "missing"]


def test_its_finished_training_is_kept(scenario: RerunScenario) -> None:
    del scenario.s3.objects[f"runs/{FIRST}/records/0.json"]
    (line, *_) = STORED["objects"][f"runs/{FIRST}/items.json"]
    scenario.add_training(line)
    scenario.jobs.statuses[line["trainingJob"]["TrainingJobName"]] = "Completed"
    rerun = scenario.rerun("20261201T000000000Z-now", of=FIRST)
    assert rerun.kept["good"].training.name == line["trainingJob"]["TrainingJobName"]
    assert rerun.kept["good"].image == line["model"]["image"]


def test_its_last_model_is_the_items(scenario: RerunScenario) -> None:
    s3: Any = scenario.s3
    model = latest_model.read_latest(s3, BUCKET, "good")
    assert model.model_name == "model-good-20261130T234725947Z"
    assert model.environment == {"threads": "2"}
    assert [run.run_id for run in model.last_runs["train"]] == [FIRST]


def test_a_step_of_its_definition_is_taken() -> None:
    job = {"name": "training-job-good", "arn": "arn:t", "status": "Completed", "createdAt": 1796082447241}
    event = parse_event(
        CreateModelEvent,
        {
            "item": "good",
            "runId": FIRST,
            "recordKey": f"runs/{FIRST}/records/0.json",
            "mode": "train",
            "fingerprint": "f",
            "trainedIn": FIRST,
            "modelName": "model-good",
            "image": "image:1",
            "modelDataUrl": "s3://output-bucket/model.tar.gz",
            "environment": {},
            "training": job,
        },
    )
    assert event.training is not None
    assert event.training.status == "Completed"


def test_what_is_no_line_of_any_version_is_refused_by_name(scenario: RerunScenario) -> None:
    lines = STORED["objects"][f"runs/{FIRST}/items.json"]
    scenario.s3.add(f"runs/{FIRST}/items.json", [lines[0] | {"transformJob": {"TransformJobName": "b"}}])
    s3: Any = scenario.s3
    with pytest.raises(DataNotReadableError, match="not as an earlier version wrote them"):
        run_files.read_lines(s3, BUCKET, FIRST)


def test_fingerprints_are_those_of_that_version(environment: dict[str, str]) -> None:
    settings = load_settings(PrepareRunSettings, environment | {"MODEL_BACKEND": "lightgbm"})
    entry = parse_event(
        ItemRequest,
        {
            "item": "台北",
            "input": None,
            "predictInput": "s3://bucket/x.csv",
            "hyperparameters": {"seed": "1"},
            "environment": {"A": ""},
            "training": {"useSpot": False, "volumeSizeInGB": 5},
            "transform": {"maxConcurrentTransforms": 0, "splitType": "Line"},
        },
    )
    data = [DataObject("s3://bucket/a.csv", '"e"', 5, datetime.now(UTC))]
    made_by = {"image": "i", "artifact": "a", "environment": {}}
    # Computed by that version: another value would train every unchanged item again.
    assert fingerprints.training_fingerprint(entry, settings, data) == (
        "6476a90fbd43f4de6c0281362165fed5a8ea2058dd0109f7784f2d77d878f5d2"
    )
    assert fingerprints.result_fingerprint(entry, settings, data, mode="train", model="m") == (
        "f184e05e3d0097aa1bcf8f5a6dc20a6b625f337134f3ddb0d5bfa7655e11dd94"
    )
    assert fingerprints.result_fingerprint(entry, settings, data, mode="score", model=made_by) == (
        "da1f80cfab1e9e5619b94426ed3c87c5ff377701b2e3c825701ba5d23fd879f9"
    )
