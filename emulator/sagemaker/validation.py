"""Checks a request against AWS's own service model, with AWS's words for what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.sagemaker.errors import SerializationError, ValidationError
from emulator.sagemaker.patterns import compile_pattern
from emulator.service_models import service_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ListShape, MapShape, Shape, StructureShape

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
}


def read_request(operation: str, body: str | bytes) -> dict[str, Any]:
    """Return the request of `operation` (`CreateTrainingJob`) from its JSON body, checked; unknown members are dropped.

    Raises:
        SerializationError: the body is no JSON object, or a member has another JSON type than the model says.
        ValidationError: a required member is missing, or a value breaks length, range, pattern or set of values.
    """
    try:
        request = json.loads(body or "{}")
    except ValueError as error:
        raise SerializationError("Unexpected token in the request's JSON") from error
    shape = service_model("sagemaker").operation_model(operation).input_shape
    if shape is None:
        raise ValueError(f"{operation} takes no input")
    problems = list(_problems(shape, request, ""))
    if problems:
        noun = "error" if len(problems) == 1 else "errors"
        raise ValidationError(f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")
    known: dict[str, Any] = _known_members(shape, request)
    return known


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    _check_json_type(shape, value)
    if shape.type_name == "structure":
        yield from _structure_problems(shape, value, path)  # type: ignore[arg-type]  # type_name is the shape's
        return
    for constraint in _broken_constraints(shape, value):
        yield f"Value '{_show(value)}' at '{path}' failed to satisfy constraint: {constraint}"
    if shape.type_name == "list":
        yield from _list_problems(shape, value, path)  # type: ignore[arg-type]  # type_name is the shape's
    elif shape.type_name == "map":
        yield from _map_problems(shape, value, path)  # type: ignore[arg-type]  # type_name is the shape's


def _structure_problems(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        # `trainingJobName`, not `TrainingJobName`: AWS names members as its Java objects do.
        member_path = f"{path}.{name[0].lower()}{name[1:]}" if path else f"{name[0].lower()}{name[1:]}"
        if value.get(name) is not None:
            yield from _problems(member, value[name], member_path)
        elif name in shape.required_members:
            yield f"Value null at '{member_path}' failed to satisfy constraint: Member must not be null"


def _list_problems(shape: ListShape, value: list[Any], path: str) -> Iterator[str]:
    for number, member in enumerate(value, start=1):
        yield from _problems(shape.member, member, f"{path}.{number}.member")


def _map_problems(shape: MapShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for what, member, values in (("keys", shape.key, value.keys()), ("value", shape.value, value.values())):
        for one in values:
            if member.type_name == "structure":
                yield from _problems(member, one, f"{path}.{what}")
                continue
            _check_json_type(member, one)
            if any(_broken_constraints(member, one)):
                yield (
                    f"Value '{_show(value)}' at '{path}' failed to satisfy constraint: "
                    f"Map {what} must satisfy constraint: [{', '.join(_constraints(member))}]"
                )
                break


def _broken_constraints(shape: Shape, value: Any) -> Iterator[str]:
    limits = shape.metadata
    size = value if shape.type_name in {"integer", "long", "float", "double"} else _length(value)
    if size is not None:
        if "max" in limits and size > limits["max"]:
            yield _size_constraint(shape, "max")
        if "min" in limits and size < limits["min"]:
            yield _size_constraint(shape, "min")
    if "pattern" in limits and not compile_pattern(limits["pattern"]).fullmatch(value):
        yield _pattern_constraint(shape)
    if limits.get("enum") and value not in limits["enum"]:
        yield _enum_constraint(shape)


def _constraints(shape: Shape) -> list[str]:
    """All constraints of a shape, in the order AWS lists those of a map's values."""
    limits = shape.metadata
    found = [_size_constraint(shape, bound) for bound in ("max", "min") if bound in limits]
    if "pattern" in limits:
        found.append(_pattern_constraint(shape))
    if limits.get("enum"):
        found.append(_enum_constraint(shape))
    return found


def _size_constraint(shape: Shape, bound: str) -> str:
    measure = "value" if shape.type_name in {"integer", "long", "float", "double"} else "length"
    side = "less" if bound == "max" else "greater"
    return f"Member must have {measure} {side} than or equal to {shape.metadata[bound]}"


def _pattern_constraint(shape: Shape) -> str:
    return f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"


def _enum_constraint(shape: Shape) -> str:
    return f"Member must satisfy enum value set: [{', '.join(shape.metadata['enum'])}]"


def _length(value: Any) -> int | None:
    if isinstance(value, str):
        # Java counts UTF-16 units.
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    return len(value) if isinstance(value, (list, dict)) else None


def _check_json_type(shape: Shape, value: Any) -> None:
    allowed = _JSON_TYPES.get(shape.type_name)
    # In Python a bool is an int; in JSON it is not.
    if allowed is None or (isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed)):
        return
    raise SerializationError(f"{_json_token(value)} can not be converted to {_java_type(shape.type_name)}")


def _json_token(value: Any) -> str:
    if isinstance(value, bool):
        return f"{str(value).upper()}_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    if isinstance(value, (int, float)):
        return "NUMBER_VALUE" if isinstance(value, int) else "DECIMAL_VALUE"
    if isinstance(value, dict):
        return "Start of structure or map"
    return "Start of list" if isinstance(value, list) else "null"


def _java_type(type_name: str) -> str:
    names = {"structure": "a Structure", "map": "a Map", "list": "a List", "integer": "an Integer"}
    return names.get(type_name, f"a {type_name.capitalize()}")


def _show(value: Any) -> str:
    """Return a value as Java prints it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_show(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_show(one) for one in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known_members(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure":
        return {
            name: _known_members(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_known_members(shape.member, one) for one in value]
    return value
