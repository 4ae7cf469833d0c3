"""Reads models from their descriptions, each kind with its own module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from next_purchase.errors import ArtifactError
from next_purchase.models.average import JOIN, AverageModel
from next_purchase.models.mbg_nbd import read_mbg_nbd
from next_purchase.models.naive import NAIVE_GUESSES, read_naive
from next_purchase.models.names import BACKENDS, MBG_NBD, REGRESSIONS
from next_purchase.models.regression import read_regression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from next_purchase.models.model import Model


def read_model(name: str, description: Mapping[str, Any]) -> Model:
    """Return the model of a description.

    Args:
        name: the model's name, one of BACKENDS.
        description: the result of the model's `describe`.

    Raises:
        ArtifactError: the description is not valid for a model of this name.
    """
    if not isinstance(description, dict):
        raise ArtifactError(f"The description of the model {name} is no object: {description!r}.")
    if name in NAIVE_GUESSES:
        return read_naive(name, description)
    if name == MBG_NBD:
        return read_mbg_nbd(description)
    if name in REGRESSIONS:
        return read_regression(name, description)
    if name in BACKENDS:
        return AverageModel(
            {member: read_model(member, description.get(member, {})) for member in name.split(JOIN)}
        )
    raise ArtifactError(f"The model was made by {name!r}; this image has {', '.join(BACKENDS)}.")
