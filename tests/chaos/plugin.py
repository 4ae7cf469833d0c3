"""The flag `--chaos`: all of the chaos suite instead of its sample."""

from __future__ import annotations

import pytest

# What these assert is told in full, as in a test's own module.
pytest.register_assert_rewrite("tests.chaos.checks", "tests.chaos.stage")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag and what belongs to it."""
    group = parser.getgroup("chaos", "faults")
    group.addoption("--chaos", action="store_true", help="run all of tests/chaos, not a sample of it")
    group.addoption(
        "--chaos-seed",
        metavar="N",
        type=int,
        help="draw the random fault plans by this number; without it, the same ones every time",
    )


def is_whole(config: pytest.Config) -> bool:
    """Whether all is run, not a sample."""
    return bool(config.getoption("--chaos"))
