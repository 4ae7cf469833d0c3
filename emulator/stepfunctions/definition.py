"""Turns a definition into the interpreter's program, once per text.

Touches moto's private parts: `AmazonStateLanguageParser`, whose grammar takes ToleratedFailurePercentage only with
a decimal point and no Express children; its `Preprocessor`, which keeps the query languages of all definitions that
are being read in one list.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from moto.stepfunctions.parser.asl.parse import asl_parser
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from emulator.moto_patches import replace
from emulator.stepfunctions.checks import SCHEMA, Problem, find_problems

_PERCENTAGE = "ToleratedFailurePercentage"
_EXPRESS = "EXPRESS"


class OwnScopes(Preprocessor):  # type: ignore[misc]  # moto is not followed by mypy
    """Reads one definition: a refused one leaves no query language behind for those that are read after or beside it."""

    def __init__(self) -> None:
        super().__init__()
        self._query_language_per_scope: list[Any] = []


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
    program, _ = AmazonStateLanguageParser.parse(_as_grammar_has_it(definition))
    return program


def _as_grammar_has_it(definition: str) -> str:
    """Return the same definition, with percentages as `100.0` instead of `100`, and Express children as Standard ones.

    An Express child differs in what it may do, which the checks see to, not in how it runs here.
    """
    if _PERCENTAGE not in definition and _EXPRESS not in definition:
        return definition
    machine = json.loads(definition)
    _rewrite(machine)
    return json.dumps(machine, ensure_ascii=False)


def _rewrite(machine: dict[str, Any]) -> None:
    config = machine.get("ProcessorConfig") or {}
    if config.get("ExecutionType") == _EXPRESS:
        config["ExecutionType"] = "STANDARD"
    for state in machine["States"].values():
        percentage = state.get(_PERCENTAGE)
        if isinstance(percentage, int) and not isinstance(percentage, bool):
            state[_PERCENTAGE] = float(percentage)
        for inner in (state.get("ItemProcessor"), state.get("Iterator"), *(state.get("Branches") or [])):
            if inner:
                _rewrite(inner)


def install() -> None:
    """Let every definition be read on its own."""
    replace(asl_parser, "Preprocessor", OwnScopes)
