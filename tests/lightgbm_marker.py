"""The marker `lightgbm`: tests that need LightGBM's library are skipped where it cannot be loaded, and nowhere else."""

from __future__ import annotations

from functools import cache

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip before the test's fixtures train anything."""
    if item.get_closest_marker("lightgbm") and not _runs_elsewhere(item):
        skip_without_library(why_not_loaded())


def skip_without_library(reason: str | None) -> None:
    """Skip the test if there is a reason to."""
    if reason is not None:
        pytest.skip(reason)


@cache
def why_not_loaded() -> str | None:
    """Why the library cannot be loaded here; None if it can.

    Raises:
        LightGbmError: LightGBM is not installed, which is a fault of the environment and no reason to skip.
    """
    # Not above: copies of the project that deploy and test a stack have no container.
    from next_purchase import lightgbm_library
    from next_purchase.errors import LibraryError

    try:
        lightgbm_library.load_library()
    except LibraryError as error:
        return str(error)
    return None


def _runs_elsewhere(item: pytest.Item) -> bool:
    """Whether the test's trees grow in the image or on a deployed stack, which have the library."""
    in_image = item.config.getoption("--docker") and "container" in getattr(item, "fixturenames", ())
    return bool(in_image or item.config.getoption("--live"))
