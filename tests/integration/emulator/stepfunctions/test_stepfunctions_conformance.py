"""Definitions that end as on AWS (https://states-language.net and Step Functions' developer guide)."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .conftest import ROLE, until

if TYPE_CHECKING:
    from .conftest import World

START = "arn:aws:states:::states:startExecution"


def passing(**fields: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **fields}}}


def choosing(rule: dict[str, Any], *, default: bool = True) -> dict[str, Any]:
    """Return a machine whose output is whether the rule matches."""
    return {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Choice", "Choices": [rule | {"Next": "Yes"}], **({"Default": "No"} if default else {})},
            "Yes": {"Type": "Pass", "Result": True, "End": True},
            **({"No": {"Type": "Pass", "Result": False, "End": True}} if default else {}),
        },
    }


def mapping(processor: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    state = {"Type": "Map", "ItemProcessor": processor or passing(), "End": True, **fields}
    return {"StartAt": "M", "States": {"M": state}}


def express(inner: dict[str, Any]) -> dict[str, Any]:
    return mapping({"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, **inner})


def before(moment: str) -> dict[str, Any]:
    return choosing({"Variable": "$.v", "TimestampLessThan": moment})


def like(pattern: str) -> dict[str, Any]:
    return choosing({"Variable": "$.v", "StringMatches": pattern})


def computed(expression: str) -> dict[str, Any]:
    return passing(Parameters={"r.$": expression})


NOON = "2016-08-18T12:00:00Z"
VARIABLES = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Pass", "Assign": {"kept.$": "$.v"}, "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"r.$": "$kept"}, "End": True},
    },
}
JSONATA = {"QueryLanguage": "JSONata", **passing(Output="{% $states.input.v & '!' %}")}

SUCCEEDING: list[tuple[dict[str, Any], Any, Any]] = [
    (choosing({"Variable": "$.absent", "IsPresent": False}), {}, True),
    (before(NOON), {"v": "2016-08-18T11:59:59.500Z"}, True),
    (before(NOON), {"v": "2016-08-18T13:30:00+02:00"}, True),
    (before("2016-08-18T12:00:00.25Z"), {"v": "2016-08-18T12:00:00.2501Z"}, False),
    (before(NOON), {"v": "2016-08-18t11:00:00Z"}, False),
    (choosing({"Variable": "$.v", "TimestampEquals": NOON}), {"v": "2016-08-18T10:00:00-02:00"}, True),
    (choosing({"Variable": "$.v", "IsTimestamp": True}), {"v": "2016-08-18T12:00:00.123+00:00"}, True),
    (like("log-*.txt"), {"v": "log-2016\n.txt"}, True),
    (like(r"a\*c"), {"v": "a*c"}, True),
    (like(r"a\*c"), {"v": "abc"}, False),
    (like(r"a\\*"), {"v": "a\\bc"}, True),
    (like("a?[b]"), {"v": "a?[b]"}, True),
    (like("a?"), {"v": "ab"}, False),
    (computed(r"States.Format('it\'s {}', $.v)"), {"v": 1}, {"r": "it's 1"}),
    (computed(r"States.Format('\{{}\} {} \\ n', $.v, $.w)"), {"v": "x", "w": "{}"}, {"r": "{x} {} \\ n"}),
    (computed(r"States.Array('it\'s', '\{\}')"), {}, {"r": ["it's", "{}"]}),
    (computed("States.Array($.v, null, true)"), {"v": 1}, {"r": [1, None, True]}),
    (computed("States.Array(null)"), {}, {"r": [None]}),
    (computed("States.Array($.null, 'null')"), {"null": 1}, {"r": [1, "null"]}),
    (mapping(), {"a": 1, "b": [2]}, [{"Key": "a", "Value": 1}, {"Key": "b", "Value": [2]}]),
    (mapping(ItemsPath="$.o"), {"o": {"a": 1}}, [{"Key": "a", "Value": 1}]),
    (express(passing()), [1, "b"], [1, "b"]),
    (VARIABLES, {"v": 'say "x" \\ y'}, {"r": 'say "x" \\ y'}),
    (JSONATA, {"v": 'say "x" \\ y'}, 'say "x" \\ y!'),
    ({"QueryLanguage": "JSONata", **passing(Output="{% $sum($states.input) %}")}, [1, 2], 3),
]
FAILING = [
    (choosing({"Variable": "$.absent", "StringEquals": "x"}), "States.Runtime"),
    (choosing({"Not": {"Variable": "$.absent", "IsNull": True}}), "States.Runtime"),
    (choosing({"Variable": "$.v", "StringEquals": "y"}, default=False), "States.NoChoiceMatched"),
    ({"QueryLanguage": "JSONata", **passing(Output="{% $states.input.v.( %}")}, "States.QueryEvaluationError"),
]
JOB = "arn:aws:states:::sagemaker:createTrainingJob.sync"
REFUSED = [
    ({"Resource": f"{START}.later", "Parameters": {"StateMachineArn": "x"}}, "is not recognized"),
    ({"Resource": START, "Parameters": {"StateMachineArn": "x", "Prefix": "y"}}, '"Prefix" is not supported'),
    ({"Resource": START, "Parameters": {"Input": {}}}, '"StateMachineArn" is required but was missing'),
    ({"Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync", "Parameters": {}}, "does not play"),
]


@pytest.mark.parametrize(("definition", "given", "output"), SUCCEEDING)
def test_execution_succeeds_with_the_output_of_aws(
    world: World, definition: dict[str, Any], given: Any, output: Any
) -> None:
    run = world.run(definition, given)
    assert (run.described["status"], run.output) == ("SUCCEEDED", output)


@pytest.mark.parametrize(("definition", "error"), FAILING)
def test_execution_fails_with_the_error_of_aws(world: World, definition: dict[str, Any], error: str) -> None:
    run = world.run(definition, {"v": "x"})
    assert (run.described["status"], run.described.get("error")) == ("FAILED", error)


@pytest.mark.parametrize(("task", "words"), REFUSED)
def test_task_that_could_not_run_is_refused_at_creation(world: World, task: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        world.machine(passing(**task, Type="Task"))


def test_express_children_that_wait_for_a_job_are_refused(world: World) -> None:
    with pytest.raises(ClientError, match="Express child workflows do not support"):
        world.machine(express(passing(Type="Task", Resource=JOB)))


def test_refused_definition_has_no_effect_on_others(world: World) -> None:
    refused = json.dumps({"QueryLanguage": "JSONata", **passing(ResultPath="$.x")})
    earlier = world.machine(computed("$.v"))
    found = world.states.validate_state_machine_definition(definition=refused)
    assert found["result"] == "FAIL"
    started = world.states.start_execution(stateMachineArn=earlier, input='{"v": 1}')["executionArn"]
    assert world.wait(started).output == {"r": 1}
    # Not one that has been read before.
    assert world.run(computed("$.v.w"), {"v": {"w": 2}}).output == {"r": 2}


def test_definitions_that_are_read_at_once_do_not_mix_their_query_languages(world: World) -> None:
    texts = [
        json.dumps(
            {"Comment": str(number)}
            | (
                passing(Parameters={"a": number})
                if number % 2
                else {"QueryLanguage": "JSONata", **passing(Output=1)}
            )
        )
        for number in range(40)
    ]
    gate = threading.Barrier(8)

    def check(text: str) -> Any:
        gate.wait(10)
        return world.states.validate_state_machine_definition(definition=text)["result"]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(check, texts)) == {"OK"}


def test_items_are_read_from_json_lines(world: World) -> None:
    world.put("items.jsonl", '{"a": 1}\n\n{"a": 2}\r\n{"a": 3}')
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL", "MaxItems": 2},
        "Parameters": {"Bucket": world.bucket, "Key": "items.jsonl"},
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **passing()}
    assert world.run(mapping(processor, ItemReader=reader)).output == [{"a": 1}, {"a": 2}]


def starting(world: World, form: str, child: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """Return a machine that starts an execution of another one."""
    given = {"StateMachineArn": world.machine(child), **parameters}
    return passing(Type="Task", Resource=f"{START}{form}", Parameters=given)


def test_started_execution_is_not_waited_for(world: World) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    output = world.run(starting(world, "", waiting, Input={"a": 1}, Name="named")).output
    assert output["ExecutionArn"].endswith(":named")
    assert isinstance(output["StartDate"], int)
    assert world.describe(output["ExecutionArn"])["input"] == '{"a":1}'
    world.states.stop_execution(executionArn=output["ExecutionArn"])


@pytest.mark.parametrize(("form", "output"), [(".sync", '{"a":1}'), (".sync:2", {"a": 1})])
def test_execution_that_is_waited_for_gives_its_output(world: World, form: str, output: Any) -> None:
    description = world.run(starting(world, form, passing(), Input={"a": 1})).output
    assert (description["Status"], description["Output"], description["Input"]) == ("SUCCEEDED", output, output)
    assert description["OutputDetails"] == {"Included": True}


def test_failure_of_an_execution_that_is_waited_for_fails_the_task(world: World) -> None:
    child = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Mine", "Cause": "because"}}}
    run = world.run(starting(world, ".sync:2", child))
    assert (run.described["status"], run.described["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(run.described["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Mine", "because")


def test_stop_reaches_the_execution_that_is_waited_for(world: World) -> None:
    child = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    parent = starting(world, ".sync:2", child)
    arn = world.start(parent)
    machine = parent["States"]["A"]["Parameters"]["StateMachineArn"]
    until(lambda: world.states.list_executions(stateMachineArn=machine)["executions"])
    world.states.stop_execution(executionArn=arn)

    def status() -> str:
        found: str = world.states.list_executions(stateMachineArn=machine)["executions"][0]["status"]
        return found

    until(lambda: status() == "ABORTED")


def test_refusal_of_a_start_is_named_as_on_aws(world: World) -> None:
    state = passing(Type="Task", Resource=START, Parameters={"StateMachineArn": ROLE})
    assert world.run(state).described["error"].startswith("StepFunctions.")


def test_answers_of_an_api_have_the_names_of_step_functions(world: World) -> None:
    machine = world.machine(passing())
    parameters = {"StateMachineArn": machine}
    listing = passing(
        Type="Task", Resource="arn:aws:states:::aws-sdk:sfn:describeStateMachine", Parameters=parameters
    )
    output = world.run(listing).output
    assert output["StateMachineArn"] == machine
    assert "stateMachineArn" not in output


@pytest.mark.parametrize("more", [{"statusFilter": "DONE"}, {"maxResults": 1001}])
def test_list_with_a_value_that_aws_does_not_take_is_refused(world: World, more: dict[str, Any]) -> None:
    machine = world.machine(passing())
    with pytest.raises(ClientError, match="failed to satisfy constraint") as refused:
        world.states.list_executions(stateMachineArn=machine, **more)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_tags_of_an_unknown_machine_are_refused(world: World) -> None:
    machine = world.machine(passing())
    assert world.states.list_tags_for_resource(resourceArn=machine)["tags"] == []
    with pytest.raises(ClientError) as refused:
        world.states.list_tags_for_resource(resourceArn=f"{machine}-not")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"
