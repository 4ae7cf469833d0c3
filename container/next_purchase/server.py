"""Runs the web application under gunicorn: one process per core, forked after the model was loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from next_purchase.artifact import load_artifact
from next_purchase.sagemaker_contract import read_serving_port
from next_purchase.serving import create_application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from next_purchase.sagemaker_contract import ContainerPaths

# The image sets 0.0.0.0, which a container needs; anywhere else a model is nobody's business but ours.
_ADDRESS_VARIABLE = "SERVING_ADDRESS"
_DEFAULT_ADDRESS = "127.0.0.1"

# SageMaker kills a container 30 seconds after SIGTERM.
_SECONDS_TO_FINISH = 25


def serve(paths: ContainerPaths, environment: Mapping[str, str]) -> None:
    """Load the model and answer requests until SIGTERM, then finish what is in hand.

    Raises:
        ArtifactError: The model cannot be loaded; the server never starts, so no health check passes.
        SettingError: The port is not one.
    """
    port = read_serving_port(environment)
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    application = create_application(load_artifact(paths.model), workers)
    address = environment.get(_ADDRESS_VARIABLE) or _DEFAULT_ADDRESS
    _Server(application, _gunicorn_options(f"{address}:{port}", workers)).run()


def _gunicorn_options(bind: str, workers: int) -> dict[str, Any]:
    return {
        "bind": bind,
        "workers": workers,
        "worker_class": "gthread",
        # The second thread answers /ping while the first is busy with a large request.
        "threads": 2,
        "preload_app": True,
        "graceful_timeout": _SECONDS_TO_FINISH,
        "timeout": 120,
        "control_socket_disable": True,
        "post_worker_init": _warm_up,
        "errorlog": "-",
        "loglevel": "warning",
    }


def _warm_up(_worker: object) -> None:
    """Import what a request needs once the fork is done, before the first request waits for it."""
    import next_purchase.prediction
    import next_purchase.request_body  # noqa: F401 - imported for the time it takes


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, told by arguments instead of by command line and files."""

    def __init__(self, application: Flask, options: dict[str, Any]) -> None:
        self._application = application
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._application
