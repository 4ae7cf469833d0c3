"""Definitions, what they are given, and how they end: each as on AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from .conftest import World

Definition = dict[str, Any]


def passes(**fields: Any) -> Definition:
    """Return a machine of one Pass state."""
    return {"StartAt": "Hand on", "States": {"Hand on": {"Type": "Pass", "End": True, **fields}}}


def evaluates(expression: str) -> Definition:
    """Return a machine whose output is `{"is": …}`, the value of an expression."""
    return passes(Parameters={"is.$": expression})


def chooses(*, default: bool = True, **rule: Any) -> Definition:
    """Return a machine that ends with "yes" if the rule matches, else with "no"."""
    choice: dict[str, Any] = {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}]}
    states = {"Choose": choice, "Yes": {"Type": "Pass", "Result": "yes", "End": True}}
    if default:
        choice["Default"] = "No"
        states["No"] = {"Type": "Pass", "Result": "no", "End": True}
    return {"StartAt": "Choose", "States": states}


def maps(**fields: Any) -> Definition:
    """Return a machine with a Map whose iterations hand on their item."""
    state = {"Type": "Map", "ItemProcessor": passes(), "End": True, **fields}
    return {"StartAt": "Each", "States": {"Each": state}}


def assigns(expression: str) -> Definition:
    """Return a machine that assigns the variable `order`, then puts an expression into its output."""
    first = {"Type": "Pass", "Assign": {"order.$": "$"}, "Next": "Read"}
    second = {"Type": "Pass", "Parameters": {"is.$": expression}, "End": True}
    return {"StartAt": "Assign", "States": {"Assign": first, "Read": second}}


EARLY, LATE = "2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"
# name: (definition, input, output or the name of an error)
ENDS: dict[str, tuple[Definition, Any, Any]] = {
    "absent variable": (chooses(Variable="$.size", StringEquals="x"), {}, "States.Runtime"),
    "absent variable, type": (chooses(Variable="$.size", IsNull=True), {}, "States.Runtime"),
    "absent variable in Not": (
        chooses(Not={"Variable": "$.size", "NumericEquals": 1}),
        {},
        "States.Runtime",
    ),
    "absent variable, present asked": (chooses(Variable="$.size", IsPresent=False), {}, ["yes"]),
    "absent variable, asked first": (
        chooses(And=[{"Variable": "$.size", "IsPresent": True}, {"Variable": "$.size", "NumericEquals": 1}]),
        {},
        ["no"],
    ),
    "null is present": (chooses(Variable="$.size", IsNull=True), {"size": None}, ["yes"]),
    "no rule matches": (
        chooses(default=False, Variable="$.size", NumericEquals=1),
        {"size": 2},
        "States.NoChoiceMatched",
    ),
    "timestamp with fraction": (
        chooses(Variable="$.at", TimestampGreaterThan=EARLY),
        {"at": "2026-03-01T08:00:00.001Z"},
        ["yes"],
    ),
    "timestamp with offset": (
        chooses(Variable="$.at", TimestampEquals=EARLY),
        {"at": "2026-03-01T10:30:00+02:30"},
        ["yes"],
    ),
    "timestamps by path": (
        chooses(Variable="$.at", TimestampLessThanPath="$.end"),
        {"at": "2026-03-01T11:00:00+03:00", "end": LATE},
        ["yes"],
    ),
    "is a timestamp": (
        chooses(Variable="$.at", IsTimestamp=True),
        {"at": "2026-03-01T08:00:00.5-01:00"},
        ["yes"],
    ),
    "is no timestamp": (chooses(Variable="$.at", IsTimestamp=True), {"at": "2026-03-01 08:00"}, ["no"]),
    "wildcard": (chooses(Variable="$.file", StringMatches="log-*.txt"), {"file": "log-7.txt"}, ["yes"]),
    "escaped wildcard": (chooses(Variable="$.file", StringMatches=r"log-\*"), {"file": "log-*"}, ["yes"]),
    "escaped wildcard, other text": (
        chooses(Variable="$.file", StringMatches=r"log-\*"),
        {"file": "log-7"},
        ["no"],
    ),
    "format": (evaluates("States.Format('{} of {}', $.a, $.b)"), {"a": 1, "b": "x"}, [{"is": "1 of x"}]),
    "format, quote": (evaluates(r"States.Format('item\'s {}', $.a)"), {"a": 1}, [{"is": "item's 1"}]),
    "format, braces": (evaluates(r"States.Format('\{{}\}', $.a)"), {"a": 1}, [{"is": "{1}"}]),
    "format, backslash": (evaluates(r"States.Format('\\{}', $.a)"), {"a": 1}, [{"is": "\\1"}]),
    "format, value with braces": (evaluates("States.Format('{}!', $.a)"), {"a": "{}"}, [{"is": "{}!"}]),
    "format, too few values": (evaluates("States.Format('{} {}', $.a)"), {"a": 1}, "States.IntrinsicFailure"),
    "format, line break and letter": (evaluates("States.Format('é\n{}', $.a)"), {"a": 1}, [{"is": "é\n1"}]),
    "array, null": (evaluates("States.Array($.a, null, true)"), {"a": 1}, [{"is": [1, None, True]}]),
    "array, decimal": (evaluates("States.Array(1.5, -2)"), {}, [{"is": [1.5, -2]}]),
    "array, quote": (evaluates(r"States.Array('it\'s', '\{\}')"), {}, [{"is": ["it's", "{}"]}]),
    "array contains null": (evaluates("States.ArrayContains($.a, null)"), {"a": [1, None]}, [{"is": True}]),
    "functions in functions": (
        evaluates("States.Format('{}', States.ArrayLength(States.Array(null, null)))"),
        {},
        [{"is": "2"}],
    ),
    "map over an object": (
        maps(ItemsPath="$.sizes"),
        {"sizes": {"s": 1, "m": 2}},
        [[{"Key": "s", "Value": 1}, {"Key": "m", "Value": 2}]],
    ),
    "map over an array": (maps(), [1, 2], [[1, 2]]),
    "path through an index": (evaluates("$.lines[0].id"), {"lines": [{"id": 7}]}, [{"is": 7}]),
    "path through all": (evaluates("$.lines[*].id"), {"lines": [{"id": 7}]}, [{"is": [7]}]),
    "path through a slice": (evaluates("$.lines[0:1].id"), {"lines": [{"id": 7}]}, [{"is": [7]}]),
    "variable": (assigns("$order"), {"id": 7}, [{"is": {"id": 7}}]),
    "path into a variable": (assigns("$order.lines[1].id"), {"lines": [{}, {"id": 7}]}, [{"is": 7}]),
    "variable in a function": (assigns("States.Format('no. {}', $order.id)"), {"id": 7}, [{"is": "no. 7"}]),
    "variable that is not there": (assigns("$other"), {}, "States.Runtime"),
}


@pytest.mark.parametrize(("definition", "given", "end"), ENDS.values(), ids=ENDS.keys())
def test_definition_ends_as_on_aws(world: World, definition: Definition, given: Any, end: Any) -> None:
    run = world.run(definition, given)

    if isinstance(end, str):
        assert (run.described["status"], run.described.get("error")) == ("FAILED", end)
        assert run.described["cause"]
    else:
        assert run.described["status"] == "SUCCEEDED", run.described.get("cause")
        assert [run.output] == end


@pytest.mark.parametrize(
    "expression",
    ["States.Array(nil)", "States.Format('{}' $.a)", "States.Array(yes, 1)"],
)
def test_text_that_is_no_function_is_refused(world: World, expression: str) -> None:
    with pytest.raises(ClientError, match="InvalidDefinition"):
        world.machine(evaluates(expression))


def test_refused_definition_has_no_effect_on_others(world: World) -> None:
    before = world.machine(passes(Parameters={"n": 1}))
    refused = passes(Parameters={"x.$": "States.NoSuch($.a)"})

    for _ in range(3):
        assert world.states.validate_state_machine_definition(definition=json.dumps(refused))["result"] == "FAIL"

    after = world.machine(passes(Parameters={"n": 2}))
    outputs = []
    for machine in (before, after):
        arn = world.states.start_execution(stateMachineArn=machine)["executionArn"]
        outputs.append(world.wait(arn).output)
    assert outputs == [{"n": 1}, {"n": 2}]


def distributed(kind: str = "STANDARD", **fields: Any) -> Definition:
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}
    return maps(ItemProcessor={**config, **passes()}, **fields)


def reads(bucket: str, key: str, **config: Any) -> Definition:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": config,
        "Parameters": {"Bucket": bucket, "Key": key},
    }
    return distributed(ItemReader=reader)


@pytest.mark.parametrize(
    ("body", "config", "items"),
    [
        ("id,size\n1,s\n2,m\n", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, [("1", "s"), ("2", "m")]),
        (
            "1,s\n2,m\n",
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["id", "size"]},
            [("1", "s"), ("2", "m")],
        ),
        (
            "id,size\n1,s\n2,m\n",
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 1},
            [("1", "s")],
        ),
        ('{"id":"1","size":"s"}\n\n{"id":"2","size":"m"}', {"InputType": "JSONL"}, [("1", "s"), ("2", "m")]),
        ('{"id":"1","size":"s"}\n{"id":"2","size":"m"}\n', {"InputType": "JSONL", "MaxItems": 1}, [("1", "s")]),
    ],
    ids=["csv", "csv with given headers", "csv, one item", "jsonl", "jsonl, one item"],
)
def test_items_are_read_in_every_form(
    world: World, body: str, config: dict[str, Any], items: list[tuple[str, str]]
) -> None:
    world.put("items", body)

    run = world.run(reads(world.bucket, "items", **config))

    assert run.output == [{"id": number, "size": size} for number, size in items]


def test_line_that_is_no_json_fails_the_reading(world: World) -> None:
    world.put("items", '{"id":1}\nid 2\n')

    assert (
        world.run(reads(world.bucket, "items", InputType="JSONL")).described["error"] == "States.ItemReaderFailed"
    )


def test_express_children_run(world: World) -> None:
    run = world.run(distributed("EXPRESS"), [1, 2])

    assert run.output == [1, 2]
    assert world.map_run(run.arn)["itemCounts"]["succeeded"] == 2
