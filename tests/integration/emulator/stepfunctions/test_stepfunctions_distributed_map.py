"""Distributed Maps: children that are executions, counts, concurrency, tolerance, and every way they end."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .conftest import until

if TYPE_CHECKING:
    from .conftest import Run, World

PARENT_START = ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted"]
PARENT_FAILED = [*PARENT_START, "MapRunFailed", "MapStateFailed"]
TASK = ["TaskStateEntered", "TaskScheduled", "TaskStarted"]

# A child does what its item says: `fail` fails it, `wait` makes it wait, `call` calls a function.
CHILD = {
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.fail", "IsPresent": True, "Next": "Broken"},
                {"Variable": "$.wait", "IsPresent": True, "Next": "Waiting"},
                {"Variable": "$.call", "IsPresent": True, "Next": "Call"},
            ],
            "Default": "Good",
        },
        "Broken": {"Type": "Fail", "Error": "ItemError", "CausePath": "$.fail"},
        "Waiting": {"Type": "Wait", "Seconds": 60, "Next": "Good"},
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "TimeoutSeconds": 30,
            "Parameters": {"FunctionName": "f", "Payload.$": "$"},
            "ResultPath": None,
            "Next": "Good",
        },
        "Good": {"Type": "Pass", "Parameters": {"done.$": "$.index", "me.$": "$$.Execution.Id"}, "End": True},
    },
}


def distributed(world: World, items: list[Any] | str, **fields: Any) -> dict[str, Any]:
    """Return a machine whose map reads `items` from S3."""
    world.put("items.json", items)
    state = {
        "Type": "Map",
        "Label": "Items",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": world.bucket, "Key": "items.json"},
        },
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **CHILD},
        "Next": "Done",
    }
    return {"StartAt": "M", "States": {"M": state | fields, "Done": {"Type": "Succeed"}}}


def items(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"index": index, **fields} for index in range(count)]


def counts(body: dict[str, Any]) -> dict[str, int]:
    """Return the counts of a map run that are not 0, once for items and executions, which must agree."""
    assert body["itemCounts"] == body["executionCounts"]
    return {name: number for name, number in body["itemCounts"].items() if number}


def test_parent_history_names_the_map_run_and_no_item(world: World) -> None:
    run = world.run(distributed(world, items(2)))

    assert run.types == [
        *[*PARENT_START, "MapRunSucceeded", "MapStateSucceeded", "MapStateExited"],
        *["SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"],
    ]
    started = run.events[3]["mapRunStartedEventDetails"]["mapRunArn"]
    assert started == world.map_run(run.arn)["mapRunArn"]
    assert re.fullmatch(r"arn:aws:states:us-east-1:123456789012:mapRun:machine-\w+/Items:[0-9a-f-]{36}", started)


def test_map_gives_the_outputs_in_the_order_of_the_items(world: World) -> None:
    run = world.run(distributed(world, items(30), MaxConcurrency=7))

    assert [entry["done"] for entry in run.output] == list(range(30))


def test_every_child_is_an_execution_of_its_own(world: World) -> None:
    run = world.run(distributed(world, items(3)))
    machine = run.described["stateMachineArn"]

    children = world.children(run.arn)
    described = [world.describe(child["executionArn"]) for child in children]

    assert len({child["executionArn"] for child in children}) == 3
    assert sorted(entry["me"] for entry in run.output) == sorted(child["executionArn"] for child in children)
    for child, body in zip(children, described, strict=True):
        prefix = machine.replace(":stateMachine:", ":execution:")
        assert re.fullmatch(re.escape(prefix) + r"/Items:[0-9a-f-]{36}", child["executionArn"])
        assert child["stateMachineArn"] == body["stateMachineArn"] == f"{machine}/Items"
        assert child["mapRunArn"] == body["mapRunArn"] == world.map_run(run.arn)["mapRunArn"]
        assert (child["itemCount"], body["status"]) == (1, "SUCCEEDED")
        assert json.loads(body["output"])["done"] == json.loads(body["input"])["index"]
    assert {json.loads(body["input"])["index"] for body in described} == {0, 1, 2}


def test_children_are_not_listed_with_their_state_machine(world: World) -> None:
    run = world.run(distributed(world, items(3)))

    listed = world.states.list_executions(stateMachineArn=run.described["stateMachineArn"])["executions"]

    assert [entry["executionArn"] for entry in listed] == [run.arn]


def test_definition_of_a_child_is_that_of_its_parent(world: World) -> None:
    run = world.run(distributed(world, items(1)))
    child = world.children(run.arn)[0]["executionArn"]

    body = world.states.describe_state_machine_for_execution(executionArn=child)

    assert (body["label"], body["mapRunArn"]) == ("Items", world.map_run(run.arn)["mapRunArn"])
    assert "Choose" in body["definition"]


@pytest.mark.parametrize(
    ("item", "status", "types"),
    [
        pytest.param(
            {"index": 0, "call": 1},
            "SUCCEEDED",
            [
                *["ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", *TASK, "TaskSucceeded"],
                *["TaskStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"],
            ],
            id="good",
        ),
        pytest.param(
            {"index": 0, "fail": "x"},
            "FAILED",
            ["ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", "FailStateEntered", "ExecutionFailed"],
            id="fail-state",
        ),
        pytest.param(
            {},
            "FAILED",
            ["ExecutionStarted", "ChoiceStateEntered", "ChoiceStateExited", "PassStateEntered", "ExecutionFailed"],
            id="missing-field",
        ),
    ],
)
def test_child_has_a_history_of_its_own(world: World, item: Any, status: str, types: list[str]) -> None:
    run = world.run(distributed(world, [item], ToleratedFailurePercentage=100))

    child = world.children(run.arn)[0]["executionArn"]
    events = world.history(child)

    assert world.describe(child)["status"] == status
    assert [event["type"] for event in events] == types
    assert [event["id"] for event in events] == list(range(1, len(types) + 1))
    assert json.loads(events[0]["executionStartedEventDetails"]["input"]) == item


def test_uncaught_error_of_a_task_fails_the_child_with_it(world: World) -> None:
    world.functions.answer = lambda _: ({"errorType": "DataError", "errorMessage": "no rows"}, "Unhandled")

    run = world.run(distributed(world, items(1, call=1), ToleratedFailurePercentage=100))

    body = world.describe(world.children(run.arn)[0]["executionArn"])
    assert (body["error"], json.loads(body["cause"])["errorMessage"]) == ("DataError", "no rows")
    assert [e["type"] for e in world.history(body["executionArn"])][-2:] == ["TaskFailed", "ExecutionFailed"]


def test_tolerated_failures_are_counted_and_the_map_goes_on(world: World) -> None:
    mixed = [*items(3), {"index": 3, "fail": "x"}]

    run = world.run(distributed(world, mixed, ToleratedFailurePercentage=25))

    assert run.described["status"] == "SUCCEEDED"
    assert run.output[3] is None
    body = world.map_run(run.arn)
    assert (body["status"], body["toleratedFailurePercentage"]) == ("SUCCEEDED", 25)
    assert counts(body) == {"succeeded": 3, "failed": 1, "total": 4, "resultsWritten": 3}
    assert [child["status"] for child in world.children(run.arn, "FAILED")] == ["FAILED"]


@pytest.mark.parametrize(
    "tolerance",
    [{}, {"ToleratedFailurePercentage": 24}, {"ToleratedFailureCount": 0}, {"ToleratedFailurePercentage": 24.9}],
    ids=["none", "percentage", "count", "fraction"],
)
def test_one_failure_too_many_fails_the_map_run(world: World, tolerance: dict[str, Any]) -> None:
    run = world.run(distributed(world, [*items(3), {"index": 3, "fail": "x"}], **tolerance))

    assert (run.described["status"], run.described["error"]) == (
        "FAILED",
        "States.ExceedToleratedFailureThreshold",
    )
    assert run.types == [*PARENT_FAILED, "ExecutionFailed"]
    assert run.events[4]["mapRunFailedEventDetails"]["error"] == "States.ExceedToleratedFailureThreshold"
    assert world.map_run(run.arn)["status"] == "FAILED"


def test_count_alone_is_no_percentage_of_zero(world: World) -> None:
    run = world.run(distributed(world, [*items(3), {"index": 3, "fail": "x"}], ToleratedFailureCount=1))

    assert run.described["status"] == "SUCCEEDED"


def test_catch_of_the_map_gets_the_exceeded_threshold(world: World) -> None:
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.mapError", "Next": "Done"}]

    run = world.run(distributed(world, items(1, fail="x"), Catch=caught))

    assert run.output["mapError"]["Error"] == "States.ExceedToleratedFailureThreshold"
    assert run.types[len(PARENT_FAILED) :] == [
        *["MapStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]
    ]


def test_exceeded_threshold_aborts_running_and_pending_siblings(world: World) -> None:
    mixed = [*items(2, wait=1), {"index": 2, "fail": "x"}, *items(5)]

    run = world.run(distributed(world, mixed, MaxConcurrency=3))

    assert counts(world.map_run(run.arn)) == {"failed": 1, "aborted": 7, "total": 8}
    assert sorted(child["status"] for child in world.children(run.arn)) == ["ABORTED", "ABORTED", "FAILED"]
    aborted = world.children(run.arn, "ABORTED")[0]["executionArn"]
    assert [event["type"] for event in world.history(aborted)][-1] == "ExecutionAborted"


def test_stopped_parent_aborts_its_children(world: World) -> None:
    arn = world.start(distributed(world, items(6, wait=1), MaxConcurrency=2))
    until(lambda: world.map_run(arn)["itemCounts"]["running"] == 2)

    world.states.stop_execution(executionArn=arn, error="Manual", cause="enough")
    run = world.wait(arn)

    assert run.described["status"] == "ABORTED"
    assert run.types == [*PARENT_START, "MapRunAborted", "ExecutionAborted"]
    body = world.map_run(arn)
    assert (body["status"], counts(body)) == ("ABORTED", {"aborted": 6, "total": 6})
    assert [child["status"] for child in world.children(arn)] == ["ABORTED"] * 2


def test_stopped_child_counts_as_aborted_and_ends_alone(world: World) -> None:
    definition = distributed(world, items(2, wait=1), ToleratedFailurePercentage=100)
    arn = world.start(definition)
    until(lambda: len(world.children(arn, "RUNNING")) == 2)
    first, second = world.children(arn)

    world.states.stop_execution(executionArn=first["executionArn"], cause="this one")

    assert world.describe(second["executionArn"])["status"] == "RUNNING"
    assert counts(world.map_run(arn)) == {"running": 1, "aborted": 1, "total": 2}
    world.states.stop_execution(executionArn=second["executionArn"])
    assert world.wait(arn).described["status"] == "SUCCEEDED"


def test_counts_are_right_while_it_runs_and_concurrency_is_kept_and_changed(world: World) -> None:
    gate, inside = threading.Semaphore(0), threading.Semaphore(0)
    together: list[int] = []
    now = [0]
    lock = threading.Lock()

    def answer(event: Any) -> tuple[Any, str | None]:
        with lock:
            now[0] += 1
            together.append(now[0])
        inside.release()
        gate.acquire(timeout=20)
        with lock:
            now[0] -= 1
        return event, None

    world.functions.answer = answer
    arn = world.start(distributed(world, items(12, call=1), MaxConcurrencyPath="$.cap"), {"cap": 2})
    for _ in range(2):
        assert inside.acquire(timeout=20)
    body = world.map_run(arn)
    assert (body["maxConcurrency"], counts(body)) == (2, {"running": 2, "pending": 10, "total": 12})

    world.states.update_map_run(mapRunArn=body["mapRunArn"], maxConcurrency=5)
    for _ in range(3):
        assert inside.acquire(timeout=20)
    body = world.map_run(arn)
    assert (body["maxConcurrency"], counts(body)) == (5, {"running": 5, "pending": 7, "total": 12})

    world.states.update_map_run(mapRunArn=body["mapRunArn"], maxConcurrency=1)
    gate.release(4)
    until(lambda: counts(world.map_run(arn)).get("succeeded") == 4)
    assert counts(world.map_run(arn))["running"] == 1
    gate.release(8)

    assert world.wait(arn).described["status"] == "SUCCEEDED"
    assert max(together) == 5
    assert counts(world.map_run(arn)) == {"succeeded": 12, "total": 12, "resultsWritten": 12}


def test_map_run_that_is_over_cannot_be_updated(world: World) -> None:
    run = world.run(distributed(world, items(1)))

    with pytest.raises(ClientError, match="SUCCEEDED") as refused:
        world.states.update_map_run(mapRunArn=world.map_run(run.arn)["mapRunArn"], maxConcurrency=2)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_unknown_map_run_is_said_to_be_so(world: World) -> None:
    with pytest.raises(ClientError) as refused:
        world.states.describe_map_run(mapRunArn="arn:aws:states:us-east-1:123456789012:mapRun:m/Items:none")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def test_children_are_listed_by_page(world: World) -> None:
    run = world.run(distributed(world, items(5), MaxConcurrency=1))

    pages = world.states.get_paginator("list_executions").paginate(
        mapRunArn=world.map_run(run.arn)["mapRunArn"], PaginationConfig={"PageSize": 2}
    )

    assert [len(page["executions"]) for page in pages] == [2, 2, 1]


@pytest.mark.parametrize(
    ("content", "cause"),
    [(None, "does not exist"), ("{", "could not be read"), ('{"a": 1}', "non-iterable")],
    ids=["missing", "no-json", "no-array"],
)
def test_items_that_cannot_be_read_fail_the_map_run(world: World, content: str | None, cause: str) -> None:
    definition = distributed(world, content or "[]")
    if content is None:
        world.s3.delete_object(Bucket=world.bucket, Key="items.json")

    run = world.run(definition)

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert cause in run.described["cause"]
    assert run.types == [*PARENT_FAILED, "ExecutionFailed"]
    assert world.map_run(run.arn)["status"] == "FAILED"


def test_no_items_is_no_failure(world: World) -> None:
    run = world.run(distributed(world, []))

    assert run.output == []
    assert counts(world.map_run(run.arn)) == {}


def test_child_whose_input_is_too_large_fails_alone(world: World) -> None:
    mixed = [{"index": 0, "pad": "x" * 262_144}, *items(1)]

    run = world.run(distributed(world, mixed, ToleratedFailurePercentage=50))

    assert [entry is None for entry in run.output] == [True, False]
    failed = world.describe(world.children(run.arn, "FAILED")[0]["executionArn"])
    assert failed["error"] == "States.DataLimitExceeded"


def with_small_output(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the same machine; children give `{}`, and the map drops what they give."""
    states = json.loads(json.dumps(CHILD["States"]))
    states["Good"] = {"Type": "Pass", "OutputPath": None, "End": True}
    definition["States"]["M"]["ItemProcessor"]["States"] = states
    definition["States"]["M"]["ResultPath"] = None
    return definition


