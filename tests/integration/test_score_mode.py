"""Runs that only score, with each item's last accepted model on its data as it is now."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.live.plans import starts
from tests.live.stack import Run, Stack

from .test_runs import CHOICE, JOB, TASK, rows_of, states, types

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
@starts(runs=1, items=2, training_jobs=2, transform_jobs=2)
def trained(deployed: Stack, sample: dict[str, bytes]) -> Run:
    """Return a run that trains two items."""
    for item, content in zip(items(deployed), sample.values(), strict=False):
        deployed.upload(item, content)
    run = deployed.run({"itemList": items(deployed)}, deployed.own("score-trained"))
    assert run.description["status"] == "SUCCEEDED", run.description.get("cause")
    return run


def items(stack: Stack) -> list[str]:
    """Return an item whose data changes, and one whose features are given."""
    return [stack.own("raw"), stack.own("features")]


@pytest.fixture(scope="module")
@starts(runs=1, items=3, transform_jobs=2)
def scored(deployed: Stack, trained: Run, sample: dict[str, bytes]) -> Run:
    """Return a run that scores both, and one that was never trained, after the first one has got other data."""
    raw, features = items(deployed)
    new = deployed.own("new")
    deployed.upload(raw, list(sample.values())[2])
    deployed.upload(new, list(sample.values())[2])
    bucket, run_id = deployed.outputs["OutputBucketName"], manifest_of(trained)["runId"]
    given = f"s3://{bucket}/analysis_predicted/{features}/{run_id}/sample_prediction.csv"
    entries = [raw, {"item": features, "predictInput": given}, new]
    return deployed.run({"itemList": entries, "mode": "score"}, deployed.own("score-scored"))


def manifest_of(run: Run) -> dict[str, Any]:
    assert run.manifest is not None
    return run.manifest


def test_the_data_as_it_is_now_is_scored_line_by_customer(
    deployed: Stack, scored: Run, sample: dict[str, bytes]
) -> None:
    raw = items(deployed)[0]
    assert scored.items[raw]["status"] == "SUCCEEDED", scored.items[raw]["reason"]
    assert scored.items[raw]["predictionsUri"].endswith(f"/{deployed.outputs['DatasetFileName']}.out")
    bought = {
        row["CustomerID"]
        for row in rows_of(list(sample.values())[2])
        if row["CustomerID"] and not row["InvoiceNo"].startswith("C") and int(row["Quantity"]) > 0
    }
    rows = rows_of(deployed.predictions(scored.items[raw]))
    assert {f"{float(row['CustomerID']):.1f}" for row in rows} == bought
    assert len(rows) == len(bought)
    assert all(float(row["predicted_days"]) >= 1 for row in rows)


def test_given_features_have_the_predictions_of_the_run_that_made_them(
    deployed: Stack, trained: Run, scored: Run
) -> None:
    features = items(deployed)[1]
    assert deployed.predictions(scored.items[features]) == deployed.predictions(trained.items[features])


def test_an_item_that_was_never_trained_is_told_to_be(deployed: Stack, scored: Run) -> None:
    entry = scored.items[deployed.own("new")]
    assert (entry["status"], entry["stage"], entry["error"]) == ("FAILED", "PrepareRun", "DataNotFoundError")
    assert "run it once with mode train" in entry["reason"]
    assert manifest_of(scored)["mode"] == "score"


def test_no_training_job_is_started(deployed: Stack, scored: Run) -> None:
    started = manifest_of(scored)["runId"].split("-")[0]
    jobs = deployed.client("sagemaker").list_training_jobs(NameContains=started)["TrainingJobSummaries"]
    assert jobs == []
    children = deployed.children(scored.arn)
    for item in items(deployed):
        events = deployed.history(children[item])
        assert types(events) == ["ExecutionStarted", *CHOICE, *TASK, *JOB, *TASK, *TASK, "ExecutionSucceeded"]
        assert states(events)[:3] == ["CheckItem", "CreateModel", "StartBatchTransformJob"]
        assert scored.items[item]["trainingJobName"] is None


def test_the_model_stays_the_items_last_accepted_one(deployed: Stack, trained: Run, scored: Run) -> None:
    for item in items(deployed):
        latest = json.loads(deployed.read(f"analysis_predicted/{item}/latest.json"))
        trained_in, scored_in = manifest_of(trained)["runId"], manifest_of(scored)["runId"]
        assert latest["runId"] == latest["trainedIn"] == trained_in
        noted = {mode: [run["runId"] for run in listed] for mode, listed in latest["lastRuns"].items()}
        assert noted == {"train": [trained_in], "score": [scored_in]}
        assert scored.items[item]["modelDataUrl"] == trained.items[item]["modelDataUrl"]
        assert scored.items[item]["metrics"] == trained.items[item]["metrics"]
