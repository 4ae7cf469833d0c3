"""What all layers of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Machines differ; a test asserts what is computed, not how fast.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).parents[1]
