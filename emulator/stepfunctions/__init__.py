"""Step Functions for the emulator: moto's interpreter, repaired, with the parts of AWS's that it lacks.

Touches moto's private parts only through its modules, each of which says which; together they are held by
tests/unit/emulator/stepfunctions/test_stepfunctions_moto_parts.py.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import emulator.moto_loading  # noqa: F401 - before the modules below import moto's
from emulator.stepfunctions import (
    api,
    aws_sdk,
    backend,
    choices,
    connection,
    copying,
    definition,
    distributed_map,
    environment,
    errors,
    evaluation,
    execution,
    inline_map,
    intrinsics,
    jsonata_expressions,
    lambda_invoke,
    map_items,
    payload_templates,
    payloads,
    sagemaker,
    start_execution,
    variables,
)

if TYPE_CHECKING:
    from emulator.endpoint import EmulatorSettings

__all__ = ["install", "shutdown"]


def install(settings: EmulatorSettings) -> None:
    """Make moto's Step Functions this one's, empty, calling the emulator of `settings`; safe to repeat."""
    connection.connect(settings.url)
    # What goes wrong in an execution is for its history; moto also writes it to the terminal, with false warnings.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    environment.install(settings.conditions.clock)
    for part in (
        definition,
        errors,
        payloads,
        copying,
        evaluation,
        inline_map,
        distributed_map,
        sagemaker,
        aws_sdk,
        lambda_invoke,
        payload_templates,
        choices,
        intrinsics,
        jsonata_expressions,
        variables,
        map_items,
        start_execution,
    ):
        part.install()
    backend.install()
    api.install()


def shutdown() -> None:
    """Abort what still runs and forget it all."""
    connection.disconnect()
    execution.stop_all()
    backend.uninstall()
