"""`automlops manifest` on a run that was stopped: SummarizeRun's own manifest, and nothing left that runs."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from automlops.errors import CommandError
from automlops.runs.close_run import close_run
from tests.live.plans import starts
from tests.live.stack import Looks, Run, Stack

pytestmark = pytest.mark.live


def close(deployed: Stack, run_id: str) -> str:
    """Return what the command prints."""
    shown = io.StringIO()
    close_run(Console(file=shown, width=200), deployed.connection, deployed.name, run_id)
    return shown.getvalue()


@pytest.fixture(scope="module")
@starts(runs=1, items=1, training_jobs=1)
def stopped(deployed: Stack, small_csv: bytes) -> str:
    """Return the id of a run of two items, stopped while the first was trained."""
    items, name = [deployed.own("cut-one"), deployed.own("cut-two")], deployed.own("cut")
    for item in items:
        deployed.upload(item, small_csv)
    arn = deployed.start({"itemList": items, "maxConcurrency": 1}, name)
    looks = Looks(deployed.patience)
    sagemaker = deployed.client("sagemaker")
    while not sagemaker.list_training_jobs(NameContains=f"training-job-{items[0]}")["TrainingJobSummaries"]:
        looks.pause(f"{name} started no training")
    (key,) = [key for key in deployed.keys("runs/") if key.endswith(f"-{name}/items.json")]
    run_id = key.split("/")[1]
    with pytest.raises(CommandError, match="still under way"):
        close(deployed, run_id)
    deployed.client("stepfunctions").stop_execution(executionArn=arn)
    run = deployed.wait(arn)
    assert run.description["status"] == "ABORTED"
    assert run.content is None
    return run_id


@pytest.fixture(scope="module")
def shown(deployed: Stack, stopped: str) -> str:
    """Return what the command says of it."""
    return close(deployed, stopped)


def manifest_of(deployed: Stack, run_id: str, shown: str) -> Run:
    assert f"runs/{run_id}/manifest.json" in shown
    return Run("", {}, deployed.read(f"runs/{run_id}/manifest.json"))


def test_items_that_were_cut_off_are_unfinished(deployed: Stack, stopped: str, shown: str) -> None:
    run = manifest_of(deployed, stopped, shown)
    assert {entry["status"] for entry in run.items.values()} == {"UNFINISHED"}
    assert "0 of 2 items succeeded, 0 failed, 2 did not finish" in shown


def test_no_job_of_the_run_goes_on(deployed: Stack, stopped: str, shown: str) -> None:
    run = manifest_of(deployed, stopped, shown)
    name = run.items[deployed.own("cut-one")]["trainingJobName"]
    looks = Looks(deployed.patience)
    sagemaker = deployed.client("sagemaker")
    while (status := sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]) == "Stopping":
        looks.pause(f"{name} did not stop")
    assert status in {"Stopped", "Completed"}


def test_the_manifest_is_summarize_runs_own(deployed: Stack, stopped: str, shown: str) -> None:
    made = manifest_of(deployed, stopped, shown).manifest
    assert made is not None
    key = f"runs/{stopped}/items.json"
    told = deployed.client("s3").head_object(Bucket=deployed.outputs["OutputBucketName"], Key=key)["Metadata"]
    answer = deployed.invoke("SummarizeRun", json.loads(told["run"]))
    assert answer["verdict"] == "FAILED"
    summed_up = json.loads(deployed.read(answer["manifestKey"]))
    assert summed_up.pop("endedAt") > made.pop("endedAt")
    assert summed_up == made


def test_asked_again_it_shows_what_is_there(deployed: Stack, stopped: str, shown: str) -> None:
    before = deployed.read(f"runs/{stopped}/manifest.json")
    assert "--force writes it again" in close(deployed, stopped)
    assert deployed.read(f"runs/{stopped}/manifest.json") == before
    assert "--force" not in shown


@pytest.mark.usefixtures("shown")
@starts(runs=1, items=2, training_jobs=2, transform_jobs=2)
def test_a_rerun_completes_it(deployed: Stack, stopped: str) -> None:
    run = deployed.run({"rerunOf": stopped}, deployed.own("cut-completed"))
    assert run.description["status"] == "SUCCEEDED", run.description.get("cause")
    assert [*run.items] == [deployed.own("cut-one"), deployed.own("cut-two")]
