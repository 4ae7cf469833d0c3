"""Generates a sample split into items, and prints items and the command that runs them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from automlops.errors import CommandError
from automlops.tables.sample_data import COUNTRIES, country_names, write_transactions
from automlops.tables.split import Part, Split, split_table
from automlops.wording import program

if TYPE_CHECKING:
    from rich.console import Console

SAMPLE_FILE_NAME = "transactions.csv"
# Longer tables are not read, and longer commands not pasted.
MAX_ROWS = 50
# Items in the suggested command: few, so that a first run ends soon.
FEW = 3


def make_sample(out: Path, count: int, seed: int, *, only: Sequence[str] = (), force: bool = False) -> Split:
    """Generate `out`/transactions.csv, and write a file for each of its countries.

    Args:
        out: directory; created if it does not exist.
        count: number of countries; more if `only` names one that comes later.
        seed: the same seed gives the same files.
        only: the countries to write, of those with real names; all if empty.
        force: replace existing files.

    Raises:
        CommandError: `only` names a country that the sample does not have, a file exists and `force` is not given, or
            `out` cannot be written.
    """
    if unknown := [name for name in only if name not in COUNTRIES]:
        raise CommandError(
            f"The sample has no country {' or '.join(map(repr, unknown))}.",
            f"It has: {', '.join(COUNTRIES)}.",
        )
    count = max(count, *(COUNTRIES.index(name) + 1 for name in only), 0)
    whole = out / SAMPLE_FILE_NAME
    if whole.exists() and not force:
        raise CommandError(f"{whole} already exists.", "Replace it with --force, or give another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_transactions(whole, country_names(count), seed)
    except OSError as error:
        raise CommandError(f"Cannot write into {out}: {error.strerror}.") from error
    return split_table(whole, "Country", out, only=only, force=force)


def print_split(console: Console, split: Split, column: str) -> None:
    """Print a row for each part, and below them what is in no part."""
    table = Table()
    table.add_column(column, overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("file", overflow="fold")
    for part in split.parts[:MAX_ROWS]:
        table.add_row(Text(part.value), f"{part.rows:,}", Text(str(part.path)))
    console.print(table)
    if len(split.parts) > MAX_ROWS:
        console.out(f"… and {len(split.parts) - MAX_ROWS} more files", highlight=False)
    if split.rows_without_value:
        console.out(f"{split.rows_without_value:,} rows have no {column}: they are in no file", highlight=False)
    for note in split.notes:
        console.out(note, highlight=False)


def print_next(console: Console, parts: Sequence[Part], *, asked_for: bool = False) -> None:
    """Print the command that runs `parts` on this machine: a few of them, or all if `asked_for` by name."""
    shown = parts if asked_for else parts[:FEW]
    which = "" if len(shown) == len(parts) else f", for the largest {FEW} of {len(parts)}"
    console.out(f"What to type next{which}:", run_command(shown, "--local"), sep="\n  ", highlight=False)


def run_command(parts: Sequence[Part], *options: str) -> str:
    """Return the command that runs `parts`, or the largest of them if there are many."""
    items = [word for part in parts[:MAX_ROWS] for word in ("--item", f"{part.item}={part.path}")]
    return shlex.join([program(), "run", *items, *options])
