"""State machines: which definitions are refused, and what is kept of the ones that are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .conftest import ROLE

if TYPE_CHECKING:
    from .conftest import World

GOOD: dict[str, Any] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
BAD: dict[str, Any] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}


def test_bad_definition_is_refused_with_all_that_is_wrong(world: World) -> None:
    with pytest.raises(ClientError) as refused:
        world.machine(BAD)

    assert refused.value.response["Error"] == {
        "Code": "InvalidDefinition",
        "Message": (
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at "
            "/States/A/Next, MISSING_END_STATE: Workflow has no terminal state at null'"
        ),
    }


def test_bad_definition_is_refused_in_an_update(world: World) -> None:
    machine = world.machine(GOOD)

    with pytest.raises(ClientError) as refused:
        world.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(BAD))

    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"
    assert json.loads(world.states.describe_state_machine(stateMachineArn=machine)["definition"]) == GOOD


def test_what_only_the_interpreter_knows_to_be_wrong_is_refused_too(world: World) -> None:
    states = {"A": {"Type": "Pass", "Parameters": {"x.$": "States.NoSuch($.a)"}, "End": True}}

    with pytest.raises(ClientError) as refused:
        world.machine({"StartAt": "A", "States": states})
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


@pytest.mark.parametrize(
    "states",
    [
        {"A": {"Type": "Pass", "Next": ["A"]}},
        {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": "x", "End": True}},
        {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": ["x"], "End": True}},
        {"A": {"Type": "Parallel", "Branches": 3, "End": True}},
        {"A": {"Type": "Map", "ItemProcessor": [], "End": True}},
        {"A": {"Type": "Choice", "Choices": {"x": 1}}},
    ],
    ids=["next", "retry", "rule", "branches", "processor", "choices"],
)
def test_value_of_the_wrong_type_is_refused(world: World, states: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        world.machine({"StartAt": "A", "States": states})
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


def test_definition_is_kept_to_the_letter(world: World) -> None:
    text = json.dumps(GOOD, indent=3)
    arn = world.states.create_state_machine(name="kept", definition=text, roleArn=ROLE)["stateMachineArn"]

    assert world.states.describe_state_machine(stateMachineArn=arn)["definition"] == text


def test_same_machine_again_is_the_same_and_another_under_its_name_is_refused(world: World) -> None:
    made = [
        world.states.create_state_machine(name="twice", definition=json.dumps(GOOD), roleArn=ROLE)[
            "stateMachineArn"
        ]
        for _ in range(2)
    ]
    other = json.dumps(GOOD | {"Comment": "other"})

    assert made[0] == made[1]
    with pytest.raises(ClientError) as refused:
        world.states.create_state_machine(name="twice", definition=other, roleArn=ROLE)
    assert refused.value.response["Error"]["Code"] == "StateMachineAlreadyExists"


def test_execution_keeps_the_definition_it_started_with(world: World) -> None:
    machine = world.machine(GOOD)
    started = world.states.start_execution(stateMachineArn=machine)["executionArn"]
    changed = json.dumps(GOOD | {"Comment": "changed"})

    world.states.update_state_machine(stateMachineArn=machine, definition=changed)

    kept = world.states.describe_state_machine_for_execution(executionArn=started)["definition"]
    assert json.loads(kept) == GOOD
    assert world.states.describe_state_machine(stateMachineArn=machine)["definition"] == changed


def test_definition_can_be_checked_without_a_machine(world: World) -> None:
    good = world.states.validate_state_machine_definition(definition=json.dumps(GOOD))
    bad = world.states.validate_state_machine_definition(definition=json.dumps(BAD))

    assert (good["result"], good["diagnostics"]) == ("OK", [])
    assert bad["result"] == "FAIL"
    assert [entry["code"] for entry in bad["diagnostics"]] == ["MISSING_TRANSITION_TARGET", "MISSING_END_STATE"]
    assert bad["diagnostics"][0]["location"] == "/States/A/Next"
