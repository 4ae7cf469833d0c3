"""Options and plugins of the tests, known before pytest looks for tests: the stack of --live may be called like a folder."""

from __future__ import annotations

import os

import pytest

# Before numpy loads: its threads wait for each other by running, which takes the processor from the tests beside them. The
# container's entrypoint does the same.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The flag --live; the images of --docker; the flag --chaos.
pytest_plugins = ["tests.live.plugin", "tests.docker.plugin", "tests.chaos.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the layers that need more than Python and this machine."""
    parser.addoption(
        "--docker", action="store_true", help="run tests/docker as well; the container's tests run on its image"
    )
    parser.addoption("--image", metavar="NAME", help="with --docker: that image, instead of building one")
