"""Copies payloads, which are JSON, several times as fast as Python's deepcopy, which is ready for anything.

Touches moto's private parts: the name `copy` in those modules of the interpreter that copy payloads; `States.get_input`,
which copies a state's input for everyone who looks at it, and `ResultPath._eval_body`, which alone writes into it.
"""

from __future__ import annotations

import copy
import importlib
from typing import Any

from moto.stepfunctions.parser.asl.component.common.path.result_path import ResultPath
from moto.stepfunctions.parser.asl.eval.states import States

from emulator.moto_patches import replace

_ASL = "moto.stepfunctions.parser.asl"
# Modules of the interpreter that copy a payload for every field of a state.
COPIERS = (
    f"{_ASL}.component.common.path.result_path",
    f"{_ASL}.component.common.string.string_expression",
    f"{_ASL}.component.state.exec.state_map.state_map",
    f"{_ASL}.component.state.exec.state_parallel.state_parallel",
    f"{_ASL}.component.state.exec.state_task.service.state_task_service",
    f"{_ASL}.eval.environment",
    f"{_ASL}.eval.states",
)
_IMMUTABLE = frozenset({str, int, float, bool, type(None)})


def copy_payload(value: Any) -> Any:
    """Return a copy of `value` that shares no dictionary and no list with it."""
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    if kind is dict:
        return {key: one if type(one) in _IMMUTABLE else copy_payload(one) for key, one in value.items()}
    if kind is list:
        return [one if type(one) in _IMMUTABLE else copy_payload(one) for one in value]
    return copy.deepcopy(value)


class _Copy:
    """Stands for the module `copy` where only this of it is used."""

    deepcopy = staticmethod(copy_payload)


_evaluate_result_path = ResultPath._eval_body  # noqa: SLF001 - wrapped by evaluate_result_path
_get_input = States.get_input


def get_input(states: States, query: str | None = None) -> Any:
    """Return a state's input, to be read only; what `query` leads to is a copy."""
    return states._states_data["input"] if query is None else _get_input(states, query)  # noqa: SLF001 - its own method


def evaluate_result_path(path: ResultPath, env: Any) -> None:
    """Put the result on the stack into a copy of the state's input."""
    held = env.states._states_data  # noqa: SLF001 - there is no other way to it that keeps the rest
    held["input"] = copy_payload(held["input"])
    _evaluate_result_path(path, env)


def install() -> None:
    """Put this way of copying in the place of moto's."""
    replace(States, "get_input", get_input, expects=("self", "query"))
    replace(ResultPath, "_eval_body", evaluate_result_path, expects=("self", "env"))
    for name in COPIERS:
        replace(importlib.import_module(name), "copy", _Copy)
