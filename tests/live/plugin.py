"""The flag `--live STACK`: which tests are selected, what is printed first, and what is removed last."""

from __future__ import annotations

import argparse
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from automlops.errors import CommandError
from tests.live.estimate import MINUTES_PER_JOB
from tests.live.session import LiveSession, Options, end_on_signals

SCENARIOS = Path(__file__).parents[1] / "integration"
# A run's patience, and what comes before and after.
TIMEOUT_IN_SECONDS = 3 * 3600

LIVE = pytest.StashKey[LiveSession]()


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(-1)
    if not price.is_finite() or price < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no price in USD")
    return price


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag and what belongs to it."""
    group = parser.getgroup("live", "a deployed stack")
    group.addoption(
        "--live",
        metavar="STACK",
        help="run the scenarios on this deployed stack; costs money, says how much first",
    )
    group.addoption(
        "--price-per-hour",
        metavar="USD",
        type=_price,
        help="price of an instance; otherwise AWS's price list is asked",
    )
    group.addoption(
        "--minutes-per-job",
        metavar="N",
        type=int,
        default=MINUTES_PER_JOB,
        help="how long a job takes at most, for the estimate (default: %(default)s)",
    )


def is_live(config: pytest.Config) -> bool:
    """Whether the session is for a deployed stack."""
    return config.getoption("--live") is not None


def pytest_configure(config: pytest.Config) -> None:
    """Treat SIGTERM, which a pipeline that is cancelled sends, as Ctrl-C."""
    if is_live(config):
        config.add_cleanup(end_on_signals())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """All scenarios are files of one folder; the other rooms need not be read."""
    if is_live(config) and collection_path.is_dir() and collection_path.parent in {SCENARIOS.parent, SCENARIOS}:
        return collection_path != SCENARIOS or None
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With the flag, the scenarios and nothing else."""
    if not is_live(config):
        return
    others = [item for item in items if item.get_closest_marker("live") is None]
    items[:] = [item for item in items if item.get_closest_marker("live") is not None]
    config.hook.pytest_deselected(items=others)
    for item in items:
        item.add_marker(pytest.mark.timeout(TIMEOUT_IN_SECONDS))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Before anything is made: what it costs, and whether it can work."""
    config = session.config
    if not is_live(config) or not session.items:
        return
    options = Options(
        config.getoption("--live"), config.getoption("--price-per-hour"), config.getoption("--minutes-per-job")
    )
    try:
        live = LiveSession(options, os.environ, session.items)
        live.announce(lambda line: _tell(config, line))
        if not config.option.collectonly:
            live.check()
            config.stash[LIVE] = live
    except CommandError as error:
        for line in error.lines:
            _tell(config, line)
        pytest.exit("nothing was started", returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the last test, however it ended: removes everything that the session made."""
    live = session.config.stash.get(LIVE, None)
    if live is not None:
        _tell(session.config, "")
        if not live.remove(lambda line: _tell(session.config, line)) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Return what became of the runs."""
    live = config.stash.get(LIVE, None)
    if live is not None:
        live.report(lambda line: _tell(config, line))


def _tell(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    reporter.write_line(line)
