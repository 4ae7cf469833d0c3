"""Shows the progress of a run, and its results in a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from automlops.runs.execution import RUNNING, Snapshot

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.manifest import Manifest, ManifestItem

# Longer tables do not fit on a screen: the items that did not succeed come first in them.
MAX_ROWS = 50
# In a narrower terminal the notes stand below the table, one on each line.
WIDTH_WITH_NOTES = 130
STYLES = {"SUCCEEDED": "green", "FAILED": "red", "UNFINISHED": "yellow"}
SECONDS_PER_MINUTE = 60
# The key of metrics.json with a sentence for readers.
METRICS_NOTE = "note"
# More items with the same note are counted, not named.
MAX_ITEMS_NAMED = 5


def show_progress(console: Console, snapshots: Iterable[Snapshot]) -> Snapshot:
    """Show each of `snapshots` as it comes, as a bar on a terminal, else a line for each change; return the last."""
    return _show_bar(console, snapshots) if console.is_terminal else _show_lines(console, snapshots)


def describe(snapshot: Snapshot) -> str:
    """Return a snapshot in a few words."""
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


def print_table(console: Console, manifest: Manifest) -> None:
    """Print a row for each item: status, customers scored, error, model, duration, and why it failed or was skipped.

    The error is in days; its ratio to the error of the best naive guess follows in brackets. Notes that trainings left in
    their metrics stand below the table, once for all items with the same note.
    """
    items = sorted(manifest.items, key=lambda item: item.status == "SUCCEEDED")
    shown = manifest.items if len(items) <= MAX_ROWS else items[:MAX_ROWS]
    notes = {item.item: note for item in shown if (note := _note(item, manifest.run_id))}
    beside = bool(notes) and console.width >= WIDTH_WITH_NOTES
    # A run in mode score has no metrics of its own.
    measured = manifest.mode == "train"
    if not measured:
        console.out("scored with each item's last accepted model", highlight=False)
    table = Table()
    table.add_column("item", overflow="fold")
    table.add_column("status", no_wrap=True)
    if measured:
        table.add_column("customers", justify="right", no_wrap=True)
        table.add_column("error in days\n(of baseline)", justify="right", no_wrap=True)
    # Other images may have one model only, and name none.
    named = measured and any(map(_model, shown))
    if named:
        table.add_column("model", overflow="fold")
    table.add_column("duration", justify="right", no_wrap=True)
    if beside:
        table.add_column("note", overflow="fold")
    for item in shown:
        row = [Text(item.item), Text(item.status, STYLES[item.status])]
        if measured:
            row += [Text(_whole(_metric(item, "customers"))), Text(_error_measure(item))]
        if named:
            row.append(Text(_model(item)))
        row.append(Text(_duration(item.duration_seconds)))
        table.add_row(*row, *([Text(notes.get(item.item, ""))] if beside else []))
    console.print(table)
    for name, note in () if beside else notes.items():
        console.out(f"{name}: {note}", highlight=False)
    for note, names in _metrics_notes(manifest).items():
        who = ", ".join(names) if len(names) <= MAX_ITEMS_NAMED else f"{len(names)} items"
        console.out(f"{who}: {note}", highlight=False)
    if len(items) > len(shown):
        console.out(f"… and {len(items) - len(shown)} more items: see manifest.json", highlight=False)
    if broken := manifest.map_run_error:
        console.out(f"the map run itself broke: {broken.error}: {broken.cause}", highlight=False)
    counts = manifest.counts
    unchanged = f" ({counts.unchanged} unchanged)" if counts.unchanged else ""
    console.print(
        Text.assemble(
            ("verdict ", ""),
            (manifest.verdict, STYLES[manifest.verdict]),
            f": {counts.succeeded} of {counts.total} items succeeded{unchanged}, {counts.failed} failed, "
            f"{counts.unfinished} did not finish",
        ),
        soft_wrap=True,
    )


def _metric(item: ManifestItem, name: str) -> Any:
    return (item.metrics or {}).get(name)


def _metrics_notes(manifest: Manifest) -> dict[str, list[str]]:
    """Return the notes in the trainings' metrics, each with its items; values that are no text are left out."""
    notes: dict[str, list[str]] = {}
    for item in manifest.items:
        note = _metric(item, METRICS_NOTE)
        if isinstance(note, str) and note.strip():
            notes.setdefault(" ".join(note.split()), []).append(item.item)
    return notes


def _whole(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _error_measure(item: ManifestItem) -> str:
    """Return the model's mean absolute error, and its ratio to the error of the best naive guess."""
    model, guess = _metric(item, "mean_absolute_error"), _metric(item, "baseline_mean_absolute_error")
    if not _is_number(model):
        # The training's note may say why. Images that write no metrics are never judged.
        return "not judged" if item.metrics else ""
    return f"{model:.1f} ({model / guess:.2f})" if _is_number(guess) and guess > 0 else f"{model:.1f}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _model(item: ManifestItem) -> str:
    """Return the model that the training chose or was given."""
    name = _metric(item, "model_backend")
    return name if isinstance(name, str) else ""


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), SECONDS_PER_MINUTE)
    return f"{minutes} min {rest} s"


def _note(item: ManifestItem, run_id: str) -> str:
    """Return why an item did not succeed, or what it has from an earlier run."""
    if item.reason:
        return f"{item.stage}: {item.reason}" if item.stage else item.reason
    if item.unchanged_since:
        return f"unchanged since {item.unchanged_since}"
    if item.trained_in and item.trained_in != run_id:
        return f"trained in {item.trained_in}"
    return ""
