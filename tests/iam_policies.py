"""Judges IAM policies as AWS does, as far as the project's own use its language; anything else fails the test."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = dict[str, Any]

NO_CONTEXT: Mapping[str, str] = {}


def as_list(value: Any) -> list[Any]:
    """Return what IAM takes alone or in a list, as a list."""
    return value if isinstance(value, list) else [value]


def statements(policies: Sequence[Document]) -> Iterator[Document]:
    """All statements of the documents."""
    for policy in policies:
        yield from as_list(policy["Statement"])


def allows(
    policies: Sequence[Document], action: str, resource: str, context: Mapping[str, str] = NO_CONTEXT
) -> bool:
    """Whether the policies of one principal allow `action` on the ARN `resource`.

    `context` are the request's condition keys, in small letters, and their values.
    """
    found = {
        statement["Effect"]
        for statement in statements(policies)
        if _names(statement["Action"], action.lower(), fold=True)
        and _names(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), context)
    }
    return found == {"Allow"}


def trusts(policy: Document, principal: Document, action: str, context: Mapping[str, str] = NO_CONTEXT) -> bool:
    """Whether a role's trust policy lets `principal`, such as {"Service": …}, do `action`."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == principal
        and action in as_list(statement["Action"])
        and _holds(statement.get("Condition", {}), context)
        for statement in statements([policy])
    )


def _names(patterns: Any, value: str, *, fold: bool = False) -> bool:
    return any(_like(pattern.lower() if fold else pattern, value) for pattern in as_list(patterns))


def _like(pattern: str, value: str) -> bool:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, value, re.DOTALL) is not None


def _holds(condition: Document, context: Mapping[str, str]) -> bool:
    for operator, keys in condition.items():
        for key, expected in keys.items():
            actual = context.get(key.lower())
            if actual is None:
                return False
            match operator:
                case "StringEquals":
                    held = actual in as_list(expected)
                case "StringLike" | "ArnLike" | "ArnEquals":
                    held = _names(expected, actual)
                case _:
                    raise AssertionError(f"no test knows the operator {operator}")
            if not held:
                return False
    return True
