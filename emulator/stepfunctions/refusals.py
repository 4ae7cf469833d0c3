"""The errors of the Step Functions API that moto has under no code of AWS's, or not at all.

Touches moto's private parts: `AWSError`, whose `TYPE` is the code that a client sees.
"""

from __future__ import annotations

from typing import ClassVar

from moto.core.exceptions import AWSError


class InvalidDefinitionError(AWSError):  # type: ignore[misc]  # moto is not followed by mypy
    """CreateStateMachine or UpdateStateMachine was given a definition that Step Functions refuses."""

    TYPE: ClassVar[str] = "InvalidDefinition"
    STATUS: ClassVar[int] = 400


class StateMachineAlreadyExistsError(AWSError):  # type: ignore[misc]  # moto is not followed by mypy
    """A state machine with this name and another definition exists."""

    TYPE: ClassVar[str] = "StateMachineAlreadyExists"
    STATUS: ClassVar[int] = 400
