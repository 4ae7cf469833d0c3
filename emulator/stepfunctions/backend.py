"""moto's state machines, with the emulator's executions.

Touches moto's private parts: `StepFunctionsParserBackend`, which is replaced through `BackendDict.backend`, and
its `_validate_definition`; and `AWSError`, whose `TYPE` is the error code that a client sees.
"""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any, ClassVar

from moto.core.config import default_user_config
from moto.core.exceptions import AWSError
from moto.stepfunctions.exceptions import (
    ExecutionAlreadyExists,
    InvalidExecutionInput,
    InvalidName,
    ValidationException,
)
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends

from emulator.moto_patches import replace
from emulator.stepfunctions.definition import check_definition, parse_definition
from emulator.stepfunctions.execution import Execution, Machine, Status
from emulator.stepfunctions.names import IllegalNameError, NameTooLongError, check_name, execution_arn
from emulator.stepfunctions.payloads import LARGEST_PAYLOAD, payload_size
from emulator.stepfunctions.registry import Registry


class InvalidDefinitionError(AWSError):  # type: ignore[misc]  # moto is not followed by mypy
    """CreateStateMachine or UpdateStateMachine was given a definition that Step Functions refuses."""

    TYPE: ClassVar[str] = "InvalidDefinition"
    STATUS: ClassVar[int] = 400


class StateMachineAlreadyExistsError(AWSError):  # type: ignore[misc]  # moto is not followed by mypy
    """A state machine with this name and another definition exists."""

    TYPE: ClassVar[str] = "StateMachineAlreadyExists"
    STATUS: ClassVar[int] = 400


class EmulatorBackend(StepFunctionsParserBackend):  # type: ignore[misc]  # moto is not followed by mypy
    """The Step Functions of one account and Region.

    Attributes:
        registry: its executions and map runs.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.registry = Registry()
        self._starting = threading.Lock()

    def create_state_machine(self, name: str, definition: str, roleArn: str, **options: Any) -> Any:  # noqa: N803
        """Create it, or answer as before if it exists just so.

        Raises:
            InvalidDefinitionError: the definition is refused.
            StateMachineAlreadyExistsError: the name is taken by a machine with another definition.
        """
        existing = next((machine for machine in self.state_machines if machine.name == name), None)
        if existing is not None and existing.definition != definition:
            raise StateMachineAlreadyExistsError(f"State Machine Already Exists: '{existing.arn}'")
        return super().create_state_machine(name, definition, roleArn, **options)

    def delete_state_machine(self, arn: str) -> None:
        """Delete it and its executions, ending those that run."""
        super().delete_state_machine(arn)
        for execution in self.registry.forget_machine(arn):
            execution.stop(cause="The state machine was deleted.")

    def start_execution(
        self,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,  # noqa: ARG002 - moto's signature
    ) -> Execution:
        """Start an execution, or give back the one that runs under this name with this input.

        Raises:
            StateMachineDoesNotExist: no such machine.
            InvalidName: the name has characters that are refused.
            ValidationException: the name is longer than 80 characters.
            InvalidExecutionInput: the input is no JSON, or larger than 256 KiB.
            ExecutionAlreadyExists: the name was used, with another input or by an execution that is over.
        """
        machine = self.describe_state_machine(state_machine_arn)
        try:
            check_name(name if name is not None else "generated")
        except NameTooLongError as error:
            raise ValidationException(str(error)) from error
        except IllegalNameError as error:
            raise InvalidName(str(error)) from error
        text = "{}" if execution_input is None else execution_input
        _check_input(text)
        name = name or str(uuid.uuid4())
        snapshot = Machine(
            arn=getattr(machine, "source_arn", machine.arn),
            name=machine.name,
            definition=machine.definition,
            role_arn=machine.roleArn,
            region=self.region_name,
            account=self.account_id,
            type=machine.type,
        )
        with self._starting:
            arn = execution_arn(snapshot.arn, name)
            known = self.registry.execution(arn)
            if known is not None:
                if known.status is Status.RUNNING and known.input_text == text:
                    return known
                raise ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
            execution = Execution(
                arn=arn,
                name=name,
                machine=snapshot,
                program=parse_definition(machine.definition),
                input_text=text,
                registry=self.registry,
            )
            self.registry.add(execution)
        execution.start()
        return execution

    def _get_executions(self, execution_status: Any = None) -> list[Any]:
        """Return the executions in which moto looks for a task token."""
        wanted = getattr(execution_status, "value", execution_status)
        return [
            _TokenHolder(execution)
            for machine in self.state_machines
            for execution in self.registry.of_machine(machine.arn)
            if execution.env is not None and wanted in {None, str(execution.status)}
        ]


class _TokenHolder:
    """An execution in the shape in which moto looks for the tokens that its tasks wait for."""

    def __init__(self, execution: Execution) -> None:
        self.exec_worker = self
        self.env = execution.env


def refuse_bad_definition(definition: str) -> None:
    """Check a definition before a state machine is made of it or updated with it.

    Raises:
        InvalidDefinitionError: with all that is wrong, in AWS's form.
    """
    problems = check_definition(definition)
    if problems:
        raise InvalidDefinitionError(f"Invalid State Machine Definition: '{', '.join(map(str, problems))}'")


_CHECKER = staticmethod(refuse_bad_definition)


def _check_input(text: str) -> None:
    size = payload_size(text)
    if size > LARGEST_PAYLOAD:
        raise InvalidExecutionInput(
            f"Invalid State Machine Execution Input: '{size} bytes exceed the limit of {LARGEST_PAYLOAD}'"
        )
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from error


def install() -> None:
    """Make moto run state machines, with this backend, and none left of an emulator before."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    # moto calls it by its class, so a subclass cannot take its place.
    replace(StepFunctionsParserBackend, "_validate_definition", _CHECKER, expects=("definition",))
    replace(stepfunctions_parser_backends, "backend", EmulatorBackend)
    stepfunctions_parser_backends.clear()


def uninstall() -> None:
    """Forget all state machines and executions."""
    stepfunctions_parser_backends.clear()
