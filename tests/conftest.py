"""What all layers of tests share: the layers that must be asked for, and the project's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Machines differ; a test asserts what is computed, not how fast.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out the layers that were not asked for."""
    if collection_path == Path(__file__).parent / "docker" and not config.getoption("--docker"):
        return True
    return None


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's folder."""
    return Path(__file__).parents[1]
