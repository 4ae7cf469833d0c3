"""What is seen while a run goes."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console

from automlops.runs.execution import Snapshot
from automlops.runs.progress import show_progress

SNAPSHOTS = (
    Snapshot(),
    Snapshot(total=3, running=2, recorded=1),
    Snapshot(total=3, running=2, recorded=1),
    Snapshot(total=3, recorded=3),
    Snapshot("SUCCEEDED", total=3, recorded=3),
)


def test_without_a_terminal_every_change_is_one_plain_line(console: Console, shown: Callable[[], str]) -> None:
    assert show_progress(console, iter(SNAPSHOTS)) == SNAPSHOTS[-1]
    assert shown().splitlines() == [
        "preparing the run",
        "1 of 3 items done, 2 at work",
        "3 of 3 items done, summing up",
        "3 of 3 items done, SUCCEEDED",
    ]


def test_on_a_terminal_the_bar_ends_with_the_last_word() -> None:
    terminal = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    assert show_progress(terminal, iter(SNAPSHOTS)) == SNAPSHOTS[-1]
    assert isinstance(terminal.file, io.StringIO)
    assert "3 of 3 items done, SUCCEEDED" in terminal.file.getvalue()
