"""JSONata, in which the interpreter also looks up variables: with a library of Python's instead of a Java machine.

Touches moto's private parts: `eval_jsonata_expression` and `encode_jsonata_variable_declarations`, which several modules
import by name; `JSONataException` and `StringJSONata._eval_body`.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

from emulator.moto_patches import replace
from emulator.stepfunctions.errors import QUERY_EVALUATION_ERROR, failure

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASL = "moto.stepfunctions.parser.asl"
_EVALUATORS = (
    f"{_ASL}.jsonata.jsonata",
    f"{_ASL}.jsonata.validations",
    f"{_ASL}.component.common.string.string_expression",
)
_DECLARERS = (f"{_ASL}.jsonata.jsonata", f"{_ASL}.eval.states", f"{_ASL}.eval.variable_store")
_evaluate_expression = StringJSONata._eval_body  # noqa: SLF001 - wrapped by evaluate_expression


def evaluate(jsonata_expression: str) -> Any:
    """Return the value of an expression that has all it needs in itself.

    Raises:
        JSONataException: it cannot be parsed or evaluated.
    """
    # Few definitions have any, so few emulators load the library.
    from jsonata.jsonata import Jsonata

    try:
        return Jsonata(jsonata_expression).evaluate(None)
    except Exception as error:
        # The library raises errors of many kinds.
        raise JSONataException("JSONata", str(error)) from error


def evaluate_expression(expression: StringJSONata, env: Any) -> None:
    """Leave the value of a state's expression on the stack.

    Raises:
        FailureEventException: States.QueryEvaluationError, with what the library said as its cause.
    """
    try:
        _evaluate_expression(expression, env)
    except JSONataException as error:
        cause = f"The JSONata expression '{expression.expression}' could not be evaluated: {error.details}"
        raise failure(env, QUERY_EVALUATION_ERROR, cause, HistoryEventType.EvaluationFailed) from error


def declare(bindings: Mapping[str, Any]) -> str:
    """Return expressions that give variables their values."""
    return "".join(f"{name}:={json.dumps(value)};" for name, value in bindings.items())


def install() -> None:
    """Put these in the place of moto's."""
    for name in _EVALUATORS:
        replace(
            importlib.import_module(name), "eval_jsonata_expression", evaluate, expects=("jsonata_expression",)
        )
    replace(StringJSONata, "_eval_body", evaluate_expression, expects=("self", "env"))
    for name in _DECLARERS:
        module = importlib.import_module(name)
        replace(module, "encode_jsonata_variable_declarations", declare, expects=("bindings",))
