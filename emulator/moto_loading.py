"""Imports moto's CloudFormation and Step Functions without what the emulator does not use of them.

Whoever imports either must import this first. moto's own engine of CloudFormation imports nearly all services, and its
Batch imports EC2, which reads all instance types of all Regions: together more than a second of each start.

Touches moto's private parts: the names that moto imports from those modules, and `create_loader`, which reads the
descriptions of services.
"""

from __future__ import annotations

import functools
import importlib
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import moto
from moto.core import utils
from moto.core.loaders import create_loader

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each loader lists the folders of all services anew, and moto makes one for every description.
_one_loader = functools.cache(create_loader)


def install() -> None:
    """Let moto read descriptions of services with one loader."""
    replace(utils, "create_loader", _one_loader, expects=())


@contextmanager
def _instead_of(name: str, stand_in: ModuleType) -> Iterator[None]:
    """Put `stand_in` where an import would load the module `name`; what is loaded already stays."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


def _engine() -> ModuleType:
    engine: Any = ModuleType("moto.cloudformation.parsing")
    engine.Export = engine.OutputMap = engine.ResourceMap = None
    return engine  # type: ignore[no-any-return]


def _package(name: str) -> ModuleType:
    """Return the package moto.`name` with its modules, but without what importing it runs."""
    package = ModuleType(f"moto.{name}")
    package.__path__ = [str(Path(moto.__file__).parent / name)]
    return package


with _instead_of("moto.cloudformation.parsing", _engine()):
    importlib.import_module("moto.cloudformation")
with _instead_of("moto.batch", _package("batch")):
    importlib.import_module("moto.stepfunctions.parser.asl.parse.asl_parser")
