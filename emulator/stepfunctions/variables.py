"""Variables that Assign sets, read in JSONPath: `$name`, and paths into its value.

Touches moto's private parts: `StringVariableSample._eval_body`, which hands them to a JSONata evaluator that moto
does not have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringVariableSample
from moto.stepfunctions.parser.asl.eval.variable_store import NoSuchVariable
from moto.stepfunctions.parser.asl.utils.json_path import extract_json

from emulator.moto_patches import replace
from emulator.stepfunctions.copying import copy_payload
from emulator.stepfunctions.errors import RUNTIME, failure

if TYPE_CHECKING:
    from emulator.stepfunctions.environment import ExecutionEnvironment

_REFERENCE = re.compile(r"\$(\w*)(.*)", re.DOTALL)


def read_variable(sample: Any, env: ExecutionEnvironment) -> None:
    """Leave on the stack what the reference leads to.

    Raises:
        FailureEventException: States.Runtime, for no state has assigned the variable.
    """
    name, path = _REFERENCE.findall(sample.expression)[0]
    try:
        value = env.variable_store.get(name)
    except NoSuchVariable as error:
        raise failure(env, RUNTIME, f"The variable '{sample.expression}' has no value") from error
    env.stack.append(copy_payload(extract_json(f"${path}", value) if path else value))


def install() -> None:
    """Put this in the place of moto's."""
    replace(StringVariableSample, "_eval_body", read_variable, expects=("self", "env"))
