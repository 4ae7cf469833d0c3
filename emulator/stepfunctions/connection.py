"""Lets the interpreter call the running emulator with clients made once per service and Region.

Touches moto's private parts: `boto_client_for`, which makes a client per call and which every task module imports
by name.
"""

from __future__ import annotations

import importlib
from typing import Any

from emulator.moto_patches import replace
from emulator.stepfunctions.direct_client import DirectClients

_PARSER = "moto.stepfunctions.parser.asl"
_STATES = f"{_PARSER}.component.state.exec"
# Modules of the interpreter that hold their own reference to the function.
IMPORTERS = (
    f"{_PARSER}.utils.boto_client",
    f"{_STATES}.state_map.item_reader.eval.resource_eval_s3",
    f"{_STATES}.state_map.result_writer.resource_eval.resource_eval_s3",
    f"{_STATES}.state_task.lambda_eval_utils",
    f"{_STATES}.state_task.service.state_task_service_aws_sdk",
    f"{_STATES}.state_task.service.state_task_service_batch",
    f"{_STATES}.state_task.service.state_task_service_dynamodb",
    f"{_STATES}.state_task.service.state_task_service_ecs",
    f"{_STATES}.state_task.service.state_task_service_events",
    f"{_STATES}.state_task.service.state_task_service_glue",
    f"{_STATES}.state_task.service.state_task_service_sfn",
    f"{_STATES}.state_task.service.state_task_service_sns",
    f"{_STATES}.state_task.service.state_task_service_sqs",
    f"{_STATES}.state_task.service.state_task_service_unsupported",
)

_clients: DirectClients | None = None


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001 - moto's signature
    """Return the client for `service` of the emulator that runs now; roles are not looked at."""
    if _clients is None:
        raise RuntimeError("no emulator runs: a task has outlived the one that started it")
    return _clients.get(service, region)


def connect(url: str) -> None:
    """From now on every task's calls go to `url`."""
    global _clients
    _clients = DirectClients(url)
    for name in IMPORTERS:
        replace(
            importlib.import_module(name),
            "boto_client_for",
            client_for,
            expects=("region", "service", "state_credentials"),
        )


def disconnect() -> None:
    """Tasks that still run find no emulator."""
    global _clients
    _clients = None
