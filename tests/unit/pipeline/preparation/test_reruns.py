"""A rerun runs the items that have not succeeded, as originally requested, and keeps completed trainings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.documents import TrainingJob
from pipeline.errors import InvalidRequestError, ServiceThrottledError
from tests.unit.pipeline.rerun_scenario import R0, R1, RerunScenario, items, scenario_with_a_run, trained
from tests.unit.pipeline.stored_documents import failure, line


@pytest.fixture
def scenario() -> RerunScenario:
    """Return one item that succeeded, one that failed in training, one after it, and one that was cut off."""
    return scenario_with_a_run()


def test_items_run_again_that_have_not_succeeded(scenario: RerunScenario) -> None:
    rerun = scenario.rerun(R1)
    assert items(rerun) == ["item1", "item2", "item3"]
    assert rerun.mode == "train"


def test_an_item_runs_with_what_was_asked_of_it(scenario: RerunScenario) -> None:
    request = {"item": "item0", "hyperparameters": {"depth": "7"}, "transform": {"splitType": "None"}}
    scenario.s3.add_run(R0, [line(0, R0, request=request)])
    scenario.s3.add_record(R0, failure(0))
    [entry] = scenario.rerun(R1).entries
    assert (entry.hyperparameters, entry.transform.split_type) == ({"depth": "7"}, "None")


def test_a_training_that_ended_well_is_kept(scenario: RerunScenario) -> None:
    scenario.add_training(line(2, R0))
    kept = scenario.rerun(R1).kept
    assert kept.keys() == {"item2"}
    one = kept["item2"]
    assert one.training == TrainingJob.model_validate(trained(2))
    assert (one.trained_in, one.image, one.training_fingerprint) == (R0, "image:1", f"training-{R0}")
    # Of what the record tells, SageMaker is not asked.
    assert scenario.jobs.asked == []


@pytest.mark.parametrize("gone", ["sample", "artifact"])
def test_a_training_whose_files_are_gone_is_done_again(scenario: RerunScenario, gone: str) -> None:
    scenario.add_training(line(2, R0), **{gone: False})
    assert scenario.rerun(R1).kept == {}


@pytest.mark.parametrize(
    ("error", "kept"),
    [(None, True), ("ServiceThrottledError", True), ("DataNotFoundError", False), ("DataTooLargeError", False)],
)
def test_a_training_without_a_network_is_kept_unless_it_is_known_to_have_left_nothing(
    scenario: RerunScenario, error: str | None, *, kept: bool
) -> None:
    scenario.s3.metadata[f"runs/{R0}/items.json"]["isolated"] = "true"
    scenario.add_training(line(2, R0), sample=False)
    if error:
        caught = {"Error": error, "Cause": "of CreateModel"}
        scenario.s3.add_record(R0, failure(2, stage="CreateModel", training=trained(2), error=caught))
    assert ("item2" in scenario.rerun(R1).kept) is kept


def test_an_item_that_scores_another_file_needs_no_sample(scenario: RerunScenario) -> None:
    request = {"item": "item2", "predictInput": "s3://bucket/features.csv"}
    scenario.s3.add_run(R0, [line(index, R0) for index in range(2)] + [line(2, R0, request=request), line(3, R0)])
    scenario.add_training(line(2, R0), sample=False)
    assert scenario.rerun(R1).kept.keys() == {"item2"}


@pytest.mark.parametrize(
    ("status", "kept"),
    [("Completed", True), ("InProgress", False), ("Stopped", False), ("Failed", False), ("gone", False)],
)
def test_a_training_without_a_record_is_described(scenario: RerunScenario, status: str, *, kept: bool) -> None:
    scenario.add_training(line(3, R0))
    if status != "gone":
        scenario.jobs.statuses["t-item3-20261122T000000000Z"] = status
    found = scenario.rerun(R1).kept
    assert ("item3" in found) is kept
    assert scenario.jobs.asked == ["t-item3-20261122T000000000Z"]
    if kept:
        assert found["item3"].training == TrainingJob.model_validate(trained(3))


@pytest.mark.parametrize("keep_models", [False, True], ids=["removed", "kept"])
def test_a_rerun_first_cleans_up_after_a_run_that_was_cut_off(scenario: RerunScenario, keep_models: bool) -> None:
    job, model = line(3, R0)["trainingJob"]["TrainingJobName"], line(3, R0)["modelName"]
    scenario.add_training(line(3, R0))
    scenario.jobs.statuses[job] = "InProgress"
    scenario.jobs.left = {"list_training_jobs": [job, "another's"], "list_models": [model, "another's"]}
    assert "item3" not in scenario.rerun(R1, keep_models=keep_models).kept
    assert scenario.jobs.removed == ([job] if keep_models else [job, model])


def test_a_run_with_a_manifest_is_not_cleaned_up_again(scenario: RerunScenario) -> None:
    scenario.s3.add(f"runs/{R0}/manifest.json", b"{}")
    scenario.jobs.left = {"list_models": [line(3, R0)["modelName"]]}
    scenario.rerun(R1)
    assert scenario.jobs.removed == []


def test_anothers_training_of_the_same_name_is_not_taken_for_the_items_own(scenario: RerunScenario) -> None:
    error = {"Error": "NameTakenError", "Cause": "another training job is there"}
    scenario.s3.add_record(R0, failure(3, error=error))
    scenario.add_training(line(3, R0))
    scenario.jobs.statuses["t-item3-20261122T000000000Z"] = "Completed"
    rerun = scenario.rerun(R1)
    assert "item3" in items(rerun)
    assert "item3" not in rerun.kept


def test_without_an_artifact_sagemaker_is_not_asked(scenario: RerunScenario) -> None:
    assert scenario.rerun(R1).kept == {}
    assert scenario.jobs.asked == []


def test_throttling_is_left_to_the_state_machines_retry(scenario: RerunScenario) -> None:
    scenario.add_training(line(3, R0))
    scenario.jobs.statuses["t-item3-20261122T000000000Z"] = "ThrottlingException"
    with pytest.raises(ServiceThrottledError):
        scenario.rerun(R1)
    scenario.jobs.statuses["t-item3-20261122T000000000Z"] = "Completed"
    assert "item3" in scenario.rerun(R1).kept


def test_the_training_of_a_model_refused_for_its_errors_is_kept_as_such(scenario: RerunScenario) -> None:
    error = {"Error": "ModelWorseThanBaselineError", "Cause": "worse"}
    scenario.s3.add_record(R0, failure(2, stage="CreateModel", training=trained(2), error=error))
    scenario.add_training(line(2, R0))
    rerun = scenario.rerun(R1)
    assert "item2" in items(rerun)
    assert rerun.kept.keys() == {"item2"}
    assert rerun.kept["item2"].model_refused


def test_a_broken_record_is_no_success_and_its_training_is_described(scenario: RerunScenario) -> None:
    scenario.s3.add(f"runs/{R0}/records/0.json", b"{")
    scenario.add_training(line(0, R0))
    scenario.jobs.statuses["t-item0-20261122T000000000Z"] = "Completed"
    rerun = scenario.rerun(R1)
    assert items(rerun)[0] == "item0"
    assert "item0" in rerun.kept


def test_a_rerun_in_mode_score_keeps_no_training() -> None:
    scenario = RerunScenario()
    scored = line(0, R0, trainingJob=None, trainedIn=None) | {"training": None}
    scenario.s3.add_run(R0, [scored], mode="score")
    scenario.add_training(line(0, R0))
    rerun = scenario.rerun(R1)
    assert (rerun.mode, items(rerun), rerun.kept) == ("score", ["item0"], {})


def test_a_refused_item_is_tried_again(scenario: RerunScenario) -> None:
    error = {"Error": "DataEmptyError", "Cause": "empty"}
    refused = line(
        1, R0, trainingJob=None, model=None, transformJob=None, trainedIn=None, trainingFingerprint=None
    )
    scenario.s3.add_run(R0, [line(0, R0), refused | {"error": error}])
    scenario.s3.add_record(R0, failure(1, stage="PrepareRun", error=error))
    rerun = scenario.rerun(R1)
    assert (items(rerun), rerun.kept) == (["item1"], {})


def without_request(whole: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in whole.items() if key != "request"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_request, "does not hold the request of item 'item1'"),
        (
            lambda whole: whole | {"request": {"item": "item1", "colour": 1}},
            "item 'item1' of run .*: colour: unknown",
        ),
    ],
    ids=["an older version's", "no request any more"],
)
def test_a_work_list_of_another_version_is_refused_in_words(
    scenario: RerunScenario, change: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    scenario.s3.objects[f"runs/{R0}/items.json"] = json.dumps([line(0, R0), change(line(1, R0))]).encode()
    with pytest.raises(InvalidRequestError, match=said):
        scenario.rerun(R1)
