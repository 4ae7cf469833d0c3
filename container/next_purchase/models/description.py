"""Writes learned numbers down, and takes them from a description again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from next_purchase.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS = 6


def shorten(value: float) -> float:
    """The number as it is stored: what lies behind the sixth digit depends on the machine that computed it."""
    return float(f"{value:.{_DIGITS}g}")


def take_number(description: Mapping[str, object], name: str) -> float:
    """A finite number of the description.

    Raises:
        ArtifactError: It is missing or something else.
    """
    value = description.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ArtifactError(f"The model's description has no usable {name}: {value!r}.")
    return float(value)


def take_numbers(description: Mapping[str, object], name: str) -> list[float]:
    """A list of finite numbers of the description.

    Raises:
        ArtifactError: It is missing or something else.
    """
    values = description.get(name)
    if not isinstance(values, list):
        raise ArtifactError(f"The model's description has no list {name}: {values!r}.")
    return [take_number({name: value}, name) for value in values]
