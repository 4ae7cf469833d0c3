r"""Intrinsic functions' arguments that moto's grammar does not know: null, and `\'`, `\{`, `\}` and `\\` in texts.

They are hidden from the grammar, as characters for private use, and come back when an argument is evaluated.

Touches moto's private parts: `IntrinsicParser.parse`, `ArgumentLiteral._eval_argument` and `StringFormat._eval_body`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.stepfunctions.parser.asl.component.intrinsic.argument.argument import ArgumentLiteral
from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.generic.string_format import (
    StringFormat,
)
from moto.stepfunctions.parser.asl.parse.intrinsic.intrinsic_parser import IntrinsicParser

from emulator.moto_patches import replace

# https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
_HIDDEN = {"'": "\ue000", "{": "\ue001", "}": "\ue002", "\\": "\ue003"}
_SHOWN = str.maketrans({hidden: shown for shown, hidden in _HIDDEN.items()})
_NULL = "\ue004"
# A text, or null as a whole argument.
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|(?<=[(,])(\s*)null(?=\s*[,)])", re.DOTALL)
_ESCAPE = re.compile(r"\\(['{}\\])|\\")
_parse = IntrinsicParser.parse


def parse(src: str) -> Any:
    """Return the function that an expression is, and its tree; the expression is as JSON escapes it."""
    expression = _TOKEN.sub(_hide, json.loads(f'"{src}"', strict=False))
    return _parse(json.dumps(expression, ensure_ascii=False)[1:-1])


def _hide(token: re.Match[str]) -> str:
    if token[0].startswith("'"):
        # A backslash before any other character stands for itself.
        return _ESCAPE.sub(lambda escape: _HIDDEN[escape[1] or escape[0]], token[0])
    return f"{token[1]}'{_NULL}'"


def evaluate_literal(argument: ArgumentLiteral, env: Any) -> Any:
    """Return the value of an argument that is written in the definition."""
    del env
    value = argument.definition_value
    if not isinstance(value, str):
        return value
    return None if value == _NULL else value.translate(_SHOWN)


def format_text(function: StringFormat, env: Any) -> None:
    """Leave on the stack the first argument with its `{}` replaced by the others."""
    template = function.argument_list.arguments[0]
    function.argument_list.eval(env=env)
    text, *values = env.stack.pop()
    if isinstance(template, ArgumentLiteral):
        # Its braces that are hidden stand for themselves.
        text = template.definition_value
    parts = text.split("{}")
    if len(parts) != len(values) + 1:
        raise ValueError(f"States.Format has {len(parts) - 1} places and {len(values)} values: {text}")
    texts = [part.translate(_SHOWN) for part in parts]
    for number, value in enumerate(values):
        texts[number] += StringFormat._to_str_repr(value)  # noqa: SLF001 - this function is that class's method
    env.stack.append("".join(texts))


def install() -> None:
    """Put these in the place of moto's."""
    replace(IntrinsicParser, "parse", staticmethod(parse), expects=("src",))
    replace(ArgumentLiteral, "_eval_argument", evaluate_literal, expects=("self", "env"))
    replace(StringFormat, "_eval_body", format_text, expects=("self", "env"))
