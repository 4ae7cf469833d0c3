"""Starting an execution and watching it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from automlops.errors import CommandError, ServiceError
from automlops.runs.execution import Execution, Snapshot, Watch, follow, start_execution

Stubbed = Callable[[str], tuple[Any, Stubber]]

ARN = "arn:aws:states:eu-west-1:123456789012:execution:machine:night"
MAP_RUN_ARN = "arn:aws:states:eu-west-1:123456789012:mapRun:machine/Items:1"
STARTED = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
EXECUTION = Execution(ARN, "night", STARTED)
RUN_ID = "20260102T030405007Z-night"
LIST_RUNS = {"Bucket": "out", "Prefix": "runs/", "Delimiter": "/", "StartAfter": "runs/20260102T030305006Z"}


def describe(status: str, **more: str) -> dict[str, Any]:
    return {
        "executionArn": ARN,
        "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:machine",
        "status": status,
        "startDate": STARTED,
        **more,
    }


def counts(**more: int) -> dict[str, Any]:
    zero = dict.fromkeys(
        ("pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten"), 0
    )
    return {
        "mapRunArn": MAP_RUN_ARN,
        "executionArn": ARN,
        "status": "RUNNING",
        "startDate": STARTED,
        "maxConcurrency": 5,
        "toleratedFailurePercentage": 100.0,
        "toleratedFailureCount": 0,
        "itemCounts": zero | more,
        "executionCounts": zero | more,
    }


def folders(*names: str) -> dict[str, Any]:
    return {"KeyCount": len(names), "CommonPrefixes": [{"Prefix": f"runs/{name}/"} for name in names]}


def test_request_reaches_step_functions_as_it_is(stubbed: Stubbed) -> None:
    sfn, stub = stubbed("stepfunctions")
    asked = {"stateMachineArn": "arn:machine", "name": "night", "input": '{"itemList": ["台北"]}'}
    stub.add_response("start_execution", {"executionArn": ARN, "startDate": STARTED}, asked)
    assert start_execution(sfn, "arn:machine", {"itemList": ["台北"]}, "night") == EXECUTION


def test_name_used_before_is_the_users_to_change(stubbed: Stubbed) -> None:
    sfn, stub = stubbed("stepfunctions")
    stub.add_client_error("start_execution", "ExecutionAlreadyExists")
    with pytest.raises(CommandError, match="another --name") as refused:
        start_execution(sfn, "arn:machine", {}, "night")
    assert not isinstance(refused.value, ServiceError)


def test_look_counts_running_items_and_records(stubbed: Stubbed) -> None:
    sfn, stub = stubbed("stepfunctions")
    s3, s3_stub = stubbed("s3")
    watch = Watch(sfn, s3, "out", EXECUTION)
    map_run = {
        "mapRunArn": MAP_RUN_ARN,
        "executionArn": ARN,
        "stateMachineArn": "arn:machine",
        "startDate": STARTED,
    }

    stub.add_response("describe_execution", describe("RUNNING"))
    stub.add_response("list_map_runs", {"mapRuns": []})
    assert watch.look() == Snapshot()

    stub.add_response("describe_execution", describe("RUNNING"))
    stub.add_response("list_map_runs", {"mapRuns": [map_run]})
    stub.add_response("describe_map_run", counts(total=7, running=2, succeeded=3), {"mapRunArn": MAP_RUN_ARN})
    s3_stub.add_response("list_objects_v2", folders(RUN_ID), LIST_RUNS)
    records = {"Bucket": "out", "Prefix": f"runs/{RUN_ID}/records/"}
    s3_stub.add_response(
        "list_objects_v2", {"KeyCount": 2, "IsTruncated": True, "NextContinuationToken": "more"}, records
    )
    s3_stub.add_response("list_objects_v2", {"KeyCount": 1}, records | {"ContinuationToken": "more"})
    assert watch.look() == Snapshot("RUNNING", total=7, running=2, recorded=3)

    # What does not change is not asked for again.
    stub.add_response("describe_execution", describe("FAILED", error="RunFailed", cause="why"))
    stub.add_response("describe_map_run", counts(total=7, succeeded=7))
    s3_stub.add_response("list_objects_v2", {"KeyCount": 7}, records)
    assert watch.look() == Snapshot("FAILED", total=7, running=0, recorded=7, error="RunFailed", cause="why")


def test_run_is_told_from_others_whose_names_end_alike(stubbed: Stubbed) -> None:
    s3, stub = stubbed("s3")
    stub.add_response("list_objects_v2", folders(RUN_ID, "20260102T030406000Z-last-night"), LIST_RUNS)
    assert Watch(stubbed("stepfunctions")[0], s3, "out", EXECUTION).find_run_id() == RUN_ID


def test_run_that_was_never_prepared_has_no_id(stubbed: Stubbed) -> None:
    s3, stub = stubbed("s3")
    stub.add_response("list_objects_v2", {"KeyCount": 0}, LIST_RUNS)
    assert Watch(stubbed("stepfunctions")[0], s3, "out", EXECUTION).find_run_id() is None


def test_following_ends_with_the_execution_and_slows_down() -> None:
    snapshots = iter([Snapshot()] * 300 + [Snapshot("SUCCEEDED")])
    pauses: list[float] = []
    seen = list(follow(lambda: next(snapshots), pauses.append))
    assert [snapshot.status for snapshot in seen[-2:]] == ["RUNNING", "SUCCEEDED"]
    assert len(pauses) == 300
    assert (pauses[0], pauses[-1]) == (0.5, 10.0)
    assert pauses == sorted(pauses)
