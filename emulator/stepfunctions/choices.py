"""The Choice state's comparisons as AWS makes them: absent variables, moments, patterns, and no rule that matches.

Touches moto's private parts: `ComparisonVariable._eval_body`, `StateChoice._eval_state`, `StringMatches._compare` and
`IsTimestamp.string_to_timestamp`.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_variable import ComparisonVariable
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.is_operator import (
    IsTimestamp,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.string_operators import (
    StringMatches,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.variable import NoSuchVariable
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice

from emulator.moto_patches import replace
from emulator.stepfunctions.errors import NO_CHOICE_MATCHED, RUNTIME, failure

# The profile of RFC 3339 that https://states-language.net/#timestamps asks for: T and Z are capitals.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ESCAPED_OR_STAR = re.compile(r"\\([*\\])|\*")


def compare(comparison: ComparisonVariable, env: Any) -> None:
    """Leave on the stack whether the rule matches; only IsPresent may ask for what is not there."""
    comparison.variable.eval(env)
    operator = comparison.comparison_function.operator_type
    if isinstance(env.stack[-1], NoSuchVariable) and operator != ComparisonOperatorType.IsPresent:
        path = comparison.variable.string_sampler.literal_value
        cause = f"Invalid path '{path}': The choice state's condition path references an invalid value."
        raise failure(env, RUNTIME, cause, HistoryEventType.ExecutionFailed)
    comparison.comparison_function.eval(env)


def choose(state: StateChoice, env: Any) -> None:
    """Leave on the stack the name of the state that follows."""
    for rule in state.choices_decl.rules:
        rule.eval(env)
        if env.stack.pop() is True:
            env.stack.append(rule.next_stmt.name)
            return
    if state.default_state is None:
        cause = "Failed to transition out of the state. The state does not point to a next state."
        raise failure(env, NO_CHOICE_MATCHED, cause, HistoryEventType.ExecutionFailed)
    env.stack.append(state.default_state.state_name)


def moment_of(text: str) -> dt.datetime | None:
    """Return the moment that a timestamp names, whatever its offset; None if it is no timestamp."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def matches_pattern(text: Any, pattern: Any) -> bool:
    r"""Return whether a text matches a pattern: `*` is any characters, `\*` a star and `\\` a backslash."""
    return isinstance(text, str) and _compiled(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts, end = [], 0
    for found in _ESCAPED_OR_STAR.finditer(pattern):
        parts.append(re.escape(pattern[end : found.start()]))
        parts.append(re.escape(found[1]) if found[1] else ".*")
        end = found.end()
    return re.compile("".join([*parts, re.escape(pattern[end:])]), re.DOTALL)


def install() -> None:
    """Put these in the place of moto's."""
    replace(ComparisonVariable, "_eval_body", compare, expects=("self", "env"))
    replace(StateChoice, "_eval_state", choose, expects=("self", "env"))
    replace(IsTimestamp, "string_to_timestamp", staticmethod(moment_of), expects=("string",))
    replace(StringMatches, "_compare", staticmethod(matches_pattern), expects=("variable", "comparison_value"))
