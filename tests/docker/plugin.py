"""What `--docker` brings to every folder of tests: a look for the engine, the images, and a word on stand-ins."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Protocol, cast

import pytest

from tests.docker.base_images import (
    BaseImage,
    BaseImageError,
    Tell,
    find_lambda_image,
    find_python_image,
)
from tests.docker.engine import EngineError, has_image, require_engine, size_above_base

OWN_IMAGE = "automlops/next-purchase:under-test"
USED = pytest.StashKey[list[str]]()
BUILD_TIMEOUT = 900.0


class _Capture(Protocol):
    def suspend_global_capture(self, in_: bool = False) -> None: ...
    def resume_global_capture(self) -> None: ...


def pytest_configure(config: pytest.Config) -> None:
    """Refuses at once where no engine answers."""
    config.stash[USED] = []
    if config.getoption("--image") and not config.getoption("--docker"):
        raise pytest.UsageError("--image says what --docker tests; give both")
    if config.getoption("--docker"):
        try:
            require_engine()
        except EngineError as error:
            raise pytest.UsageError(
                f"The docker layer needs a Docker engine that runs, and none answers: {error}"
            ) from error
        told = config.getoption("--image")
        if told and not has_image(told):
            raise pytest.UsageError(f"There is no image {told}: make image IMAGE={told}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what the tests ran on, stand-ins above all."""
    if config.stash[USED]:
        terminalreporter.section("images")
        for line in config.stash[USED]:
            terminalreporter.line(line, yellow="STAND-IN" in line)


@pytest.fixture(scope="session")
def tell(request: pytest.FixtureRequest) -> Tell:
    """Show a line at once, since making images takes minutes."""
    config = request.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = cast("_Capture | None", config.pluginmanager.get_plugin("capturemanager"))

    def show(line: str) -> None:
        if capture:
            capture.suspend_global_capture()
        try:
            if isinstance(reporter, pytest.TerminalReporter):
                reporter.ensure_newline()
                reporter.line(line)
        finally:
            if capture:
                capture.resume_global_capture()

    return show


def _note(config: pytest.Config, line: str) -> None:
    config.stash[USED].append(line)


@pytest.fixture(scope="session")
def lambda_image(request: pytest.FixtureRequest, tell: Tell) -> BaseImage:
    """Return what functions run in under sam local."""
    found = _found(find_lambda_image, tell)
    _note(request.config, f"sam local ran in {found.told}")
    return found


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, tell: Tell, root: Path) -> str:
    """Return the project's own image: the one named by --image, else built from container/."""
    if told := request.config.getoption("--image"):
        _note(request.config, f"the container's tests ran on {told}; {_size(told)}")
        return str(told)
    base = _found(find_python_image, tell)
    tell(f"building {OWN_IMAGE}")
    environment = {**os.environ, "PYTHON_IMAGE": base.name}
    built = subprocess.run(
        [str(root / "container" / "build"), OWN_IMAGE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
        check=False,
    )
    if built.returncode != 0:
        pytest.fail(f"container/build failed: {(built.stdout + built.stderr)[-4000:]}", pytrace=False)
    _note(request.config, f"the container's tests ran on {OWN_IMAGE}, made from {base.told}; {_size(OWN_IMAGE)}")
    return OWN_IMAGE


def _size(name: str) -> str:
    try:
        return f"it adds {size_above_base(name) / 1e6:.0f} MB to its base"
    except EngineError as error:
        return str(error)


def _found(find: _Find, tell: Tell) -> BaseImage:
    try:
        return find(tell)
    except (BaseImageError, EngineError) as error:
        pytest.fail(str(error), pytrace=False)


class _Find(Protocol):
    def __call__(self, tell: Tell) -> BaseImage: ...
