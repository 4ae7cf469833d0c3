"""A rerun does what is left of a run and its reruns: nothing twice, nothing lost, and never beside another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import (
    InvalidRequestError,
    NothingToRerunError,
    RunConflictError,
    RunNotEndedError,
    RunNotFoundError,
    ServiceThrottledError,
    ServiceUnavailableError,
)
from pipeline.reruns import Own, Rerun, Services, marker_key, select_for_rerun
from tests.unit.pipeline.stored import BUCKET, Bucket, failure, line, refusal, success

# A run and its reruns, oldest first.
R0, R1, R2, R3 = (f"20261122T0{hour}0000000Z-x" for hour in range(4))
TRAINED = {
    "name": "t-item0-20261122T000000000Z",
    "arn": "arn:t",
    "status": "Completed",
    "createdAt": 1795340556123,
}


class Executions:
    """Step Functions: execution to status; one that it does not know no longer exists."""

    def __init__(self, statuses: Mapping[str, str] | None = None) -> None:
        self.statuses = dict(statuses or {})

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        if executionArn not in self.statuses:
            raise refusal("ExecutionDoesNotExist")
        return {"status": self.statuses[executionArn]}


class Jobs:
    """SageMaker: training job to status, or to the code of a refusal; what was asked is remembered."""

    def __init__(self, statuses: Mapping[str, str] | None = None) -> None:
        self.statuses = dict(statuses or {})
        self.asked: list[str] = []

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.asked.append(TrainingJobName)
        status = self.statuses.get(TrainingJobName, "ValidationException")
        if status.endswith("Exception"):
            raise refusal(status)
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobArn": "arn:t",
            "TrainingJobStatus": status,
            "CreationTime": datetime(2026, 11, 22, 9, 42, 36, 123_000, tzinfo=UTC),
        }


class Place:
    """An output bucket, executions and jobs."""

    def __init__(self) -> None:
        self.s3 = Bucket()
        self.executions = Executions()
        self.jobs = Jobs()

    def rerun(self, run_id: str, of: str = R0) -> Rerun:
        """What PrepareRun of the execution of `run_id` is told."""
        services: Any = Services(self.s3, self.executions, self.jobs)  # type: ignore[arg-type]
        return select_for_rerun(of, Own(run_id, f"arn:{run_id}"), BUCKET, services)

    def add_rerun(
        self, run_id: str, of: str, lines: list[dict[str, Any]], *records: dict[str, Any], root: str = R0
    ) -> None:
        """A rerun that has ended."""
        self.s3.add(marker_key(root, run_id), {"executionArn": f"arn:{run_id}"})
        self.s3.add_run(run_id, lines, rerunOf=of)
        for record in records:
            self.s3.add_record(run_id, record)

    def add_training(self, whole: dict[str, Any], *, sample: bool = True, artifact: bool = True) -> None:
        """What the line's training has written."""
        if artifact:
            self.s3.add(whole["model"]["modelDataUrl"].removeprefix(f"s3://{BUCKET}/"), b"x")
        if sample:
            self.s3.add(f"analysis_predicted/{whole['item']}/{whole['trainedIn']}/sample_prediction.csv", b"x")


@pytest.fixture
def place() -> Place:
    """Run R0 of four items: one succeeded, one failed in training, one after it, one was cut off."""
    place = Place()
    place.s3.add_run(R0, [line(index, R0) for index in range(4)])
    place.s3.add_record(R0, success(0))
    place.s3.add_record(R0, failure(1))
    place.s3.add_record(R0, failure(2, stage="StartBatchTransformJob", training=trained(2)))
    return place


def trained(index: int, run_id: str = R0) -> dict[str, Any]:
    return TRAINED | {"name": f"t-item{index}-{run_id.partition('-')[0]}"}


def items(rerun: Rerun) -> list[str]:
    return [entry.item for entry in rerun.entries]


def test_items_run_again_that_have_not_succeeded(place: Place) -> None:
    rerun = place.rerun(R1)
    assert items(rerun) == ["item1", "item2", "item3"]
    assert rerun.mode == "train"


def test_an_item_runs_with_what_was_asked_of_it(place: Place) -> None:
    request = {"item": "item0", "hyperparameters": {"depth": "7"}, "transform": {"splitType": "None"}}
    place.s3.add_run(R0, [line(0, R0, request=request)])
    place.s3.add_record(R0, failure(0))
    [entry] = place.rerun(R1).entries
    assert (entry.hyperparameters, entry.transform.split_type) == ({"depth": "7"}, "None")


