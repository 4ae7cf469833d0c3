"""Runs the web application under gunicorn, in processes that are forked after the model is loaded."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from next_purchase.models.artifact import load_artifact
from next_purchase.processors import count_processors
from next_purchase.sagemaker_contract import read_serving_port
from next_purchase.serving.application import MAX_CONCURRENT_REQUESTS, create_application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from next_purchase.sagemaker_contract import ContainerPaths

# The image sets 0.0.0.0, which a container needs; elsewhere only this machine may reach the server.
_ADDRESS_VARIABLE = "SERVING_ADDRESS"
_DEFAULT_ADDRESS = "127.0.0.1"

# SageMaker kills a container 30 seconds after SIGTERM.
_SECONDS_TO_FINISH = 25

# The longest time that SageMaker waits for an answer (ModelClientConfig, InvocationsTimeoutInSeconds).
_SECONDS_FOR_AN_ANSWER = 3600


def serve(paths: ContainerPaths, environment: Mapping[str, str]) -> None:
    """Load the model and answer requests until SIGTERM; finish the requests in progress.

    A server that cannot load its model never listens, so that its job fails at once with the reason in the log, and not
    after minutes of health checks.

    Raises:
        ArtifactError: the model cannot be loaded.
        SettingError: the port is not valid.
    """
    port = read_serving_port(environment)
    concurrent_requests = min(count_processors(), MAX_CONCURRENT_REQUESTS)
    application = create_application(load_artifact(paths.model), concurrent_requests)
    address = environment.get(_ADDRESS_VARIABLE) or _DEFAULT_ADDRESS
    _Server(application, _gunicorn_options(f"{address}:{port}", concurrent_requests)).run()


def _gunicorn_options(bind: str, concurrent_requests: int) -> dict[str, Any]:
    return {
        "bind": bind,
        # A worker takes one request at a time, so large requests never wait while a core is idle. The additional worker
        # answers /ping when all others are busy.
        "workers": concurrent_requests + 1,
        "worker_class": "sync",
        "preload_app": True,
        "graceful_timeout": _SECONDS_TO_FINISH,
        "timeout": _SECONDS_FOR_AN_ANSWER,
        "control_socket_disable": True,
        "when_ready": _leave_silent_clients_waiting,
        "post_worker_init": _warm_up,
        "errorlog": "-",
        "loglevel": "warning",
    }


def _leave_silent_clients_waiting(arbiter: Any) -> None:
    """Let the kernel pass on connections only when data has arrived, so that a silent client blocks no worker.

    Source: tcp(7), TCP_DEFER_ACCEPT; Linux alone has it.
    """
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        for listener in arbiter.LISTENERS:
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SECONDS_FOR_AN_ANSWER)


def _warm_up(_worker: object) -> None:
    """Import what requests need after the fork, so that the first request does not wait for it."""
    import next_purchase.serving.answers  # noqa: F401 - imported for the time it takes


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, configured by arguments instead of command line and files."""

    def __init__(self, application: Flask, options: dict[str, Any]) -> None:
        self._application = application
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._application
