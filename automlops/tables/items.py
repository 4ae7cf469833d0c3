"""Makes items of a table, the user's or a sample, and shows them with the command that runs them."""

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
# More values than that are no longer looked through, and their command no longer typed.
MAX_ROWS = 50
# A first run that ends while one looks on.
FEW = 3


def make_sample(out: Path, count: int, seed: int, *, only: Sequence[str] = (), force: bool = False) -> Split:
    """Writes `out`/transactions.csv, made up, and a file for each of its countries.

    Args:
        out: directory; made if need be.
        count: number of countries; more if one that is wanted comes later.
        seed: the same seed makes the same files.
        only: the countries wanted, of those with real names; all if empty.
        force: replace files that exist.

    Raises:
        CommandError: a country is wanted that the sample has not, a file exists and `force` is not given, or `out`
            cannot be written.
    """
    if unknown := [name for name in only if name not in COUNTRIES]:
        raise CommandError(
            f"The sample has no country {' or '.join(map(repr, unknown))}.",
            f"It has: {', '.join(COUNTRIES)}.",
        )
    count = max(count, *(COUNTRIES.index(name) + 1 for name in only), 0)
    whole = out / SAMPLE_FILE_NAME
    if whole.exists() and not force:
        raise CommandError(f"{whole} exists already.", "Use --force to replace it, or another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_transactions(whole, country_names(count), seed)
    except OSError as error:
        raise CommandError(f"Cannot write into {out}: {error.strerror}.") from error
    return split_table(whole, "Country", out, only=only, force=force)


def print_split(console: Console, split: Split, column: str) -> None:
    """A row per part; what is in none of them is said, too."""
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
    """What to type to run `parts` here: a few of them, or all that the user asked for by name."""
    shown = parts if asked_for else parts[:FEW]
    which = "" if len(shown) == len(parts) else f", for the largest {FEW} of {len(parts)}"
    console.out(f"What to type next{which}:", run_command(shown, "--local"), sep="\n  ", highlight=False)


def run_command(parts: Sequence[Part], *options: str) -> str:
    """What to type to run `parts`; only the largest, if they are many."""
    items = [word for part in parts[:MAX_ROWS] for word in ("--item", f"{part.item}={part.path}")]
    return shlex.join([program(), "run", *items, *options])
