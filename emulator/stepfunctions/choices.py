"""Choice rules as Step Functions reads them: absent variables, instants in time, patterns, and no rule that matches.

Touches moto's private parts: `ComparisonVariable._eval_body`, `StateChoice._eval_state`,
`IsTimestamp.string_to_timestamp`, `StringMatches._compare`.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from emulator.stepfunctions.environment import ExecutionEnvironment

# https://states-language.net/#timestamps: RFC 3339 with a capital T, and a capital Z or a numeric offset.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def evaluate_comparison(comparison: Any, env: ExecutionEnvironment) -> None:
    """Leave on the stack whether the variable compares as the rule says.

    Raises:
        FailureEventException: States.Runtime, for a variable that is absent; only IsPresent may look at that.
    """
    comparison.variable.eval(env)
    absent = isinstance(env.stack[-1], NoSuchVariable)
    if absent and comparison.comparison_function.operator_type != ComparisonOperatorType.IsPresent:
        path = comparison.variable.string_sampler.literal_value
        cause = f"Invalid path '{path}': The choice state's condition path references an invalid value."
        raise failure(env, RUNTIME, cause, HistoryEventType.ExecutionFailed)
    comparison.comparison_function.eval(env)


def evaluate_choice(state: Any, env: ExecutionEnvironment) -> None:
    """Leave the name of the state that follows on the stack.

    Raises:
        FailureEventException: States.NoChoiceMatched, for no rule matches and there is no Default.
    """
    for rule in state.choices_decl.rules:
        rule.eval(env)
        if env.stack.pop() is True:
            env.stack.append(rule.next_stmt.name)
            return
    if state.default_state is None:
        cause = f"No rule of the Choice state '{state.name}' matched its input, and it has no Default."
        raise failure(env, NO_CHOICE_MATCHED, cause, HistoryEventType.ExecutionFailed)
    env.stack.append(state.default_state.state_name)


def read_timestamp(text: Any) -> dt.datetime | None:
    """Return the instant that a timestamp names, fractions and offset included; None if it is no timestamp."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


@functools.lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    # `*` is the only wildcard; a backslash takes its meaning away (https://states-language.net/#choice-state).
    parts = re.findall(r"\\[*\\]|.", text, re.DOTALL)
    return re.compile("".join(".*" if part == "*" else re.escape(part[-1]) for part in parts), re.DOTALL)


def matches_pattern(variable: Any, pattern: str) -> bool:
    """Whether a text matches the pattern of StringMatches."""
    return isinstance(variable, str) and _pattern(pattern).fullmatch(variable) is not None


_READ_TIMESTAMP = staticmethod(read_timestamp)
_MATCHES_PATTERN = staticmethod(matches_pattern)


def install() -> None:
    """Put these in the place of moto's."""
    replace(ComparisonVariable, "_eval_body", evaluate_comparison, expects=("self", "env"))
    replace(StateChoice, "_eval_state", evaluate_choice, expects=("self", "env"))
    replace(IsTimestamp, "string_to_timestamp", _READ_TIMESTAMP, expects=("string",))
    replace(StringMatches, "_compare", _MATCHES_PATTERN, expects=("variable", "comparison_value"))
