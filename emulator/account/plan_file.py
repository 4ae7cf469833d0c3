"""Reads an account's plan from a file, and says what is wrong with it."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from emulator.account.actions import check_action
from emulator.account.plan import Account

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

# In place of pydantic's words that name classes of Python.
_WORDS = {
    "model_type": "Input should be an object",
    "tuple_type": "Input should be a list",
}


class AccountError(Exception):
    """The account's file cannot be used; says which file, where in it, and what to write instead."""


def read_account(path: Path) -> Account:
    """Return the account of a YAML or JSON file.

    Raises:
        AccountError: it cannot be read, is no YAML, or does not describe an account. Of the last it names every
            problem; what holds for several values together is checked once each of them is right.
    """
    try:
        return Account.model_validate(_read_yaml(path) or {}, by_alias=True, by_name=False, context=check_action)
    except ValidationError as error:
        problems = ";\n  ".join(_problem(one) for one in error.errors(include_url=False))
        raise AccountError(f"{path}: {problems}. See docs/emulator.md, 'The account'.") from error


def _problem(error: ErrorDetails) -> str:
    """Where a value is wrong, and what it must be."""
    place = error["loc"]
    match error["type"]:
        case "extra_forbidden":
            words = f"unknown field `{place[-1]}`"
            place = place[:-1]
        case "invalid_key":
            words = f"a field's name should be a string, not {error['input']!r}"
            place = place[:-1]
        case "value_error":
            words = str(error["ctx"]["error"])
        case "missing":
            words = error["msg"]
        case kind:
            # A value may be long, and may be the whole file.
            words = f"{_WORDS.get(kind, error['msg'])}, not {reprlib.repr(error['input'])}"
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return f"at {where.removeprefix('.') or 'its top level'}: {words}"


def _read_yaml(path: Path) -> Any:
    try:
        # Read with the loader that makes plain values alone.
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise AccountError(f"{path} cannot be read: {reason}. Give a YAML or JSON file that can be.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "its beginning"
        problem = getattr(error, "problem", None) or "it is no YAML"
        raise AccountError(f"{path}: at {place}: {problem}. Put patterns such as '*' in quotes.") from error