def test_a_training_that_ended_well_is_kept(place: Place) -> None:
    place.add_training(line(2, R0))
    kept = place.rerun(R1).kept
    assert kept.keys() == {"item2"}
    one = kept["item2"]
    assert one.training == trained(2)
    assert (one.trained_in, one.image, one.fingerprint) == (R0, "image:1", f"print-{R0}")
    # Of what the record tells, SageMaker is not asked.
    assert place.jobs.asked == []


@pytest.mark.parametrize("gone", ["sample", "artifact"])
def test_a_training_whose_files_are_gone_is_done_again(place: Place, gone: str) -> None:
    place.add_training(line(2, R0), **{gone: False})
    assert place.rerun(R1).kept == {}


def test_an_item_that_scores_another_file_needs_no_sample(place: Place) -> None:
    request = {"item": "item2", "predictInput": "s3://bucket/features.csv"}
    place.s3.add_run(R0, [line(index, R0) for index in range(2)] + [line(2, R0, request=request), line(3, R0)])
    place.add_training(line(2, R0), sample=False)
    assert place.rerun(R1).kept.keys() == {"item2"}


@pytest.mark.parametrize(
    ("status", "kept"),
    [("Completed", True), ("InProgress", False), ("Stopped", False), ("Failed", False), ("gone", False)],
)
def test_a_training_of_which_nothing_was_recorded_is_asked_about(place: Place, status: str, *, kept: bool) -> None:
    place.add_training(line(3, R0))
    if status != "gone":
        place.jobs.statuses["t-item3-20261122T000000000Z"] = status
    found = place.rerun(R1).kept
    assert ("item3" in found) is kept
    assert place.jobs.asked == ["t-item3-20261122T000000000Z"]
    if kept:
        assert found["item3"].training == trained(3) | {"createdAt": 1795340556123}


def test_without_an_artifact_sagemaker_is_not_asked(place: Place) -> None:
    assert place.rerun(R1).kept == {}
    assert place.jobs.asked == []


def test_a_throttled_question_is_for_the_state_machine_to_ask_again(place: Place) -> None:
    place.add_training(line(3, R0))
    place.jobs.statuses["t-item3-20261122T000000000Z"] = "ThrottlingException"
    with pytest.raises(ServiceThrottledError):
        place.rerun(R1)
    place.jobs.statuses["t-item3-20261122T000000000Z"] = "Completed"
    assert "item3" in place.rerun(R1).kept


def test_a_model_refused_for_its_errors_is_trained_anew(place: Place) -> None:
    error = {"Error": "ModelWorseThanBaselineError", "Cause": "worse"}
    place.s3.add_record(R0, failure(2, stage="CreateModel", training=trained(2), error=error))
    place.add_training(line(2, R0))
    rerun = place.rerun(R1)
    assert "item2" in items(rerun)
    assert rerun.kept == {}


def test_a_broken_record_is_no_success_and_its_training_is_asked_about(place: Place) -> None:
    place.s3.add(f"runs/{R0}/records/0.json", b"{")
    place.add_training(line(0, R0))
    place.jobs.statuses["t-item0-20261122T000000000Z"] = "Completed"
    rerun = place.rerun(R1)
    assert items(rerun)[0] == "item0"
    assert "item0" in rerun.kept


def test_a_rerun_in_mode_score_keeps_no_training() -> None:
    place = Place()
    scored = line(0, R0, trainingJob=None, trainedIn=None) | {"training": None}
    place.s3.add_run(R0, [scored], mode="score")
    place.add_training(line(0, R0))
    rerun = place.rerun(R1)
    assert (rerun.mode, items(rerun), rerun.kept) == ("score", ["item0"], {})


def test_a_refused_item_is_tried_again(place: Place) -> None:
    refused = line(1, R0, trainingJob=None, model=None, transformJob=None, trainedIn=None, fingerprint=None)
    place.s3.add_run(R0, [line(0, R0), refused])
    place.s3.add_record(R0, failure(1, stage="PrepareRun", error={"Error": "DataEmptyError", "Cause": "empty"}))
    rerun = place.rerun(R1)
    assert (items(rerun), rerun.kept) == (["item1"], {})


# --- the family ---------------------------------------------------------------------------------------------------


def test_what_a_rerun_has_done_is_not_done_again(place: Place) -> None:
    place.add_rerun(R1, R0, [line(0, R1, item="item1"), line(1, R1, item="item3")], success(0, "item1"))
    assert items(place.rerun(R2)) == ["item2", "item3"]


def test_a_rerun_of_a_rerun_has_that_ones_items_and_sees_its_brothers(place: Place) -> None:
    place.add_rerun(R1, R0, [line(0, R1, item="item1"), line(1, R1, item="item3")])
    place.add_rerun(R2, R0, [line(0, R2, item="item1"), line(1, R2, item="item2")], success(0, "item1"))
    assert items(place.rerun(R3, of=R1)) == ["item3"]
    assert place.s3.json(marker_key(R0, R3)) == {"executionArn": f"arn:{R3}"}