def run_with_output(world: World, size: int) -> Run:
    return world.run(distributed(world, items(3), ItemSelector={"index": "x" * size}, ResultPath=None))


def test_output_over_256_kib_fails_the_map_even_if_it_is_dropped(world: World) -> None:
    run = run_with_output(world, 90_000)

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert run_with_output(world, 80_000).described["status"] == "SUCCEEDED"


def test_a_thousand_items_leave_a_small_payload(world: World) -> None:
    run = world.run(with_small_output(distributed(world, items(1000), MaxConcurrency=20)), {"kept": 1})

    assert run.output == {"kept": 1}
    assert len(run.events) == 10
    assert counts(world.map_run(run.arn)) == {"succeeded": 1000, "total": 1000, "resultsWritten": 1000}
    assert len({child["executionArn"] for child in world.children(run.arn)}) == 1000


def test_item_selector_sees_the_maps_input_and_the_item(world: World) -> None:
    selector = {"index.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value.index", "run.$": "$.run"}

    run = world.run(distributed(world, items(2), ItemSelector=selector), {"run": "r1"})

    inputs = [json.loads(world.describe(child["executionArn"])["input"]) for child in world.children(run.arn)]
    assert sorted(inputs, key=lambda given: given["index"]) == [
        {"index": 0, "item": 0, "run": "r1"},
        {"index": 1, "item": 1, "run": "r1"},
    ]


