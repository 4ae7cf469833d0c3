"""The names and ARNs that Step Functions accepts and makes for executions and map runs."""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 80
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_ILLEGAL = frozenset('<>{}[]?*"#%\\^|~`$&,;:/\ufffe\uffff')


class NameTooLongError(ValueError):
    """A name is longer than 80 characters."""


class IllegalNameError(ValueError):
    """A name is empty or has characters that Step Functions refuses."""


def check_name(name: str) -> None:
    """Refuse what StartExecution refuses as `name`.

    Raises:
        NameTooLongError: more than 80 characters.
        IllegalNameError: empty, or with white space, brackets, wildcards, control or special characters.
    """
    if len(name) > LONGEST_NAME:
        raise NameTooLongError(
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST_NAME}"
        )
    if not name or any(c in _ILLEGAL or c.isspace() or unicodedata.category(c) in {"Cc", "Cs"} for c in name):
        raise IllegalNameError(f"Invalid Name: '{name}'")


def execution_arn(machine_arn: str, name: str) -> str:
    """ARN of the execution `name` of a state machine; of a map's child if the machine's ARN ends in `/<label>`."""
    return f"{machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"
