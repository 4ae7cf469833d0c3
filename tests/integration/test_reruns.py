"""Reruns: what failed runs again with what it was asked for, what was done stays done, and never two at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.plans import starts
from tests.live.stack import Looks, Run, Stack

pytestmark = pytest.mark.live

NO_TABLE = b"this is,no table\nof transactions,1\n"


def put_features(deployed: Stack, item: str, content: bytes) -> str:
    """Put the file that the item scores into the data bucket; its URI."""
    bucket, key = deployed.outputs["DataBucketName"], f"analysis_predict/{item}/features.csv"
    deployed.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def own(deployed: Stack, stem: str) -> str:
    """Return a name of this session that no other module uses."""
    return deployed.own(f"rerun-{stem}")


def run_id_of(run: Run) -> str:
    assert run.manifest is not None, run.description
    run_id: str = run.manifest["runId"]
    return run_id


def cause_of(run: Run) -> str:
    cause: str = json.loads(run.description["cause"])["errorMessage"]
    return cause


@pytest.fixture(scope="module")
@starts(runs=1, items=4, training_jobs=3, transform_jobs=2)
def first(deployed: Stack, small_csv: bytes) -> Run:
    """One item that succeeds, and three that fail: before training, in it, and after it."""
    fine, absent, broken, scored = (own(deployed, stem) for stem in ("fine", "absent", "broken", "scored"))
    deployed.upload(fine, small_csv)
    deployed.upload(broken, NO_TABLE)
    deployed.upload(scored, small_csv)
    features = put_features(deployed, scored, NO_TABLE)
    entries: list[Any] = [fine, absent, broken, {"item": scored, "predictInput": features}]
    return deployed.run({"itemList": entries}, own(deployed, "first"))


@pytest.fixture(scope="module")
@starts(runs=1, items=3, training_jobs=2, transform_jobs=3)
def second(deployed: Stack, small_csv: bytes, first: Run) -> Run:
    """Its rerun, after everything was repaired."""
    deployed.upload(own(deployed, "absent"), small_csv)
    deployed.upload(own(deployed, "broken"), small_csv)
    scored = own(deployed, "scored")
    features = deployed.read(f"analysis_predicted/{scored}/{run_id_of(first)}/sample_prediction.csv")
    put_features(deployed, scored, features)
    return deployed.run({"rerunOf": run_id_of(first)}, own(deployed, "second"))


def test_the_first_run_fails_at_three_stages(deployed: Stack, first: Run) -> None:
    found = {item: (entry["status"], entry["stage"]) for item, entry in first.items.items()}
    assert found == {
        own(deployed, "fine"): ("SUCCEEDED", "StartBatchTransformJob"),
        own(deployed, "absent"): ("FAILED", "PrepareRun"),
        own(deployed, "broken"): ("FAILED", "StartTrainingJob"),
        own(deployed, "scored"): ("FAILED", "StartBatchTransformJob"),
    }


def test_a_rerun_runs_what_failed_and_nothing_else(deployed: Stack, first: Run, second: Run) -> None:
    assert second.description["status"] == "SUCCEEDED", second.description.get("cause")
    assert [*second.items] == [own(deployed, stem) for stem in ("absent", "broken", "scored")]
    assert {entry["status"] for entry in second.items.values()} == {"SUCCEEDED"}
    assert second.manifest is not None
    assert second.manifest["rerunOf"] == run_id_of(first)


def test_an_item_that_failed_after_its_training_keeps_it(deployed: Stack, first: Run, second: Run) -> None:
    scored = own(deployed, "scored")
    before, after = first.items[scored], second.items[scored]
    assert after["trainingJobName"] == before["trainingJobName"]
    assert after["trainedIn"] == run_id_of(first)
    jobs = deployed.client("sagemaker").list_training_jobs(NameContains=f"training-job-{scored}")
    assert [job["TrainingJobName"] for job in jobs["TrainingJobSummaries"]] == [before["trainingJobName"]]
    states = [
        event["stateEnteredEventDetails"]["name"]
        for event in deployed.history(deployed.children(second.arn)[scored])
        if "stateEnteredEventDetails" in event
    ]
    assert states == ["CheckItem", "CreateModel", "StartBatchTransformJob", "DeleteModel", "RecordSuccess"]


def test_an_item_runs_again_with_what_was_asked_of_it(deployed: Stack, second: Run) -> None:
    scored = own(deployed, "scored")
    assert second.items[scored]["predictionsUri"].endswith(f"/{run_id_of(second)}/features.csv.out")
    assert deployed.predictions(second.items[scored])


def test_a_rerun_overwrites_nothing(deployed: Stack, first: Run, second: Run) -> None:
    records = deployed.keys(f"runs/{run_id_of(first)}/records/")
    assert len(records) == len(first.items)
    assert len(deployed.keys(f"runs/{run_id_of(second)}/records/")) == len(second.items)
    assert first.content == deployed.read(f"runs/{run_id_of(first)}/manifest.json")


@pytest.mark.usefixtures("second")
@starts(runs=1)
def test_a_rerun_of_a_run_that_is_complete_is_refused(
    deployed: Stack, first: Run, unique: Callable[[str], str]
) -> None:
    run = deployed.run({"rerunOf": run_id_of(first)}, unique("third"))
    assert run.description["error"] == "NothingToRerunError"
    assert "each of its 4 items has succeeded in it or in a rerun" in cause_of(run)
    assert run.content is None


@starts(runs=1)
def test_a_run_that_is_not_there_is_not_rerun(deployed: Stack, unique: Callable[[str], str]) -> None:
    run = deployed.run({"rerunOf": "20200101T000000000Z-nobody"}, unique("rerun"))
    assert run.description["error"] == "RunNotFoundError"
    assert "there is no run 20200101T000000000Z-nobody" in cause_of(run)


@starts(runs=2, items=1, training_jobs=1, transform_jobs=1)
def test_a_run_under_way_is_not_rerun(deployed: Stack, small_csv: bytes, unique: Callable[[str], str]) -> None:
    item, name = unique("under-way"), unique("under-way")
    deployed.upload(item, small_csv)
    arn = deployed.start({"itemList": [item]}, name)
    looks = Looks(deployed.patience)
    while not (found := [key for key in deployed.keys("runs/") if key.endswith(f"-{name}/items.json")]):
        looks.pause(f"{name} was not prepared")
    run_id = found[0].split("/")[1]
    rerun = deployed.run({"rerunOf": run_id}, unique("too-early"))
    assert rerun.description["error"] == "RunNotEndedError"
    assert f"run {run_id} is still running" in cause_of(rerun)
    assert deployed.wait(arn).description["status"] == "SUCCEEDED"
