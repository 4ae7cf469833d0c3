"""The container that the contract's tests run: processes of this machine, or with --docker the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from automlops.local.docker_route import find_route

from .containers import ImageContainer, ProcessContainer

if TYPE_CHECKING:
    from .containers import Container


@pytest.fixture(scope="session")
def container(request: pytest.FixtureRequest) -> Container:
    """Return the container that is to keep the contract."""
    if request.config.getoption("--docker"):
        route = find_route()
        return ImageContainer(request.getfixturevalue("image"), route.bind, route.name)
    return ProcessContainer()
