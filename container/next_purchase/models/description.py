"""Writes learned numbers to a model's description, and reads them from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from next_purchase.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS = 6
# No fit learns a larger number, and curves cannot be computed with one.
_LARGEST = 1e12
_LEAST_POSITIVE = 1e-12


def shorten(value: float) -> float:
    """Return the number with the six digits that are stored: further digits depend on the machine that computed it."""
    return float(f"{value:.{_DIGITS}g}")


def take_number(
    description: Mapping[str, object], name: str, lowest: float = -_LARGEST, highest: float = _LARGEST
) -> float:
    """Return a number of the description, within bounds.

    Raises:
        ArtifactError: the value is missing, out of bounds, or no number.
    """
    value = description.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not lowest <= value <= highest:
        raise ArtifactError(f"The model's description has no usable {name}: {value!r}.")
    return float(value)


def take_positive(description: Mapping[str, object], name: str) -> float:
    """Return a number above 0 of the description, as `take_number` does."""
    return take_number(description, name, _LEAST_POSITIVE)


def take_numbers(
    description: Mapping[str, object], name: str, lowest: float = -_LARGEST, highest: float = _LARGEST
) -> list[float]:
    """Return a list of numbers of the description, each within bounds.

    Raises:
        ArtifactError: the list is missing or no list, or a value is out of bounds or no number.
    """
    values = description.get(name)
    if not isinstance(values, list):
        raise ArtifactError(f"The model's description has no list {name}: {values!r}.")
    return [take_number({name: value}, name, lowest, highest) for value in values]
