"""The versions of the software that a model was trained with."""

from __future__ import annotations

import platform
from importlib.metadata import version

_LIBRARIES = ("numpy", "polars", "scipy")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a model depends on, by name."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
