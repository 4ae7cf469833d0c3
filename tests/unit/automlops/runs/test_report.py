"""What a run shows on the way, and what stands below its table: each note of the trainings, once."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from automlops.runs.execution import Snapshot
from automlops.runs.report import MAX_ITEMS_NAMED, MAX_ROWS, print_table, show_progress
from pipeline.manifest import Counts, Manifest, ManifestItem

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


def a_manifest(*metrics: dict[str, Any] | None) -> Manifest:
    """Return a manifest of items named by their number."""
    items = [
        ManifestItem(item=f"item{number}", status="SUCCEEDED", metrics=one) for number, one in enumerate(metrics)
    ]
    counts = Counts(total=len(items), succeeded=len(items), failed=0, unfinished=0)
    return Manifest(run_id="run", verdict="SUCCEEDED", counts=counts, items=items)


def lines_below(text: str) -> list[str]:
    """Return what was printed after the table's last line and before the verdict."""
    below = text.splitlines()
    last = max(number for number, line in enumerate(below) if line.startswith("└"))
    return below[last + 1 : next(number for number, line in enumerate(below) if line.startswith("verdict"))]


def test_note_of_a_training_stands_below_the_table(console: Console, shown: Callable[[], str]) -> None:
    print_table(console, a_manifest({"note": "a guess, no model"}, {"customers": 3}, None))
    assert lines_below(shown()) == ["item0: a guess, no model"]


def test_equal_notes_stand_once_with_the_items_that_have_them(console: Console, shown: Callable[[], str]) -> None:
    print_table(console, a_manifest({"note": "a"}, {"note": "b"}, {"note": "a"}))
    assert lines_below(shown()) == ["item0, item2: a", "item1: b"]


def test_note_of_many_items_counts_them(console: Console, shown: Callable[[], str]) -> None:
    number = max(MAX_ROWS, MAX_ITEMS_NAMED) + 1
    print_table(console, a_manifest(*[{"note": "a"}] * number))
    assert lines_below(shown())[0] == f"{number} items: a"


@pytest.mark.parametrize("note", ["", "  ", 5, None, True, ["a"]])
def test_what_is_no_text_is_no_note(console: Console, shown: Callable[[], str], note: object) -> None:
    print_table(console, a_manifest({"note": note}))
    assert lines_below(shown()) == []


def test_note_is_one_line_and_no_markup(console: Console, shown: Callable[[], str]) -> None:
    print_table(console, a_manifest({"note": "first [red]\nsecond[/]"}))
    assert lines_below(shown()) == ["item0: first [red] second[/]"]
