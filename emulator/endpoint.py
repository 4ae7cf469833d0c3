"""Where this emulator is: its account, its URL, its work directory, and boto3 clients that talk to it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "us-east-1"
# Any key is accepted; botocore only needs something to sign with.
CREDENTIALS = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator"}


@dataclass(frozen=True)
class EmulatorSettings:
    """What one emulator is started with.

    Attributes:
        port: TCP port it listens on.
        host: address it binds; 127.0.0.1 unless the user asked for another.
        work_dir: directory that holds everything it writes; removed when it ends.
        images: image URI or repository → command line that stands for that image (`train` or `serve` is appended).
    """

    port: int
    work_dir: Path
    host: str = "127.0.0.1"
    images: dict[str, list[str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """URL under which processes on this machine reach the emulator."""
        return f"http://127.0.0.1:{self.port}" if self.host in {"0.0.0.0", "127.0.0.1"} else f"http://{self.host}:{self.port}"  # noqa: S104


def isolated_session(region: str = DEFAULT_REGION) -> boto3.session.Session:
    """A boto3 session that knows only this emulator: no profile and no file of the user's reaches it."""
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.session.Session(**CREDENTIALS, region_name=region, botocore_session=core)


class Clients:
    """boto3 clients of one emulator, one per service and Region: making one costs up to 150 ms and is not thread-safe."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str = DEFAULT_REGION) -> Any:
        """The client for `service` (boto3's name) in `region`."""
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                # parameter_validation is off, so that the server's refusal is what the caller sees, as on AWS.
                self._clients[key] = isolated_session(region).client(
                    service,
                    endpoint_url=self._url,
                    config=Config(
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