def test_a_training_is_kept_through_reruns_that_fail(place: Place) -> None:
    place.add_training(line(2, R0))
    kept = place.rerun(R1).kept["item2"]
    again = line(0, R1, item="item2", trainingJob=None, training=kept.training, trainedIn=kept.trained_in)
    again["model"] |= {"image": kept.image, "modelDataUrl": line(2, R0)["model"]["modelDataUrl"]}
    again["fingerprint"] = kept.fingerprint
    # Cut off before there was a record; then failed.
    place.add_rerun(R1, R0, [again])
    assert place.rerun(R2).kept["item2"] == kept
    place.s3.add_record(R1, failure(0, "item2", stage="StartBatchTransformJob", training=kept.training))
    assert place.rerun(R2).kept["item2"] == kept
    assert place.jobs.asked == []


def test_the_newest_training_is_kept(place: Place) -> None:
    newer = line(0, R1, item="item2")
    record = failure(0, "item2", stage="StartBatchTransformJob", training=trained(2, R1))
    place.add_rerun(R1, R0, [newer], record)
    place.add_training(line(2, R0))
    place.add_training(newer)
    assert place.rerun(R2).kept["item2"].trained_in == R1


def test_an_older_training_is_kept_where_the_newer_one_is_gone(place: Place) -> None:
    record = failure(0, "item2", stage="StartBatchTransformJob", training=trained(2, R1))
    place.add_rerun(R1, R0, [line(0, R1, item="item2")], record)
    place.add_training(line(2, R0))
    assert place.rerun(R2).kept["item2"].trained_in == R0


def test_ten_reruns_in_a_row_do_everything_once() -> None:
    place = Place()
    names = [f"item{index}" for index in range(10)]
    place.s3.add_run(R0, [line(index, R0) for index in range(10)])
    done: list[str] = []
    for number in range(1, 11):
        run_id = f"20261122T0{number - 1}1500000Z-x"
        left = items(place.rerun(run_id))
        assert left == [name for name in names if name not in done]
        # Each completes one item; one is recorded as failed, the others are cut off.
        records = [success(0, left[0]), *([failure(1, left[1])] if len(left) > 1 else [])]
        place.add_rerun(run_id, R0, [line(index, run_id, item=item) for index, item in enumerate(left)], *records)
        done.append(left[0])
    with pytest.raises(NothingToRerunError, match="each of its 10 items has succeeded"):
        place.rerun(R3.replace("T03", "T23"))


@given(
    outcomes=st.lists(
        st.lists(st.sampled_from(["good", "bad", "broken", "none"]), min_size=5, max_size=5), max_size=6
    )
)
def test_an_item_runs_until_it_has_succeeded_once(outcomes: list[list[str]]) -> None:
    place = Place()
    place.s3.add_run(R0, [line(index, R0) for index in range(5)])
    open_ = {f"item{index}": index for index in range(5)}
    run_id = R0
    for number, round_ in enumerate([*outcomes, ["none"] * 5]):
        for index, item in enumerate(list(open_)):
            match round_[index]:
                case "good":
                    place.s3.add_record(run_id, success(index, item))
                    del open_[item]
                case "bad":
                    place.s3.add_record(run_id, failure(index, item))
                case "broken":
                    place.s3.add(f"runs/{run_id}/records/{index}.json", b"{")
        run_id = f"20261123T0{number}0000000Z-x"
        if not open_:
            with pytest.raises(NothingToRerunError):
                place.rerun(run_id)
            return
        assert items(place.rerun(run_id)) == list(open_)
        place.add_rerun(run_id, R0, [line(index, run_id, item=item) for index, item in enumerate(open_)])


def test_a_rerun_whose_preparation_failed_has_done_nothing(place: Place) -> None:
    place.s3.add(marker_key(R0, R1), {"executionArn": f"arn:{R1}"})
    place.executions.statuses[f"arn:{R1}"] = "FAILED"
    assert items(place.rerun(R2)) == ["item1", "item2", "item3"]


def test_a_family_whose_first_run_is_gone_stays_together(place: Place) -> None:
    place.add_rerun(R1, R0, [line(0, R1, item="item1"), line(1, R1, item="item3")])
    place.add_rerun(R2, R1, [line(0, R2, item="item3")], success(0, "item3"))
    del place.s3.objects[f"runs/{R0}/items.json"]
    assert items(place.rerun(R3, of=R1)) == ["item1"]


# --- refusals -----------------------------------------------------------------------------------------------------


