"""A stack, its events and its change sets, with their fields named as moto's answers read them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.cloudformation.exceptions import ValidationError

if TYPE_CHECKING:
    from emulator.cloudformation.resources import Resource
    from emulator.cloudformation.template import Template

STACK_TYPE = "AWS::CloudFormation::Stack"


def _now() -> datetime:
    # moto writes times without a zone, and means UTC.
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass
class Event:
    """One line of a stack's history."""

    stack_id: str
    stack_name: str
    logical_resource_id: str
    physical_resource_id: str
    resource_type: str
    resource_status: str
    resource_status_reason: str | None = None
    timestamp: datetime = field(default_factory=_now)
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Output:
    """One output of a stack."""

    output_key: str
    output_value: str
    description: str | None = None
    export_name: str | None = None


class PreviousValues(dict[str, str]):
    """Name of every parameter of a stack → its value; an update that names another is refused."""

    def __missing__(self, name: str) -> str:
        raise ValidationError(
            message=f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter "
            "key not in the previous template"
        )


@dataclass
class Stack:
    """One stack.

    Attributes:
        text: the template as it was sent.
        template: what was deployed last; None until something was.
        resources: logical id → resource, in the order they were made.
        imports: names of the exports that it uses.
    """

    name: str
    account_id: str
    region: str
    text: str
    tags: dict[str, str]
    status: str = "REVIEW_IN_PROGRESS"
    role_arn: str | None = None
    template_in_use: Template | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    imports: frozenset[str] = frozenset()
    events: list[Event] = field(default_factory=list)
    creation_time: datetime = field(default_factory=_now)
    last_updated_time: datetime | None = None
    deletion_time: datetime | None = None
    stack_status_reason: str | None = None
    notification_arns: list[str] = field(default_factory=list)
    enable_termination_protection: bool = False
    disable_rollback: bool = False
    policy: str = ""
    stack_id: str = ""

    def __post_init__(self) -> None:
        if not self.stack_id:
            self.stack_id = (
                f"arn:aws:cloudformation:{self.region}:{self.account_id}:stack/{self.name}/{uuid.uuid4()}"
            )

    @property
    def stack_name(self) -> str:
        """Its name, for answers."""
        return self.name

    @property
    def stack_status(self) -> str:
        """Its status, for answers."""
        return self.status

    @property
    def template(self) -> str:
        """The template as it was sent, for answers."""
        return self.text

    @property
    def description(self) -> str | None:
        """Of the template in use."""
        return self.template_in_use.document.get("Description") if self.template_in_use else None

    @property
    def exports(self) -> dict[str, str]:
        """Name of every export → its value."""
        return {one.export_name: one.output_value for one in self.outputs if one.export_name is not None}

    @property
    def stack_parameters(self) -> PreviousValues:
        """Name of every parameter → its value, as the API writes it: lists joined by commas."""
        if self.template_in_use is None:
            return PreviousValues()
        return PreviousValues(
            (name, ",".join(str(one) for one in value) if isinstance(value, list) else str(value))
            for name, value in self.template_in_use.parameters.items()
        )

    @property
    def parameters(self) -> list[dict[str, str]]:
        """Its parameters, for answers; what is NoEcho is not shown."""
        hidden = self.template_in_use.hidden if self.template_in_use else frozenset()
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value}
            for name, value in self.stack_parameters.items()
        ]

    def record(self, status: str, reason: str | None = None) -> None:
        """Take on `status` and write it down."""
        self.status, self.stack_status_reason = status, reason
        self._add(Event(self.stack_id, self.name, self.name, self.stack_id, STACK_TYPE, status, reason))

    def record_resource(
        self, logical_id: str, kind: str, status: str, *, physical_id: str = "", reason: str | None = None
    ) -> None:
        """Write down what happened to one resource."""
        self._add(Event(self.stack_id, self.name, logical_id, physical_id, kind, status, reason))

    def _add(self, event: Event) -> None:
        self.events.append(event)


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource."""

    action: str
    logical_resource_id: str
    resource_type: str
    physical_resource_id: str | None = None
    replacement: str | None = None


@dataclass
class ChangeSet:
    """A change that was asked for, and may be carried out."""

    change_set_name: str
    change_set_type: str
    stack: Stack
    text: str
    template: Template | None
    tags: dict[str, str]
    description: str | None = None
    role_arn: str | None = None
    notification_arns: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    status: str = "CREATE_COMPLETE"
    status_reason: str | None = None
    execution_status: str = "AVAILABLE"
    creation_time: datetime = field(default_factory=_now)
    change_set_id: str = ""

    def __post_init__(self) -> None:
        if not self.change_set_id:
            where = f"arn:aws:cloudformation:{self.stack.region}:{self.stack.account_id}"
            self.change_set_id = f"{where}:changeSet/{self.change_set_name}/{uuid.uuid4()}"

    @property
    def stack_id(self) -> str:
        """Of its stack, for answers."""
        return self.stack.stack_id

    @property
    def stack_name(self) -> str:
        """Of its stack, for answers."""
        return self.stack.name

    @property
    def parameters(self) -> dict[str, str]:
        """Its parameters, for answers."""
        return {name: str(value) for name, value in (self.template.parameters if self.template else {}).items()}

    def fail(self, reason: str) -> None:
        """Make it one that cannot be carried out."""
        self.status, self.status_reason, self.execution_status = "FAILED", reason, "UNAVAILABLE"