def test_item_selector_that_cannot_be_applied_fails_the_map(world: World) -> None:
    run = world.run(distributed(world, items(2), ItemSelector={"a.$": "$.none"}))

    assert run.described["error"] == "States.Runtime"
    assert run.types == [*PARENT_FAILED, "ExecutionFailed"]
    assert world.map_run(run.arn)["status"] == "FAILED"


def test_child_context_is_its_own(world: World) -> None:
    definition = distributed(world, items(1))
    good = {"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name", "input.$": "$$.Execution.Input"}
    definition["States"]["M"]["ItemProcessor"] = json.loads(json.dumps(definition["States"]["M"]["ItemProcessor"]))
    definition["States"]["M"]["ItemProcessor"]["States"]["Good"]["Parameters"] = good

    run = world.run(definition)

    child = world.describe(world.children(run.arn)[0]["executionArn"])
    assert run.output == [{"id": child["executionArn"], "name": child["name"], "input": {"index": 0}}]


def test_items_of_the_input_need_no_reader(world: World) -> None:
    definition = distributed(world, [], ItemsPath="$.list")
    del definition["States"]["M"]["ItemReader"]

    run = world.run(definition, {"list": items(2)})

    assert [entry["done"] for entry in run.output] == [0, 1]
    assert run.events[2]["mapStateStartedEventDetails"]["length"] == 2
