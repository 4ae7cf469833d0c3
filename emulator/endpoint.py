"""Where this emulator is: its account, its URL, its work directory, and boto3 clients that talk to it."""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader

from emulator.conditions import Conditions
from emulator.keys import Keys, keys_of, make_keys

ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "us-east-1"
# Of a session that only names a Region: nobody takes them.
_NO_KEYS = Keys("none", "none")
_loader = create_loader()


@dataclass(frozen=True)
class EmulatorSettings:
    """What one emulator is started with.

    Attributes:
        port: TCP port it listens on.
        host: address it binds; 127.0.0.1 unless the user asked for another.
        work_dir: directory that holds everything it writes; removed when it ends.
        images: image URI or repository → command line that stands for that image (`train` or `serve` is appended).
        conditions: what its account does to calls and jobs.
        keys: what its clients sign with.
    """

    port: int
    work_dir: Path
    host: str = "127.0.0.1"
    images: dict[str, list[str]] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)
    keys: Keys = field(default_factory=make_keys)

    @property
    def url(self) -> str:
        """URL under which processes on this machine reach the emulator."""
        # A client cannot connect to an address that stands for every interface.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


@functools.cache
def isolated_session(region: str = DEFAULT_REGION, keys: Keys = _NO_KEYS) -> boto3.session.Session:
    """Return a boto3 session that knows only an emulator: no profile and no file of the user's reaches it.

    boto3's sessions are not thread-safe: make clients with `Clients`.

    Args:
        region: the Region.
        keys: the emulator's.
    """
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    # Each would read the descriptions of AWS's services anew.
    core.register_component("data_loader", _loader)
    return boto3.session.Session(
        keys.access_key_id, keys.secret_access_key, region_name=region, botocore_session=core
    )


# Guards the sessions above, which all `Clients` share.
_making = threading.Lock()


class Clients:
    """boto3 clients of one emulator, one per service and Region: making one costs up to 150 ms and is not thread-safe."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str = DEFAULT_REGION) -> Any:
        """Return the client for `service` (boto3's name) in `region`."""
        key = (service, region)
        if key in self._clients:
            return self._clients[key]
        with _making:
            if key not in self._clients:
                # boto3's stubs know each service by a literal only.
                make: Any = isolated_session(region, keys_of(self._url)).client
                self._clients[key] = make(
                    service,
                    endpoint_url=self._url,
                    config=Config(
                        # Off, so that the server's refusal is what the caller sees, as on AWS.
                        parameter_validation=False,
                        max_pool_connections=64,
                        read_timeout=900,
                        retries={"total_max_attempts": 1},
                        s3={"addressing_style": "path"},
                        # The user's proxy could not reach this machine's loopback.
                        proxies={},
                    ),
                )
            return self._clients[key]
