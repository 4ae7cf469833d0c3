"""A rerun reads the state of a run and all its reruns: no item runs twice, none is lost, and no two reruns run at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import as_json
from pipeline.errors import (
    NothingToRerunError,
    RunConflictError,
    RunNotEndedError,
    RunNotFoundError,
    ServiceUnavailableError,
)
from pipeline.preparation.reruns import marker_key
from tests.unit.pipeline.rerun_scenario import R0, R1, R2, R3, RerunScenario, items, scenario_with_a_run, trained
from tests.unit.pipeline.stored_documents import failure, line, success


@pytest.fixture
def scenario() -> RerunScenario:
    """Return one item that succeeded, one that failed in training, one after it, and one that was cut off."""
    return scenario_with_a_run()


def test_what_a_rerun_has_done_is_not_done_again(scenario: RerunScenario) -> None:
    scenario.add_rerun(R1, R0, [line(0, R1, item="item1"), line(1, R1, item="item3")], success(0, "item1"))
    assert items(scenario.rerun(R2)) == ["item2", "item3"]


def test_a_rerun_of_a_rerun_takes_that_ones_items_and_sees_the_whole_family(scenario: RerunScenario) -> None:
    scenario.add_rerun(R1, R0, [line(0, R1, item="item1"), line(1, R1, item="item3")])
    scenario.add_rerun(R2, R0, [line(0, R2, item="item1"), line(1, R2, item="item2")], success(0, "item1"))
    assert items(scenario.rerun(R3, of=R1)) == ["item3"]
    assert scenario.s3.json(marker_key(R0, R3)) == {"executionArn": f"arn:{R3}", "refused": False}


def test_a_training_is_kept_through_reruns_that_fail(scenario: RerunScenario) -> None:
    scenario.add_training(line(2, R0))
    kept = scenario.rerun(R1).kept["item2"]
    training = as_json(kept.training)
    again = line(0, R1, item="item2", trainingJob=None, training=training, trainedIn=kept.trained_in)
    again["model"] |= {"image": kept.image, "modelDataUrl": line(2, R0)["model"]["modelDataUrl"]}
    again["trainingFingerprint"] = kept.training_fingerprint
    # Cut off before there was a record; then failed.
    scenario.add_rerun(R1, R0, [again])
    assert scenario.rerun(R2).kept["item2"] == kept
    scenario.s3.add_record(R1, failure(0, "item2", stage="StartBatchTransformJob", training=training))
    assert scenario.rerun(R2).kept["item2"] == kept
    assert scenario.jobs.asked == []


def test_the_newest_training_is_kept(scenario: RerunScenario) -> None:
    newer = line(0, R1, item="item2")
    record = failure(0, "item2", stage="StartBatchTransformJob", training=trained(2, R1))
    scenario.add_rerun(R1, R0, [newer], record)
    scenario.add_training(line(2, R0))
    scenario.add_training(newer)
    assert scenario.rerun(R2).kept["item2"].trained_in == R1


def test_an_older_training_is_kept_where_the_newer_one_is_gone(scenario: RerunScenario) -> None:
    record = failure(0, "item2", stage="StartBatchTransformJob", training=trained(2, R1))
    scenario.add_rerun(R1, R0, [line(0, R1, item="item2")], record)
    scenario.add_training(line(2, R0))
    assert scenario.rerun(R2).kept["item2"].trained_in == R0


def test_ten_reruns_in_a_row_do_everything_once() -> None:
    scenario = RerunScenario()
    names = [f"item{index}" for index in range(10)]
    scenario.s3.add_run(R0, [line(index, R0) for index in range(10)])
    done: list[str] = []
    for number in range(1, 11):
        run_id = f"20261122T0{number - 1}1500000Z-x"
        left = items(scenario.rerun(run_id))
        assert left == [name for name in names if name not in done]
        # Each completes one item; one is recorded as failed, the others are cut off.
        records = [success(0, left[0]), *([failure(1, left[1])] if len(left) > 1 else [])]
        scenario.add_rerun(
            run_id, R0, [line(index, run_id, item=item) for index, item in enumerate(left)], *records
        )
        done.append(left[0])
    with pytest.raises(NothingToRerunError, match="each of its 10 items has succeeded"):
        scenario.rerun(R3.replace("T03", "T23"))


@given(
    outcomes=st.lists(
        st.lists(st.sampled_from(["good", "bad", "broken", "none"]), min_size=5, max_size=5), max_size=6
    )
)
def test_an_item_runs_until_it_has_succeeded_once(outcomes: list[list[str]]) -> None:
    scenario = RerunScenario()
    scenario.s3.add_run(R0, [line(index, R0) for index in range(5)])
    open_ = {f"item{index}": index for index in range(5)}
    run_id = R0
    for number, round_ in enumerate([*outcomes, ["none"] * 5]):
        for index, item in enumerate(list(open_)):
            match round_[index]:
                case "good":
                    scenario.s3.add_record(run_id, success(index, item))
                    del open_[item]
                case "bad":
                    scenario.s3.add_record(run_id, failure(index, item))
                case "broken":
                    scenario.s3.add(f"runs/{run_id}/records/{index}.json", b"{")
        run_id = f"20261123T0{number}0000000Z-x"
        if not open_:
            with pytest.raises(NothingToRerunError):
                scenario.rerun(run_id)
            return
        assert items(scenario.rerun(run_id)) == list(open_)
        scenario.add_rerun(run_id, R0, [line(index, run_id, item=item) for index, item in enumerate(open_)])


def test_a_rerun_whose_preparation_failed_has_done_nothing(scenario: RerunScenario) -> None:
    scenario.s3.add(marker_key(R0, R1), {"executionArn": f"arn:{R1}"})
    scenario.executions.statuses[f"arn:{R1}"] = "FAILED"
    assert items(scenario.rerun(R2)) == ["item1", "item2", "item3"]


def test_a_family_whose_first_run_is_gone_stays_together(scenario: RerunScenario) -> None:
    scenario.add_rerun(R1, R0, [line(0, R1, item="item1"), line(1, R1, item="item3")])
    scenario.add_rerun(R2, R1, [line(0, R2, item="item3")], success(0, "item3"))
    del scenario.s3.objects[f"runs/{R0}/items.json"]
    assert items(scenario.rerun(R3, of=R1)) == ["item1"]


def refused(scenario: RerunScenario, run_id: str) -> bool:
    return bool(scenario.s3.json(marker_key(R0, run_id)).get("refused"))


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_a_run_under_way_is_not_rerun(scenario: RerunScenario, status: str) -> None:
    scenario.executions.statuses[f"arn:{R0}"] = status
    with pytest.raises(RunNotEndedError, match=f"{R0} is still running"):
        scenario.rerun(R1)
    assert refused(scenario, R1)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
def test_a_run_that_ended_is_rerun_also_without_a_manifest(scenario: RerunScenario, status: str) -> None:
    scenario.executions.statuses[f"arn:{R0}"] = status
    assert items(scenario.rerun(R1)) == ["item1", "item2", "item3"]
    assert not refused(scenario, R1)


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_a_run_that_was_redriven_is_under_way_whatever_its_manifest_says(
    scenario: RerunScenario, status: str
) -> None:
    scenario.executions.statuses[f"arn:{R0}"] = status
    scenario.s3.add(f"runs/{R0}/manifest.json", {})
    with pytest.raises(RunNotEndedError, match=f"{R0} is still running"):
        scenario.rerun(R1)
    scenario.executions.statuses[f"arn:{R0}"] = "FAILED"
    assert items(scenario.rerun(R1)) == ["item1", "item2", "item3"]


def test_an_earlier_rerun_under_way_keeps_a_later_one_out(scenario: RerunScenario) -> None:
    scenario.add_rerun(R1, R0, [line(0, R1, item="item1")])
    scenario.executions.statuses[f"arn:{R1}"] = "RUNNING"
    with pytest.raises(RunNotEndedError, match=R1):
        scenario.rerun(R2)


@pytest.mark.parametrize("first", [R1, R2])
def test_of_two_reruns_at_once_exactly_one_goes_on(scenario: RerunScenario, first: str) -> None:
    second = R2 if first == R1 else R1
    scenario.executions.statuses |= {f"arn:{R1}": "RUNNING", f"arn:{R2}": "RUNNING"}
    scenario.rerun(first)
    scenario.s3.add_run(first, [line(0, first, item="item1")], rerunOf=R0)
    with pytest.raises(RunNotEndedError, match=first):
        scenario.rerun(second)


def test_a_rerun_waits_for_a_later_one_that_may_not_have_seen_it(scenario: RerunScenario) -> None:
    scenario.executions.statuses |= {f"arn:{R1}": "RUNNING", f"arn:{R2}": "RUNNING"}
    scenario.rerun(R2)
    # R2 has looked when R1 had left no marker, and has not written its work list yet.
    with pytest.raises(ServiceUnavailableError, match=R2):
        scenario.rerun(R1)
    # R2's preparation fails and is tried again: now it sees R1, gives up, and R1 goes on.
    with pytest.raises(RunNotEndedError, match=R1):
        scenario.rerun(R2)
    assert items(scenario.rerun(R1)) == ["item1", "item2", "item3"]


def test_a_refused_rerun_does_not_block_others(scenario: RerunScenario) -> None:
    scenario.executions.statuses |= {f"arn:{R0}": "RUNNING", f"arn:{R1}": "RUNNING"}
    with pytest.raises(RunNotEndedError):
        scenario.rerun(R1)
    scenario.executions.statuses[f"arn:{R0}"] = "ABORTED"
    assert items(scenario.rerun(R2)) == ["item1", "item2", "item3"]
    # Started again by the state machine, it is one like any other.
    with pytest.raises(ServiceUnavailableError, match=R2):
        scenario.executions.statuses[f"arn:{R2}"] = "RUNNING"
        scenario.rerun(R1)
    assert not refused(scenario, R1)


def test_a_retry_finds_its_own_marker(scenario: RerunScenario) -> None:
    assert items(scenario.rerun(R1)) == items(scenario.rerun(R1))
    scenario.s3.add(marker_key(R0, R1), {"executionArn": "arn:another"})
    with pytest.raises(RunConflictError, match="another execution"):
        scenario.rerun(R1)


def test_a_run_that_is_not_there_is_not_rerun(scenario: RerunScenario) -> None:
    with pytest.raises(RunNotFoundError, match=R2):
        scenario.rerun(R3, of=R2)
    assert not [key for key in scenario.s3.objects if "/reruns/" in key]


def test_a_run_all_of_whose_items_have_succeeded_is_not_rerun(scenario: RerunScenario) -> None:
    scenario.s3.add_run(R0, [line(0, R0)])
    with pytest.raises(NothingToRerunError, match="has no items left to rerun"):
        scenario.rerun(R1)
    assert refused(scenario, R1)
