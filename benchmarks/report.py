"""Writes measures as a table for the terminal, as JSON and as a document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from benchmarks.measure import Measure, Other

COLUMNS = ("measure", "ours", "reference", "ratio", "goal", "met")
# The figures of peers are close to each other.
OTHERS_DIGITS = 4
STYLES = {"yes": "green", "NO": "bold red", "": ""}


def cells(measure: Measure) -> list[str]:
    """Return the measure's row, a text for each of `COLUMNS`; empty where there is no value."""
    return [
        measure.name,
        _figure(measure.ours, measure.unit) or "not measured",
        _figure(measure.reference, measure.unit),
        _figure(measure.ratio, ""),
        measure.goal_text,
        {True: "yes", False: "NO", None: ""}[measure.met],
    ]


def as_table(measures: Sequence[Measure]) -> Table:
    """Return the table for a terminal."""
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in {"measure", "met"} else "right")
    for measure in measures:
        *most, met = cells(measure)
        table.add_row(*(Text(cell) for cell in most), Text(met, STYLES[met]))
    return table


def as_others_table(measures: Sequence[Measure]) -> Table | None:
    """Return others_table for a terminal; None if no measure has others."""
    rows = others_table(measures)
    if not rows:
        return None
    table = Table(*rows[0])
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    return table


def others_table(measures: Sequence[Measure]) -> list[list[str]]:
    """Return figures and processor seconds of all `others` of the measures below a row of names; empty if none."""
    compared = [measure for measure in measures if measure.others]
    names = list(dict.fromkeys(other.name for measure in compared for other in measure.others))
    rows = [["measure", "ours", *names]] if compared else []
    for measure in compared:
        by_name = {other.name: other for other in measure.others}
        ours = _figure(measure.ours, "", OTHERS_DIGITS) or "not measured"
        name = f"{measure.name.partition(', against')[0]}, {measure.unit}"
        rows.append([name, ours, *(_other(by_name.get(other)) for other in names)])
    return rows


def as_json(measures: Sequence[Measure]) -> str:
    """Return a JSON list of objects, with numbers as they were measured."""
    return json.dumps([measure.as_json() for measure in measures], indent=2, ensure_ascii=False) + "\n"


def as_markdown(measures: Sequence[Measure], when: datetime, machine: str) -> str:
    """Return the document docs/benchmarks.md: a section for each subject, with its table and how it was measured.

    A note names its subject before its first colon; a measure without a note belongs to the subject before it.
    """
    sections: dict[str, list[Measure]] = {}
    subject = "figures"
    for measure in measures:
        subject = measure.note.partition(": ")[0] or subject
        sections.setdefault(subject, []).append(measure)
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench WRITE=1` on {when:%Y-%m-%d}; {machine}. Times depend on the machine and on what else",
        "it does; a ratio depends on them less, because it is measured together with its reference.",
        "",
        f"{verdict(measures)}.",
    ]
    for subject, held in sections.items():
        lines += [
            "",
            f"## {subject[0].upper()}{subject[1:]}",
            "",
            *_markdown_rows(COLUMNS, map(cells, held), left={0, 5}),
        ]
        if others := others_table(held):
            lines += ["", *_markdown_rows(others[0], others[1:], left={0})]
        for note in dict.fromkeys(measure.note.partition(": ")[2] for measure in held if ": " in measure.note):
            lines += ["", f"{note[0].upper()}{note[1:]}."]
    return "\n".join([*lines, ""])


def _markdown_rows(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: set[int]) -> list[str]:
    """Return a table in Markdown.

    Args:
        header: titles of its columns.
        rows: its cells.
        left: columns of text; numbers stand to the right.
    """
    ruler = ["---" if column in left else "---:" for column in range(len(header))]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (header, ruler, *rows)]
    return [f"| {' | '.join(row)} |" for row in escaped]


def verdict(measures: Sequence[Measure]) -> str:
    """Return one line: how many goals are met, and which are not."""
    goals = [measure for measure in measures if measure.goal]
    missed = [measure.name for measure in goals if not measure.met]
    line = f"{len(goals) - len(missed)} of {len(goals)} goals met"
    return f"{line}; MISSED: {', '.join(missed)}" if missed else line


def _other(other: Other | None) -> str:
    if other is None or other.figure is None:
        return "not measured"
    return f"{_figure(other.figure, '', OTHERS_DIGITS)} ({other.seconds:.2f} s)"


def _figure(value: float | None, unit: str, digits: int = 3) -> str:
    if value is None:
        return ""
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return f"{text} {unit}".strip()
