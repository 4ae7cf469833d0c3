"""Executions that start executions, and calls of Step Functions by its SDK's names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .conftest import until

if TYPE_CHECKING:
    from .conftest import World

START = "arn:aws:states:::states:startExecution"


def machine(**state: Any) -> dict[str, Any]:
    return {"StartAt": "Only", "States": {"Only": state}}


def starts(child: str, form: str = "", **more: Any) -> dict[str, Any]:
    parameters = {"StateMachineArn": child, "Input.$": "$"}
    return machine(Type="Task", Resource=START + form, Parameters=parameters, End=True, **more)


PASSES = machine(Type="Pass", Result={"n": 2}, End=True)
FAILS = machine(Type="Fail", Error="Child.Broken", Cause="no rows")
WAITS = machine(Type="Wait", Seconds=600, End=True)


def child_of(world: World, machine_arn: str) -> str:
    """ARN of the execution of a machine, once there is one."""
    until(lambda: world.states.list_executions(stateMachineArn=machine_arn)["executions"])
    arn: str = world.states.list_executions(stateMachineArn=machine_arn)["executions"][0]["executionArn"]
    return arn


def test_request_response_does_not_wait(world: World) -> None:
    child = world.machine(WAITS)

    run = world.run(starts(child), {"a": 1})

    started = child_of(world, child)
    assert run.output["ExecutionArn"] == started
    assert isinstance(run.output["StartDate"], int)
    assert world.describe(started)["status"] == "RUNNING"
    assert json.loads(world.describe(started)["input"]) == {"a": 1}


@pytest.mark.parametrize(
    ("form", "given", "output"), [(".sync", '{"a":1}', '{"n":2}'), (".sync:2", {"a": 1}, {"n": 2})]
)
def test_output_of_a_child_is_text_or_json(world: World, form: str, given: Any, output: Any) -> None:
    child = world.machine(PASSES)

    run = world.run(starts(child, form), {"a": 1})

    result = run.output
    assert (result["Status"], result["Input"], result["Output"]) == ("SUCCEEDED", given, output)
    assert (result["ExecutionArn"], result["StateMachineArn"]) == (child_of(world, child), child)
    assert [t for t in run.types if t.startswith("Task") and "State" not in t] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
    ]


@pytest.mark.parametrize("form", [".sync", ".sync:2"])
def test_child_that_fails_fails_the_task_with_its_description(world: World, form: str) -> None:
    run = world.run(starts(world.machine(FAILS), form))

    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(run.described["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Child.Broken", "no rows")


def test_stop_of_the_parent_stops_the_child(world: World) -> None:
    child = world.machine(WAITS)
    parent = world.start(starts(child, ".sync:2"))
    started = child_of(world, child)

    world.states.stop_execution(executionArn=parent)

    until(lambda: world.describe(started)["status"] == "ABORTED")


def test_timed_out_task_leaves_its_child_running(world: World) -> None:
    child = world.machine(WAITS)

    run = world.run(starts(child, ".sync", TimeoutSeconds=1))

    assert run.described["error"] == "States.Timeout"
    assert world.describe(child_of(world, child))["status"] == "RUNNING"


def test_machine_that_is_not_there_has_the_apis_error(world: World) -> None:
    missing = world.machine(PASSES) + "-not"
    catch = [{"ErrorEquals": ["StepFunctions.StateMachineDoesNotExistException"], "Next": "Caught"}]
    definition = starts(missing, ".sync", Catch=catch)
    definition["States"]["Caught"] = {"Type": "Pass", "Result": "caught", "End": True}

    assert world.run(definition).output == "caught"


def test_sdk_task_answers_with_capitals(world: World) -> None:
    child = world.machine(PASSES)
    world.run(starts(child, ".sync"))
    resource = "arn:aws:states:::aws-sdk:sfn:listExecutions"
    parameters = {"StateMachineArn": child, "MaxResults": 1}

    output = world.run(machine(Type="Task", Resource=resource, Parameters=parameters, End=True)).output

    assert output["Executions"][0]["ExecutionArn"] == child_of(world, child)
    assert output["Executions"][0]["Status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("list_executions", {"statusFilter": "DONE"}),
        ("list_executions", {"maxResults": 1001}),
        ("list_executions", {"maxResults": -1}),
        ("list_map_runs", {"maxResults": 1001}),
    ],
)
def test_value_that_a_list_does_not_take_is_refused(world: World, call: str, more: dict[str, Any]) -> None:
    machine_arn = world.machine(PASSES)
    execution = world.states.start_execution(stateMachineArn=machine_arn)["executionArn"]
    of = {"stateMachineArn": machine_arn} if call == "list_executions" else {"executionArn": execution}

    with pytest.raises(ClientError) as refused:
        getattr(world.states, call)(**of, **more)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_tags_of_what_is_not_there_are_refused(world: World) -> None:
    machine_arn = world.machine(PASSES)

    assert world.states.list_tags_for_resource(resourceArn=machine_arn)["tags"] == []
    with pytest.raises(ClientError) as refused:
        world.states.list_tags_for_resource(resourceArn=machine_arn + "-not")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"
