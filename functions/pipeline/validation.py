"""Reads plain JSON as a model, or says everything that is wrong with it, each with its place."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

Model = TypeVar("Model")
# Keys and numbers of entries that lead to a value.
Place = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong: where, and what it must be."""

    place: Place
    words: str


class _Field(NamedTuple):
    kind: Any
    required: bool


def convert(value: object, model: type[Model], *, strict: bool = True) -> Model:
    """`value` as `model`, a msgspec Struct or a dataclass.

    A field's type may also be a class of the application's own that takes the plain value and raises ValueError for
    one that it refuses.

    Args:
        value: what a JSON parser gives.
        model: the class wanted.
        strict: whether a string is never taken for the number or the truth value that it spells.

    Raises:
        msgspec.ValidationError: `value` breaks the model. msgspec names the first problem; `problems` finds them all.
    """
    try:
        return msgspec.convert(value, model, strict=strict, dec_hook=_made)
    except UnicodeEncodeError as error:
        # msgspec reads a text's UTF-8 where it looks for a key or another type.
        raise msgspec.ValidationError("holds half a character (a lone surrogate)") from error


def problems(value: object, model: Any, *, strict: bool = True) -> list[Problem]:
    """Everything for which `convert` refuses `value`, in the order of the model's fields, unknown keys last.

    What holds for an object or a list as a whole is told once everything inside it is right.
    """
    return list(_problems(value, model, (), strict))


def _made(kind: Any, value: object) -> Any:
    return kind(value)


def _problems(value: object, kind: Any, place: Place, strict: bool) -> Iterator[Problem]:
    try:
        convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        kind = _without_none(kind)
        found = list(_problems_inside(value, kind, place, strict))
        yield from found or [Problem(place, _words(value, _info(kind), str(error)))]


def _problems_inside(value: object, kind: Any, place: Place, strict: bool) -> Iterator[Problem]:
    """Problems of the fields or entries of `value`, each taken by itself."""
    info = _plain(_info(kind))
    if isinstance(info, inspect.StructType | inspect.DataclassType) and isinstance(value, Mapping):
        fields = _fields(info.cls)
        for name, field in fields.items():
            if name in value:
                yield from _problems(value[name], field.kind, (*place, name), strict)
            elif field.required:
                yield Problem((*place, name), "this key is required")
        if isinstance(info, inspect.StructType) and info.forbid_unknown_fields:
            yield from (Problem((*place, str(key)), "unknown key") for key in value if key not in fields)
    elif isinstance(info, inspect.DictType) and isinstance(value, Mapping):
        key_kind, entry_kind = get_args(_without_metadata(kind))
        for key, entry in value.items():
            yield from _problems(key, key_kind, (*place, str(key)), strict)
            yield from _problems(entry, entry_kind, (*place, str(key)), strict)
    elif isinstance(info, inspect.ListType) and isinstance(value, list):
        (entry_kind,) = get_args(_without_metadata(kind))
        for number, entry in enumerate(value):
            yield from _problems(entry, entry_kind, (*place, number), strict)


def _words(value: object, info: inspect.Type, refusal: str) -> str:
    """What a value must be that is refused as a whole, in JSON's words.

    Args:
        value: the value.
        info: its type; where that has a description, this is what the value must be.
        refusal: msgspec's own sentence, or that of the class or the model that refused the value.
    """
    description = (info.extra_json_schema or {}).get("description") if isinstance(info, inspect.Metadata) else None
    match _plain(info):
        case inspect.StructType() | inspect.DataclassType() | inspect.DictType() if not isinstance(value, Mapping):
            return "must be an object"
        case inspect.DictType(max_length=int(longest)):
            return f"must have at most {longest:,} keys"
        case inspect.ListType() if not isinstance(value, list):
            return "must be a list"
        case inspect.StrType() if not isinstance(value, str):
            return "must be a string"
        case inspect.ListType() | inspect.StrType(min_length=1) if not value:
            return "must not be empty"
        case inspect.ListType(max_length=int(longest)) if isinstance(value, list):
            return f"must have at most {longest:,} entries, not {len(value):,}"
        case inspect.BoolType():
            return "must be true or false"
        case inspect.IntType(ge=lowest, le=highest):
            return f"must be a whole number{_range(lowest, highest)}"
        case inspect.FloatType(ge=lowest, le=highest):
            return f"must be a number{_range(lowest, highest)}"
        case inspect.LiteralType(values=values):
            return f"must be {' or '.join(repr(one) for one in values)}"
    return f"must be {description}" if description else refusal


def _range(lowest: float | None, highest: float | None) -> str:
    if lowest is None and highest is None:
        return ""
    if highest is None:
        return f" of at least {lowest:,}"
    return f" from {lowest:,} to {highest:,}"


@functools.cache
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


@functools.cache
def _fields(model: Any) -> dict[str, _Field]:
    """The model's fields by the names that they have in JSON."""
    kinds = get_type_hints(model, include_extras=True)
    info: Any = _info(model)
    return {field.encode_name: _Field(kinds[field.name], field.required) for field in info.fields}


def _plain(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _without_metadata(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _without_none(kind: Any) -> Any:
    """`X` of `X | None`; other types as they are."""
    if get_origin(kind) not in {Union, UnionType}:
        return kind
    others = [one for one in get_args(kind) if one is not NoneType]
    return others[0] if len(others) == 1 else kind
