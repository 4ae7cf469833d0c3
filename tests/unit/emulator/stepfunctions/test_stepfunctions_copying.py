"""Payloads are copied whole; what a state gives never changes the input that it was given."""

from __future__ import annotations

import copy
import importlib
import inspect
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.component.common.path.result_path import ResultPath
from moto.stepfunctions.parser.asl.eval.states import ContextObjectData, ExecutionData, States

from emulator.stepfunctions import copying
from emulator.stepfunctions.copying import COPIERS, copy_payload


@pytest.fixture(autouse=True)
def installed() -> None:
    copying.install()


@pytest.mark.parametrize(
    "value",
    [None, "text", 1.5, {"a": [1, {"b": None}], "c": {}}, [[], [{}]], ({"a": 1},), {1, 2}],
    ids=["null", "text", "number", "object", "array", "tuple", "set"],
)
def test_copy_equals_what_was_copied(value: Any) -> None:
    assert copy_payload(value) == copy.deepcopy(value)


def test_copy_shares_nothing_that_can_change() -> None:
    value = {"a": [{"b": [1]}], "c": {"d": {}}}
    copied = copy_payload(value)
    copied["a"][0]["b"].append(2)
    copied["c"]["d"]["e"] = 1

    assert value == {"a": [{"b": [1]}], "c": {"d": {}}}


def test_modules_that_copy_use_nothing_else_of_the_module_copy() -> None:
    for name in COPIERS:
        source = inspect.getsource(importlib.import_module(name))
        assert source.count("copy.") == source.count("copy.deepcopy("), name


class _Environment:
    """What ResultPath needs of an environment."""

    def __init__(self, given: Any) -> None:
        self.states = States(ContextObjectData(Execution=ExecutionData(Input=given)))
        self.stack: list[Any] = []


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("$.x.y", {"x": {"y": "new", "z": 1}, "w": [1]}),
        ("$.v", {"x": {"z": 1}, "w": [1], "v": "new"}),
        (None, {"x": {"z": 1}, "w": [1]}),
    ],
    ids=["inside", "beside", "discarded"],
)
def test_result_path_leaves_the_input_of_others_as_it_was(path: str | None, output: Any) -> None:
    given = {"x": {"z": 1}, "w": [1]}
    env: Any = _Environment(given)
    env.stack.append("new")

    ResultPath(path)._eval_body(env)

    assert env.stack == [output]
    assert given == {"x": {"z": 1}, "w": [1]}


def test_part_of_an_input_is_a_copy() -> None:
    env = _Environment({"x": {"z": 1}})
    env.states.get_input("$.x")["z"] = 2

    assert env.states.get_input() == {"x": {"z": 1}}
