"""Items of a Distributed Map from JSON Lines, beside moto's JSON and CSV.

Touches moto's private parts: `InputType.__init__`, `resource_output_transformer_for` as ItemReader knows it.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader import item_reader_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_output_transformer.transformer import (  # noqa: E501
    ResourceOutputTransformer,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.reader_config.input_type import (
    InputType,
    InputTypeValue,
)

from emulator.moto_patches import replace

JSON_LINES = "JSONL"
_transformer_for = item_reader_decl.resource_output_transformer_for


class _Lines(ResourceOutputTransformer):  # type: ignore[misc]  # moto is not followed by mypy
    """Makes an item of each line that is not blank."""

    def _eval_body(self, env: Any) -> None:
        reader_config = env.stack.pop()
        lines = (line for line in env.stack.pop().split("\n") if line.strip())
        env.stack.append([json.loads(line) for line in itertools.islice(lines, reader_config["MaxItemsValue"])])


def take_input_type(declared: InputType, input_type: str) -> None:
    """Keep the kind of file that a definition names."""
    declared.input_type_value = JSON_LINES if input_type == JSON_LINES else InputTypeValue(input_type)


def transformer_for(input_type: InputType) -> Any:
    """Return what makes items of such a file."""
    return _Lines() if input_type.input_type_value == JSON_LINES else _transformer_for(input_type)


def install() -> None:
    """Put these in the place of moto's."""
    replace(InputType, "__init__", take_input_type, expects=("self", "input_type"))
    replace(item_reader_decl, "resource_output_transformer_for", transformer_for, expects=("input_type",))
