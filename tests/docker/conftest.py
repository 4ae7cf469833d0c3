"""The stack on an emulator that containers reach, and sam in a copy of the project, for all tests of a session."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from automlops.aws.connection import connect_emulator
from automlops.local.docker_route import find_route
from automlops.local.emulator_process import COMMAND, local_emulator
from automlops.local.sam_local import FILE, function_variables, variables_file
from automlops.tables.items import make_sample
from benchmarks.sam_build import copy_project
from emulator.endpoint import DEFAULT_REGION
from emulator.keys import keys_of
from tests.docker.base_images import BaseImage
from tests.live.stack import Stack, open_stack

BIN = Path(sys.executable).parent
STACK = "automlops"
INVOKE_TIMEOUT = 120.0
START_TIMEOUT = 60.0


@dataclass(frozen=True)
class Sam:
    """sam in a copy of the project.

    Attributes:
        project: its folder.
        environment: variables that sam gets.
        flags: what its profile does not say, because AWS's image cannot be pulled.
    """

    project: Path
    environment: dict[str, str]
    flags: tuple[str, ...]

    def invoke(self, function: str, event: Path) -> Any:
        """Return what the function answers to the event in the file, or an error's payload if it raised."""
        words = ("local", "invoke", function, "-e", str(event), "--config-env", "local", *self.flags)
        ended = run_sam(self.project, self.environment, *words)
        # sam says 0 whatever the function did.
        assert ended.returncode == 0, ended.stderr
        try:
            return json.loads(ended.stdout)
        except json.JSONDecodeError:
            pytest.fail(f"no answer: {ended.stdout}\n{ended.stderr}")

    @contextmanager
    def serving(self, log: Path) -> Iterator[str]:
        """Run `sam local start-lambda`; its URL."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["local", "start-lambda", "--config-env", "local", "--port", str(port), *self.flags]
        with log.open("w") as output:
            server = subprocess.Popen(
                [str(BIN / "sam"), *words],
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_for_port(server, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            # It takes its containers along.
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
                raise


def run_sam(project: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run sam in the folder `project`."""
    return subprocess.run(
        [str(BIN / "sam"), *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=INVOKE_TIMEOUT,
        check=False,
    )


def _wait_for_port(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"sam local start-lambda ended: {log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"sam local start-lambda did not listen in time: {log.read_text()}")


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the stack after a run of the items that the sample events name, where containers reach it."""
    with local_emulator((*COMMAND, "--host", find_route().bind)) as url:
        stack = open_stack(connect_emulator(url), STACK, prefix="")
        parts = make_sample(tmp_path_factory.mktemp("sample"), 3, seed=1).parts
        content = min((part.path.read_bytes() for part in parts), key=len)
        for item in ("item1", "item2"):
            stack.upload(item, content)
        run = stack.run({"itemList": ["item1", "item2"]}, "before")
        assert run.description["status"] == "SUCCEEDED", run.description
        yield stack


@pytest.fixture(scope="session")
def sam(ready: Stack, lambda_image: BaseImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sam]:
    """Return the built functions, and the profile `local` pointing at the emulator."""
    project = copy_project(tmp_path_factory.mktemp("sam") / "project", "events")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_CLI_"))}
    environment = own | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_ENDPOINT_URL": ready.url,
        **keys_of(ready.url).variables,
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
    }
    built = run_sam(project, environment, "build", "--config-env", "local")
    assert built.returncode == 0, built.stderr
    inside = f"http://{find_route().name}:{urlsplit(ready.url).port}"
    with variables_file(project / FILE, function_variables(ready.connection, STACK, inside)):
        yield Sam(project, environment, lambda_image.sam_flags)
