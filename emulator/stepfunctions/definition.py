"""Turns a definition into the interpreter's program, once per text.

Touches moto's private parts: `AmazonStateLanguageParser`, whose grammar takes ToleratedFailurePercentage only with
a decimal point.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException

from emulator.stepfunctions.checks import SCHEMA, Problem, find_problems

_PERCENTAGE = "ToleratedFailurePercentage"


def check_definition(definition: str) -> list[Problem]:
    """Return what is wrong with a definition by the static checks or, if those pass, by the interpreter's parser."""
    try:
        problems = find_problems(definition)
    except (AttributeError, TypeError):
        # A value has a type that the checks do not expect; the grammar's error names its place.
        problems = []
    if not problems:
        try:
            parse_definition(definition)
        except ASLParserException as error:
            problems = [Problem(SCHEMA, "; ".join(error.errors))]
        except Exception as error:  # noqa: BLE001 - the parser raises whatever its components raise
            problems = [Problem(SCHEMA, str(error) or type(error).__name__)]
    return problems


@functools.lru_cache(maxsize=64)
def parse_definition(definition: str) -> Any:
    """Return the program of a definition; it keeps nothing of a run, so all executions share it.

    Raises:
        ASLParserException: the text does not follow the grammar.
    """
    program, _ = AmazonStateLanguageParser.parse(_with_decimals(definition))
    return program


def _with_decimals(definition: str) -> str:
    """Return the same definition, each map's percentage written as the grammar wants it (`100` as `100.0`)."""
    if _PERCENTAGE not in definition:
        return definition
    machine = json.loads(definition)
    _write_decimals(machine)
    return json.dumps(machine, ensure_ascii=False)


def _write_decimals(machine: dict[str, Any]) -> None:
    for state in machine["States"].values():
        percentage = state.get(_PERCENTAGE)
        if isinstance(percentage, int) and not isinstance(percentage, bool):
            state[_PERCENTAGE] = float(percentage)
        for inner in (state.get("ItemProcessor"), state.get("Iterator"), *(state.get("Branches") or [])):
            if inner:
                _write_decimals(inner)
