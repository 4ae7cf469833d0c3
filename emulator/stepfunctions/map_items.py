"""The items of a Map that moto does not read: an object's entries, and JSON Lines in S3.

Touches moto's private parts: `ItemsPath._eval_body`, `InputType`'s values, `resource_output_transformer_for`.
"""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.path.items_path import ItemsPath
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader import item_reader_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_output_transformer import (
    transformer,
    transformer_factory,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.reader_config import input_type

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from emulator.stepfunctions.environment import ExecutionEnvironment

_transformer_for = transformer_factory.resource_output_transformer_for


class InputTypes(enum.Enum):
    """The forms of objects in S3 that are read as items."""

    CSV = "CSV"
    JSON = "JSON"
    JSONL = "JSONL"


class _JsonLines(transformer.ResourceOutputTransformer):  # type: ignore[misc]  # moto is not followed by mypy
    """Takes each line of an object, empty ones left out, for the JSON of an item."""

    def _eval_body(self, env: ExecutionEnvironment) -> None:
        config = env.stack.pop()
        lines = [line for line in env.stack.pop().split("\n") if line.strip()]
        env.stack.append([json.loads(line) for line in lines[: config["MaxItemsValue"]]])


def transformer_for(input_type: Any) -> Any:
    """Return what makes items of an object: ours for JSON Lines, moto's for the others."""
    name = input_type.input_type_value.value
    if name == InputTypes.JSONL.value:
        return _JsonLines()
    input_type.input_type_value = transformer_factory.InputTypeValue(name)
    return _transformer_for(input_type=input_type)


def evaluate_items_path(path: Any, env: ExecutionEnvironment) -> None:
    """Leave the items on the stack; those of an object are its entries, as `{"Key": …, "Value": …}`."""
    path.string_sampler.eval(env=env)
    if isinstance(env.stack[-1], dict):
        env.stack.append([{"Key": key, "Value": value} for key, value in env.stack.pop().items()])


def install() -> None:
    """Put these in the place of moto's."""
    replace(ItemsPath, "_eval_body", evaluate_items_path, expects=("self", "env"))
    replace(input_type, "InputTypeValue", InputTypes)
    for module in (transformer_factory, item_reader_decl):
        replace(module, "resource_output_transformer_for", transformer_for, expects=("input_type",))
