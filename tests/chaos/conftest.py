"""The scenarios of the table as parameters."""

from __future__ import annotations

import pytest

from tests.chaos.plugin import is_whole
from tests.chaos.table import table


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a `scenario` for each of the table."""
    if "scenario" in metafunc.fixturenames:
        scenarios = table(whole=is_whole(metafunc.config))
        metafunc.parametrize("scenario", scenarios, ids=[scenario.item for scenario in scenarios])
