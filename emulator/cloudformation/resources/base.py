"""What every resource type is made of: its context, its names, and CloudFormation's properties as API parameters."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from emulator.cloudformation.errors import ResourceError
from emulator.cloudformation.intrinsic_functions import scalar_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.endpoint import Clients


@dataclass(frozen=True)
class Context:
    """Where a resource is made: its stack, its logical id and the services it is made through."""

    clients: Clients
    account_id: str
    region: str
    stack_name: str
    logical_id: str
    tags: dict[str, str]

    def client(self, service: str) -> Any:
        """Return the boto3 client of `service`."""
        return self.clients.get(service, self.region)

    def generated_name(self, limit: int, *, lower: bool = False, with_stack: bool = True) -> str:
        """Return a new name such as `<stack>-<logical id>-<suffix>`, of at most `limit` characters, cut in the middle."""
        suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(12))
        parts = [self.stack_name, self.logical_id] if with_stack else [self.logical_id]
        name = f"{'-'.join(parts)[: limit - 13].rstrip('-')}-{suffix}"
        return name.lower() if lower else name

    def tag_map(self, properties: Mapping[str, Any]) -> dict[str, str]:
        """Return the stack's tags and the resource's own, key → value."""
        own = properties.get("Tags") or []
        pairs = own.items() if isinstance(own, dict) else [(tag["Key"], tag["Value"]) for tag in own]
        return {**self.tags, **{str(key): str(value) for key, value in pairs}}

    def tag_list(self, properties: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the same as a list of Key and Value."""
        return [{"Key": key, "Value": value} for key, value in self.tag_map(properties).items()]


@dataclass(frozen=True)
class Made:
    """A resource that is there: what Ref gives, and what Fn::GetAtt gives."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Resource:
    """One resource of a stack, as moto's answers name its fields.

    Attributes:
        properties: the properties it was made with, functions evaluated.
        retained: whether it stays when it leaves the stack.
    """

    logical_resource_id: str
    cf_resource_type: str
    properties: dict[str, Any]
    made: Made
    retained: bool = False

    @property
    def physical_resource_id(self) -> str:
        """What Ref gives."""
        return self.made.physical_id


class ResourceType(Protocol):
    """How resources of one type are made, changed and removed.

    `replaced_by` lists the properties whose change needs a new resource in place of the old one; `known` all that
    are read, so that one the emulator would ignore is refused instead. Errors of the services are botocore's
    ClientError and left to the caller.
    """

    name: str
    known: frozenset[str]
    replaced_by: frozenset[str]

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make it."""

    def update(self, context: Context, resource: Resource, properties: dict[str, Any]) -> Made:
        """Give the existing one new properties."""

    def delete(self, context: Context, resource: Resource) -> None:
        """Remove it."""


def api_parameters(client: Any, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation's `properties` as parameters of an API operation.

    Names are matched whatever the case of their first letter, and scalars become what the operation's model says, as
    CloudFormation turns `"30"` into 30.

    Raises:
        ResourceError: the operation has no parameter of a property's name, or a value cannot be converted.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    converted = _convert(shape, properties, operation)
    return dict(converted)


def _convert(shape: Any, value: Any, path: str) -> Any:
    try:
        match shape.type_name:
            case "structure":
                return _convert_structure(shape, value, path)
            case "list":
                return [_convert(shape.member, one, path) for one in value]
            case "map":
                return {key: _convert(shape.value, one, f"{path}.{key}") for key, one in value.items()}
            case "integer" | "long":
                return int(value)
            case "float" | "double":
                return float(value)
            case "boolean":
                return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
            case "string":
                return scalar_text(value)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ResourceError(f"Value {value!r} of {path} is not of type {shape.type_name}") from error
    return value


def _convert_structure(shape: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    members = {name[0].lower() + name[1:]: name for name in shape.members}
    converted = {}
    for key, one in value.items():
        name = members.get(key[0].lower() + key[1:])
        if name is None:
            raise ResourceError(f"extraneous key [{key}] is not permitted in {path}")
        converted[name] = _convert(shape.members[name], one, f"{path}.{key}")
    return converted


def without(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """`properties` but for those named."""
    return {name: value for name, value in properties.items() if name not in names}
