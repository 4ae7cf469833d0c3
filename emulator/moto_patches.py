"""Replaces one private part of moto after making sure that it still is what the emulator was written for."""

from __future__ import annotations

import inspect
from typing import Any


class PatchError(Exception):
    """A part of moto that the emulator replaces is gone or takes other arguments than it did."""


def replace(owner: Any, name: str, replacement: Any, *, expects: tuple[str, ...] | None = None) -> None:
    """Put `replacement` where `owner.name` is; safe to repeat.

    Args:
        owner: class or module of moto.
        name: attribute of it, which must exist.
        replacement: what takes its place.
        expects: the parameters of the original, in order; None where it is no function.

    Raises:
        PatchError: the attribute is missing or its parameters differ: another version of moto is installed.
    """
    where = getattr(owner, "__name__", type(owner).__name__)
    current = inspect.getattr_static(owner, name, None)
    if current is None:
        raise PatchError(f"moto has no {where}.{name} any more; this emulator is written for moto 5.2.5")
    function = _unwrapped(current)
    if function is _unwrapped(replacement):
        return
    if expects is not None:
        found = tuple(inspect.signature(function).parameters)
        if found != expects:
            raise PatchError(f"{where}.{name} takes {found} where {expects} is expected; written for moto 5.2.5")
    setattr(owner, name, replacement)


def _unwrapped(attribute: Any) -> Any:
    return attribute.__func__ if isinstance(attribute, staticmethod | classmethod) else attribute
