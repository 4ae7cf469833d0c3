"""Imports moto's CloudFormation and Step Functions without what the emulator does not use of them.

Whoever imports either must import this first. moto's own engine of CloudFormation imports nearly all services, and its
Batch imports EC2, which reads all instance types of all Regions: together more than a second of each start.

Touches moto's private parts: the names that moto imports from those modules, and `_load_service_model` and
`service_name_from_moto_package_name` of `moto.core.utils`, which read the descriptions of services.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
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

# moto makes a loader for each description, and each lists the folders of all services anew.
_one_loader = functools.cache(create_loader)
# The first requests come at once: a description is read by the first of them alone.
_reading = threading.Lock()


def install() -> None:
    """Let moto read each description of a service once."""
    replace(utils, "_load_service_model", _load_service_model, expects=("service_name", "model_name"))
    replace(utils, "service_name_from_moto_package_name", _service_name, expects=("moto_package_name",))


def _load_service_model(service_name: str, model_name: str) -> dict[str, Any]:
    with _reading:
        description: dict[str, Any] = _one_loader().load_service_model(service_name, model_name)
    return description


@functools.cache
def _service_name(moto_package_name: str) -> str:
    with _reading:
        services = _one_loader().list_available_services("service-2")
    return next((name for name in services if name.replace("-", "") == moto_package_name), moto_package_name)


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