def refused(place: Place, run_id: str) -> bool:
    return bool(place.s3.json(marker_key(R0, run_id)).get("refused"))


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_a_run_under_way_is_not_rerun(place: Place, status: str) -> None:
    place.executions.statuses[f"arn:{R0}"] = status
    with pytest.raises(RunNotEndedError, match=f"{R0} is still under way"):
        place.rerun(R1)
    assert refused(place, R1)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
def test_a_run_that_ended_is_rerun_also_without_a_manifest(place: Place, status: str) -> None:
    place.executions.statuses[f"arn:{R0}"] = status
    assert items(place.rerun(R1)) == ["item1", "item2", "item3"]
    assert not refused(place, R1)


def test_a_run_with_a_manifest_has_ended_whatever_its_execution_still_does(place: Place) -> None:
    place.executions.statuses[f"arn:{R0}"] = "RUNNING"
    place.s3.add(f"runs/{R0}/manifest.json", {})
    assert items(place.rerun(R1)) == ["item1", "item2", "item3"]


def test_an_earlier_rerun_under_way_keeps_a_later_one_out(place: Place) -> None:
    place.add_rerun(R1, R0, [line(0, R1, item="item1")])
    place.executions.statuses[f"arn:{R1}"] = "RUNNING"
    with pytest.raises(RunNotEndedError, match=R1):
        place.rerun(R2)


@pytest.mark.parametrize("first", [R1, R2])
def test_of_two_reruns_at_once_exactly_one_goes_on(place: Place, first: str) -> None:
    second = R2 if first == R1 else R1
    place.executions.statuses |= {f"arn:{R1}": "RUNNING", f"arn:{R2}": "RUNNING"}
    place.rerun(first)
    place.s3.add_run(first, [line(0, first, item="item1")], rerunOf=R0)
    with pytest.raises(RunNotEndedError, match=first):
        place.rerun(second)


def test_a_rerun_waits_for_a_later_one_that_may_not_have_seen_it(place: Place) -> None:
    place.executions.statuses |= {f"arn:{R1}": "RUNNING", f"arn:{R2}": "RUNNING"}
    place.rerun(R2)
    # R2 has looked when R1 had left no marker, and has not written its work list yet.
    with pytest.raises(ServiceUnavailableError, match=R2):
        place.rerun(R1)
    # R2's preparation fails and is tried again: now it sees R1, gives up, and R1 goes on.
    with pytest.raises(RunNotEndedError, match=R1):
        place.rerun(R2)
    assert items(place.rerun(R1)) == ["item1", "item2", "item3"]


def test_a_refused_rerun_is_in_nobodys_way(place: Place) -> None:
    place.executions.statuses |= {f"arn:{R0}": "RUNNING", f"arn:{R1}": "RUNNING"}
    with pytest.raises(RunNotEndedError):
        place.rerun(R1)
    place.executions.statuses[f"arn:{R0}"] = "ABORTED"
    assert items(place.rerun(R2)) == ["item1", "item2", "item3"]
    # Started again by the state machine, it is one like any other.
    with pytest.raises(ServiceUnavailableError, match=R2):
        place.executions.statuses[f"arn:{R2}"] = "RUNNING"
        place.rerun(R1)
    assert not refused(place, R1)


def test_a_retry_finds_its_own_marker(place: Place) -> None:
    assert items(place.rerun(R1)) == items(place.rerun(R1))
    place.s3.add(marker_key(R0, R1), {"executionArn": "arn:another"})
    with pytest.raises(RunConflictError, match="another execution"):
        place.rerun(R1)


def test_a_run_that_is_not_there_is_not_rerun(place: Place) -> None:
    with pytest.raises(RunNotFoundError, match=R2):
        place.rerun(R3, of=R2)
    assert not [key for key in place.s3.objects if "/reruns/" in key]


def test_a_run_all_of_whose_items_have_succeeded_is_not_rerun(place: Place) -> None:
    place.s3.add_run(R0, [line(0, R0)])
    with pytest.raises(NothingToRerunError, match="nothing is left to do"):
        place.rerun(R1)
    assert refused(place, R1)


def without_request(whole: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in whole.items() if key != "request"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_request, "does not tell what was asked of item 'item1'"),
        (
            lambda whole: whole | {"request": {"item": "item1", "colour": 1}},
            "item 'item1' of run .*: colour: unknown",
        ),
    ],
    ids=["an older version's", "no request any more"],
)
def test_a_work_list_of_another_version_is_refused_in_words(
    place: Place, change: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    place.s3.objects[f"runs/{R0}/items.json"] = json.dumps([line(0, R0), change(line(1, R0))]).encode()
    with pytest.raises(InvalidRequestError, match=said):
        place.rerun(R1)
