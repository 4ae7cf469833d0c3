"""Checks what a Task hands to an AWS API against that API's model, as Step Functions does before it calls."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from emulator.service_models import service_model
from emulator.stepfunctions.payloads import compact_json

if TYPE_CHECKING:
    from collections.abc import Iterator

# Step Functions' names of services where boto3's differ.
_BOTO_NAMES = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
}
_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("a STRING", (str,)),
    "integer": ("an INTEGER", (int,)),
    "long": ("a LONG", (int,)),
    "float": ("a FLOAT", (int, float)),
    "double": ("a DOUBLE", (int, float)),
    "boolean": ("a BOOLEAN", (bool,)),
}


class UnknownOperationError(Exception):
    """There is no such AWS service, or it has no such operation."""


def boto_service(name: str) -> str:
    """boto3's name of a service that a definition names."""
    return _BOTO_NAMES.get(name, name)


@functools.lru_cache(maxsize=256)
def operation(service: str, action: str) -> OperationModel:
    """Return the model of an operation by its name in definitions, such as `createTrainingJob` of `sagemaker`.

    Raises:
        UnknownOperationError: no such service or operation.
    """
    try:
        model = service_model(boto_service(service))
    except UnknownServiceError as error:
        raise UnknownOperationError(f"{service}:{action}") from error
    for name in model.operation_names:
        # Definitions write the first letter small, and nothing else may differ.
        if name[0].lower() + name[1:] == action:
            return model.operation_model(name)
    raise UnknownOperationError(f"{service}:{action}")


def pascal_case(member: str) -> str:
    """Return a member's name as definitions write it: `roleArn` is `RoleArn`."""
    return member[:1].upper() + member[1:]


def pascal_names(value: Any, shape: Shape | None) -> Any:
    """`value` of a boto3 answer with its members named as Step Functions names them in every service."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return {pascal_case(k): pascal_names(v, members[k]) for k, v in value.items() if k in members}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [pascal_names(entry, shape.member) for entry in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: pascal_names(entry, shape.value) for key, entry in value.items()}
    return value


def missing_or_unknown(names: set[str], shape: Shape | None) -> list[str]:
    """Return what is wrong with the top-level names of parameters, in Step Functions' words."""
    members = shape.members if isinstance(shape, StructureShape) else {}
    required = {pascal_case(n) for n in shape.required_members} if isinstance(shape, StructureShape) else set()
    known = {pascal_case(n) for n in members}
    problems = [unsupported(name) for name in sorted(names - known)]
    return problems + [f'The field "{name}" is required but was missing' for name in sorted(required - names)]


def unsupported(field: str) -> str:
    """Step Functions' words for a field that it does not pass on."""
    return f'The field "{field}" is not supported by Step Functions'


def unproven_fields(value: Any, shape: Shape | None, proven: frozenset[str], place: str = "") -> Iterator[str]:
    """Names of fields that nothing shows Step Functions to pass on.

    It names them without their place (https://github.com/aws/aws-cdk/issues/10014), and those that the API does not
    have at all are found at the top by `missing_or_unknown`.

    Args:
        value: Parameters as a definition writes them, where a reference's name ends in `.$`, or as they were evaluated.
        shape: of `value`.
        proven: fields that something shows, those inside others dotted.
        place: of `value`, dotted.
    """
    if isinstance(shape, ListShape) and isinstance(value, list):
        for entry in value:
            yield from unproven_fields(entry, shape.member, proven, place)
    if not isinstance(shape, StructureShape) or not isinstance(value, dict):
        return
    for key, inner in value.items():
        name = key.removesuffix(".$")
        if name not in shape.members and not place:
            continue
        path = f"{place}.{name}" if place else name
        if path not in proven:
            yield name
        elif name == key:
            yield from unproven_fields(inner, shape.members[name], proven, path)


def to_request(value: Any, shape: Shape, problems: list[str], name: str = "") -> Any:
    """`value` as boto3 wants it; what Step Functions would refuse is added to `problems`, in its words.

    An object given for bytes (S3's Body) becomes its JSON.
    """
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            problems.append(f"The value for the field '{name}' must be an object")
            return value
        members = {pascal_case(member): (member, inner) for member, inner in shape.members.items()}
        request = {}
        for key, given in value.items():
            if key not in members:
                problems.append(f"The field '{key}' is not supported by Step Functions")
                continue
            member, inner = members[key]
            request[member] = to_request(given, inner, problems, key)
        problems.extend(
            f"The field '{pascal_case(member)}' is required but was missing"
            for member in shape.required_members
            if member not in request
        )
        return request
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            problems.append(f"The value for the field '{name}' must be an array")
            return value
        return [to_request(entry, shape.member, problems, name) for entry in value]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            problems.append(f"The value for the field '{name}' must be an object")
            return value
        return {key: to_request(given, shape.value, problems, key) for key, given in value.items()}
    return _scalar(value, shape, problems, name)


def _scalar(value: Any, shape: Shape, problems: list[str], name: str) -> Any:
    if shape.type_name == "blob":
        text = value if isinstance(value, str) else compact_json(value)
        return text.encode()
    expected = _TYPES.get(shape.type_name)
    if expected is not None:
        word, types = expected
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            problems.append(f"The value for the field '{name}' must be {word}")
    return value
