"""Executions: how they start, run, end and are told about."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.stepfunctions import history

from .conftest import client_error, until

if TYPE_CHECKING:
    from .conftest import World

PASS: dict[str, Any] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT: dict[str, Any] = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
INVOKE: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "TimeoutSeconds": 30,
    "Parameters": {"FunctionName": "f", "Payload": {}},
    "End": True,
}


def task(**fields: Any) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": INVOKE | fields}}


def threads_of(arn: str) -> list[threading.Thread]:
    """Return what still runs of an execution."""
    return [thread for thread in threading.enumerate() if thread.name == arn]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_good_execution_is_described_with_input_and_output(world: World) -> None:
    run = world.run(PASS, {"a": "é"})

    assert run.types == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert run.described["status"] == "SUCCEEDED"
    assert json.loads(run.described["input"]) == run.output == {"a": "é"}
    assert run.described["stopDate"] >= run.described["startDate"]
    assert "error" not in run.described


def test_events_are_chained_and_timed(world: World) -> None:
    run = world.run(PASS)

    assert [(e["id"], e["previousEventId"]) for e in run.events] == [(1, 0), (2, 0), (3, 2), (4, 3)]
    assert all(isinstance(e["timestamp"], dt.datetime) for e in run.events)


def test_execution_without_a_name_gets_one_each_time(world: World) -> None:
    machine = world.machine(PASS)

    arns = {world.states.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2)}

    assert len(arns) == 2
    assert all(
        re.fullmatch(r"arn:.+:execution:machine-\w+:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", a) for a in arns
    )


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("a b", "InvalidName"),
        ("a:b", "InvalidName"),
        ("a\u3000b", "InvalidName"),
        ("x" * 81, "ValidationException"),
    ],
    ids=["space", "colon", "wide-space", "81-characters"],
)
def test_bad_name_is_refused(world: World, name: str, refusal: str) -> None:
    with pytest.raises(ClientError) as refused:
        world.states.start_execution(stateMachineArn=world.machine(PASS), name=name)

    assert code(refused) == refusal


@pytest.mark.parametrize("given", ["{", json.dumps("x" * 262_144)], ids=["no-json", "too-large"])
def test_bad_input_is_refused(world: World, given: str) -> None:
    with pytest.raises(ClientError) as refused:
        world.states.start_execution(stateMachineArn=world.machine(PASS), input=given)

    assert code(refused) == "InvalidExecutionInput"


def test_largest_input_is_taken(world: World) -> None:
    given = json.dumps("x" * (262_144 - 2))

    assert (
        world.wait(
            world.states.start_execution(stateMachineArn=world.machine(PASS), input=given)["executionArn"]
        ).described["status"]
        == "SUCCEEDED"
    )


def test_same_name_and_input_is_the_same_execution_while_it_runs(world: World) -> None:
    machine = world.machine(WAIT)
    started = [world.states.start_execution(stateMachineArn=machine, name="n", input="{}") for _ in range(2)]

    assert started[0]["executionArn"] == started[1]["executionArn"]
    with pytest.raises(ClientError) as refused:
        world.states.start_execution(stateMachineArn=machine, name="n", input='{"a": 1}')
    assert code(refused) == "ExecutionAlreadyExists"


def test_name_of_an_execution_that_is_over_is_taken(world: World) -> None:
    machine = world.machine(PASS)
    world.wait(world.states.start_execution(stateMachineArn=machine, name="n", input="{}")["executionArn"])

    with pytest.raises(ClientError) as refused:
        world.states.start_execution(stateMachineArn=machine, name="n", input="{}")
    assert code(refused) == "ExecutionAlreadyExists"


def test_unknown_execution_is_said_to_be_so(world: World) -> None:
    with pytest.raises(ClientError) as refused:
        world.describe("arn:aws:states:us-east-1:123456789012:execution:m:none")

    assert code(refused) == "ExecutionDoesNotExist"


def test_context_object_has_the_times_of_aws(world: World) -> None:
    parameters = {
        "started.$": "$$.Execution.StartTime",
        "entered.$": "$$.State.EnteredTime",
        "n.$": "$$.Execution.Name",
    }

    run = world.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": parameters, "End": True}}})

    assert run.output["n"] == run.described["name"]
    for moment in (run.output["started"], run.output["entered"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)


def test_history_is_paged_and_turned_round(world: World) -> None:
    run = world.run(PASS)

    first = world.states.get_execution_history(executionArn=run.arn, maxResults=3)
    second = world.states.get_execution_history(executionArn=run.arn, maxResults=3, nextToken=first["nextToken"])
    turned = world.states.get_execution_history(executionArn=run.arn, maxResults=1, reverseOrder=True)

    assert [e["id"] for e in first["events"] + second["events"]] == [1, 2, 3, 4]
    assert "nextToken" not in second
    assert turned["events"][0]["type"] == "ExecutionSucceeded"


def test_foreign_token_is_refused(world: World) -> None:
    run = world.run(PASS)

    with pytest.raises(ClientError) as refused:
        world.states.get_execution_history(executionArn=run.arn, nextToken="bm90IG91cnM=")
    assert code(refused) == "InvalidToken"


def test_executions_are_listed_newest_first_by_status_and_page(world: World) -> None:
    machine = world.machine(PASS)
    names = [f"n{i}" for i in range(5)]
    for name in names:
        world.wait(world.states.start_execution(stateMachineArn=machine, name=name)["executionArn"])

    pages = world.states.get_paginator("list_executions").paginate(
        stateMachineArn=machine, statusFilter="SUCCEEDED", PaginationConfig={"PageSize": 2}
    )
    listed = [[entry["name"] for entry in page["executions"]] for page in pages]

    assert listed == [["n4", "n3"], ["n2", "n1"], ["n0"]]
    assert world.states.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"] == []


def test_stopped_execution_is_aborted_at_once_and_stays_so(world: World) -> None:
    arn = world.start(WAIT)

    world.states.stop_execution(executionArn=arn, error="Manual", cause="probe")
    run = world.wait(arn)

    assert (run.described["status"], run.described["error"], run.described["cause"]) == (
        "ABORTED",
        "Manual",
        "probe",
    )
    assert run.types == ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"]
    assert run.events[-1]["previousEventId"] == 0
    world.states.stop_execution(executionArn=arn, error="Again")
    assert world.describe(arn)["error"] == "Manual"


def test_execution_stopped_while_a_function_runs_is_over_before_the_function(world: World) -> None:
    released: list[bool] = []

    def answer(event: Any) -> tuple[Any, str | None]:
        until(lambda: released)
        return event, None

    world.functions.answer = answer
    arn = world.start(task())
    until(lambda: world.functions.events)

    world.states.stop_execution(executionArn=arn)

    assert world.describe(arn)["status"] == "ABORTED"
    until(lambda: not threads_of(arn), patience=5)
    released.append(True)
    assert world.wait(arn).types[-1] == "ExecutionAborted"


def test_stop_ends_the_wait_for_a_retry(world: World) -> None:
    world.functions.refusals = [client_error("TooManyRequestsException")] * 2
    arn = world.start(task(Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600}]))
    until(lambda: "TaskFailed" in [e["type"] for e in world.history(arn)])

    world.states.stop_execution(executionArn=arn)

    assert world.wait(arn).types[-2:] == ["TaskFailed", "ExecutionAborted"]
    until(lambda: not threads_of(arn), patience=5)
    assert len(world.functions.refusals) == 1


def test_execution_times_out(world: World) -> None:
    run = world.run(WAIT | {"TimeoutSeconds": 1})

    assert run.described["status"] == "TIMED_OUT"
    assert run.types == ["ExecutionStarted", "WaitStateEntered", "ExecutionTimedOut"]


def test_task_times_out_and_what_it_does_later_is_not_reported(world: World) -> None:
    released: list[bool] = []

    def answer(event: Any) -> tuple[Any, str | None]:
        until(lambda: released)
        return event, None

    world.functions.answer = answer
    caught = [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "W"}]
    definition = task(TimeoutSecondsPath="$.limit", Catch=caught)
    del definition["States"]["T"]["TimeoutSeconds"]
    definition["States"]["W"] = {"Type": "Wait", "Seconds": 1, "End": True}
    arn = world.start(definition, {"limit": 1})
    until(lambda: "WaitStateEntered" in [e["type"] for e in world.history(arn)])
    released.append(True)

    run = world.wait(arn)

    assert run.output["error"] == {"Error": "States.Timeout", "Cause": ""}
    assert run.types == [
        *[
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskTimedOut",
            "TaskStateExited",
        ],
        *["WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"],
    ]
    assert run.events[2]["taskScheduledEventDetails"]["timeoutInSeconds"] == 1


def test_fail_state_takes_error_and_cause_from_its_input(world: World) -> None:
    fail = {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}

    run = world.run(
        {"StartAt": "F", "States": {"F": fail}}, {"error": {"Error": "States.Timeout", "Cause": "why"}}
    )

    assert (run.described["status"], run.described["error"], run.described["cause"]) == (
        "FAILED",
        "States.Timeout",
        "why",
    )
    assert run.types == ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]


def test_failed_task_is_tried_again_then_caught(world: World) -> None:
    world.functions.answer = lambda _: ({"errorType": "ItemError", "errorMessage": "bad"}, "Unhandled")
    retry = {"ErrorEquals": ["ItemError"], "IntervalSeconds": 1, "MaxAttempts": 1}
    retry |= {"JitterStrategy": "FULL", "MaxDelaySeconds": 1}
    definition = task(Retry=[retry], Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "C"}])
    definition["States"]["C"] = {"Type": "Pass", "Parameters": {"tries.$": "$.error.Error"}, "End": True}

    run = world.run(definition)

    attempt = ["TaskScheduled", "TaskStarted", "TaskFailed"]
    assert run.types == [
        *["ExecutionStarted", "TaskStateEntered", *attempt, *attempt, "TaskStateExited"],
        *["PassStateEntered", "PassStateExited", "ExecutionSucceeded"],
    ]
    assert run.output == {"tries": "ItemError"}


@pytest.mark.parametrize("wildcard", ["States.ALL", "States.TaskFailed"])
def test_missing_input_field_ends_the_execution_whatever_is_caught(world: World, wildcard: str) -> None:
    definition = task(
        Parameters={"FunctionName": "f", "Payload.$": "$.none"},
        Catch=[{"ErrorEquals": [wildcard], "Next": "C"}],
    )
    definition["States"]["C"] = {"Type": "Pass", "End": True}

    run = world.run(definition)

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.Runtime")


def test_result_over_256_kib_ends_the_execution_whatever_is_caught(world: World) -> None:
    world.functions.answer = lambda _: ("x" * 262_144, None)
    definition = task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C"}])
    definition["States"]["C"] = {"Type": "Pass", "End": True}

    run = world.run(definition)

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_history_ends_at_its_limit_with_the_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LARGEST_HISTORY", 50)
    loop = {
        "A": {"Type": "Pass", "Next": "C"},
        "C": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.end", "IsPresent": True, "Next": "E"}],
            "Default": "A",
        },
        "E": {"Type": "Succeed"},
    }

    run = world.run({"StartAt": "A", "States": loop})

    assert (len(run.events), run.types[-1]) == (50, "ExecutionFailed")
    assert run.described["error"] == "States.Runtime"
    assert run.described["cause"].startswith("The execution reached the maximum number of history events (")


def test_failed_branch_ends_the_others_and_keeps_its_error(world: World) -> None:
    world.functions.answer = lambda _: ({"errorType": "BranchError"}, "Unhandled")
    branches = [task(), {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}]
    caught = [{"ErrorEquals": ["BranchError"], "ResultPath": "$.e", "Next": "C"}]
    states = {
        "P": {"Type": "Parallel", "Branches": branches, "Catch": caught, "Next": "C"},
        "C": {"Type": "Succeed"},
    }

    started = time.monotonic()
    run = world.run({"StartAt": "P", "States": states})

    assert run.output["e"]["Error"] == "BranchError"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("count", [0, 1, 1100], ids=str)
def test_inline_map_runs_any_number_of_items(world: World, count: int) -> None:
    item = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    states = {
        "M": {"Type": "Map", "MaxConcurrency": 1, "ItemsPath": "$.items", "ItemProcessor": item, "End": True}
    }

    run = world.run({"StartAt": "M", "States": states}, {"items": list(range(count))})

    assert run.output == list(range(count))


def test_failed_iteration_fails_the_map_under_its_own_error(world: World) -> None:
    item = {
        "StartAt": "C",
        "States": {
            "C": {
                "Type": "Choice",
                "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "F"}],
                "Default": "W",
            },
            "F": {"Type": "Fail", "Error": "States.TaskFailed", "Cause": "one"},
            "W": {"Type": "Wait", "Seconds": 60, "End": True},
        },
    }
    caught = [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.e", "Next": "E"}]
    states = {
        "M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": item, "Catch": caught, "Next": "E"},
        "E": {"Type": "Succeed"},
    }

    run = world.run({"StartAt": "M", "States": states}, {"items": [0, 1, 2]})

    assert run.output["e"] == {"Error": "States.TaskFailed", "Cause": "one"}


def test_deleted_state_machine_takes_its_executions_along(world: World) -> None:
    arn = world.start(WAIT)

    world.states.delete_state_machine(stateMachineArn=world.describe(arn)["stateMachineArn"])

    with pytest.raises(ClientError) as refused:
        world.describe(arn)
    assert code(refused) == "ExecutionDoesNotExist"
