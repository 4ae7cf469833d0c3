"""Shows how a run goes while it goes: a bar on a terminal, else a line for every change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from automlops.runs.execution import RUNNING, Snapshot

if TYPE_CHECKING:
    from rich.console import Console


def show_progress(console: Console, snapshots: Iterable[Snapshot]) -> Snapshot:
    """Shows each of `snapshots` as it comes, and returns the last."""
    return _show_bar(console, snapshots) if console.is_terminal else _show_lines(console, snapshots)


def describe(snapshot: Snapshot) -> str:
    """A snapshot in a few words."""
    if snapshot.status != RUNNING:
        return f"{snapshot.recorded} of {snapshot.total} items done, {snapshot.status}"
    if not snapshot.total:
        return "preparing the run"
    if snapshot.recorded == snapshot.total:
        return f"{snapshot.total} of {snapshot.total} items done, summing up"
    return f"{snapshot.recorded} of {snapshot.total} items done, {snapshot.running} at work"


def _show_lines(console: Console, snapshots: Iterable[Snapshot]) -> Snapshot:
    last, shown = Snapshot(), ""
    for last in snapshots:
        line = describe(last)
        if line != shown:
            console.out(line, highlight=False)
            shown = line
    return last


def _show_bar(console: Console, snapshots: Iterable[Snapshot]) -> Snapshot:
    last = Snapshot()
    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(describe(last), total=None)
        for last in snapshots:
            progress.update(task, description=describe(last), completed=last.recorded, total=last.total or None)
    return last
