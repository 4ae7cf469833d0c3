"""Writes learned numbers down, and takes them from a description again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from next_purchase.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS = 6
# No fit learns a larger number, and with one a curve could not be computed.
_LARGEST = 1e12
_LEAST_POSITIVE = 1e-12


def shorten(value: float) -> float:
    """The number as it is stored: what lies behind the sixth digit depends on the machine that computed it."""
    return float(f"{value:.{_DIGITS}g}")


def take_number(
    description: Mapping[str, object], name: str, lowest: float = -_LARGEST, highest: float = _LARGEST
) -> float:
    """A number of the description, within bounds.

    Raises:
        ArtifactError: It is missing, outside, or no number.
    """
    value = description.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not lowest <= value <= highest:
        raise ArtifactError(f"The model's description has no usable {name}: {value!r}.")
    return float(value)


def take_positive(description: Mapping[str, object], name: str) -> float:
    """The same, of a number above 0."""
    return take_number(description, name, _LEAST_POSITIVE)


def take_numbers(
    description: Mapping[str, object], name: str, lowest: float = -_LARGEST, highest: float = _LARGEST
) -> list[float]:
    """A list of numbers of the description, each within bounds.

    Raises:
        ArtifactError: It is missing or something else, or one of them is.
    """
    values = description.get(name)
    if not isinstance(values, list):
        raise ArtifactError(f"The model's description has no list {name}: {values!r}.")
    return [take_number({name: value}, name, lowest, highest) for value in values]
