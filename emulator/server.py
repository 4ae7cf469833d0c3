"""Installs the emulator's parts in moto and serves it on one address of this machine, until it is stopped.

Touches moto's private parts: its server's application, `BackendDict.reset`, `reset_model_data`, the names of all buckets
(`bucket_accounts`), `default_user_config`, and the environment variables that it reads.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data
from moto.s3.models import s3_backends

from emulator import (
    bucket_listing,
    bucket_names,
    bucket_policy,
    cloudformation,
    functions,
    moto_loading,
    moto_repairs,
    object_values,
    request_costs,
    sagemaker,
    service_quotas,
    stepfunctions,
    unplayed,
    wsgi,
)
from emulator.address import EmulatorError, listen
from emulator.admission import Admission
from emulator.conditions import Conditions
from emulator.endpoint import ACCOUNT_ID, EmulatorSettings
from emulator.http_server import HttpServer
from emulator.keys import remember_keys
from emulator.moto_application import make_application

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType


__all__ = ["Emulator", "EmulatorError"]

_PARTS = (
    request_costs,
    unplayed,
    bucket_listing,
    bucket_names,
    object_values,
    bucket_policy,
    moto_repairs,
    functions,
    sagemaker,
    service_quotas,
    stepfunctions,
    cloudformation,
)


class Emulator:
    """One emulator in this process: starts in threads of its own, keeps all state in memory and one work directory.

    moto keeps its state in module globals, so one process holds one running emulator at a time; after `stop` another
    can be started, and it starts empty. While it runs, the AWS profile and files of the user are out of this process's
    environment; `stop` puts them back.

    Args:
        port: TCP port, 0 for any free one.
        host: address to bind; anyone who reaches it and has its keys can run code here.
        images: image URI or repository → command line that stands for it.
        conditions: what its account does to calls and jobs; `emulator.account.played` makes one from a plan.
    """

    _running: ClassVar[Emulator | None] = None
    _running_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        images: Mapping[str, Sequence[str]] | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        self._port = port
        self._host = host
        self._images = {uri: list(command) for uri, command in (images or {}).items()}
        self._conditions = conditions or Conditions()
        self._settings: EmulatorSettings | None = None
        self._server: HttpServer | None = None
        self._thread: threading.Thread | None = None
        self._environment: dict[str, str | None] = {}

    @property
    def settings(self) -> EmulatorSettings:
        """What it runs with; known once it has started."""
        if self._settings is None:
            raise EmulatorError("the emulator has not been started")
        return self._settings

    @property
    def url(self) -> str:
        """The endpoint URL for clients on this machine."""
        return self.settings.url

    def start(self) -> Self:
        """Bind, install the parts and serve.

        Raises:
            EmulatorError: the address cannot be bound, or another emulator runs in this process.
        """
        with Emulator._running_lock:
            if Emulator._running is not None:
                raise EmulatorError(f"an emulator is already running in this process at {Emulator._running.url}")
            listener = listen(self._host, self._port)
            port = listener.getsockname()[1]
            work_dir = Path(tempfile.mkdtemp(prefix="automlops-emulator-")).resolve()
            self._settings = EmulatorSettings(
                port=port, work_dir=work_dir, host=self._host, images=self._images, conditions=self._conditions
            )
            Emulator._running = self
        try:
            # The server has a descriptor of its own.
            with listener:
                self._conditions.start(self._settings)
                application = self._conditions.stand_before(make_application())
                self._server = HttpServer(listener, Admission(application, self._settings))
            wsgi.publish(self._settings.url, application)
            remember_keys(self._settings.url, self._settings.keys)
            self._set_environment(port)
            _install_parts(self._settings)
            self._thread = threading.Thread(target=self._server.serve_forever, name="emulator", daemon=True)
            self._thread.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Serve no more, end every process it started, remove its work directory. Safe to call twice."""
        if Emulator._running is not self:
            return
        try:
            self._conditions.release()
            if self._server is not None:
                if self._thread is not None:
                    self._server.shutdown()
                    self._thread.join(timeout=10)
                # The socket closes before jobs and sandboxes end, so that their last requests are refused.
                self._server.server_close()
            _shut_down_parts()
            if self._server is not None:
                self._server.close_connections()
        finally:
            wsgi.withdraw(self.settings.url)
            self._server = self._thread = None
            self._restore_environment()
            shutil.rmtree(self.settings.work_dir, ignore_errors=True)
            Emulator._running = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _set_environment(self, port: int) -> None:
        variables = {
            # moto reads its own port from here whenever it calls itself.
            "MOTO_PORT": str(port),
            # Else every request's key is looked for in the IAM of every partition, each made with all of AWS's policies.
            "MOTO_ACCOUNT_ID": ACCOUNT_ID,
            # moto makes boto3 sessions of its own: a profile of the user's must neither break nor steer them.
            "AWS_PROFILE": None,
            "AWS_DEFAULT_PROFILE": None,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self._environment = {name: os.environ.get(name) for name in variables}
        _update_environment(variables)

    def _restore_environment(self) -> None:
        _update_environment(self._environment)
        self._environment = {}


def _update_environment(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _install_parts(settings: EmulatorSettings) -> None:
    """Empty moto and put this emulator's parts into it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    BackendDict.reset()
    reset_model_data()
    # moto forgets a bucket's name with its bucket only, and a bucket that was made outside a server is never reset.
    s3_backends.bucket_accounts.clear()
    # Roles of templates attach some of them, AWSXrayWriteOnlyAccess for one.
    default_user_config["iam"] = {"load_aws_managed_policies": True}
    moto_loading.install()
    for part in _PARTS:
        part.install(settings)


def _shut_down_parts() -> None:
    for end in (stepfunctions.shutdown, sagemaker.shutdown, functions.shutdown):
        end()
