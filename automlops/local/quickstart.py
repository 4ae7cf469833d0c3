"""The subcommand quickstart: three items, end to end, on this machine alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from automlops.aws.connection import connect_emulator
from automlops.aws.stack import DEFAULT_NAME
from automlops.local.emulator_process import local_emulator, require_local_extra
from automlops.runs.request import make_order
from automlops.runs.results import results_folder
from automlops.runs.run_order import run_order
from automlops.tables.items import make_sample, print_split, run_command
from automlops.tables.split import split_table
from automlops.wording import program

if TYPE_CHECKING:
    from rich.console import Console

    from automlops.runs.results import Results

ITEMS = 3
SEED = 2010
LINES_SHOWN = 5


def quickstart(console: Console, data: Path | None, column: str, only: Sequence[str], out: Path) -> Results:
    """Split `data` or a sample into items, run them on a new emulator, and print what to do next.

    Args:
        console: where everything is printed.
        data: the user's table; None generates a sample.
        column: the column to split the table by.
        only: values of the column, or countries of the sample, to run; the largest three if empty.
        out: directory for the items' files and the results.

    Raises:
        CommandError: the table has no such column or value, or the emulator is not installed.
        ServiceError, EmulatorError, RunBrokenError, InterruptedRunError: see `run_order` and `local_emulator`.
    """
    require_local_extra()
    folder = out / "items"
    if data:
        console.out(f"Splitting {data} into items, one for each {column}", highlight=False)
        split = split_table(data, column, folder, only=only, force=True)
    else:
        console.out(f"Generating a year of transactions in {folder}/", highlight=False)
        split = make_sample(folder, ITEMS, SEED, only=only, force=True)
    chosen = split.parts if only else split.parts[:ITEMS]
    print_split(console, replace(split, parts=chosen), column)
    words = [f"{part.item}={part.path}" for part in chosen]
    order = make_order(words, None, name=None, out=out)
    console.out("Starting an emulator of AWS on this machine (nothing leaves it)", highlight=False)
    with results_folder(out), local_emulator() as url:
        results = run_order(console, connect_emulator(url), DEFAULT_NAME, order, ends_here=True)
    _print_predictions(console, results)
    if results.manifest.verdict == "SUCCEEDED":
        _print_next(console, run_command(chosen, "--local"))
    else:
        _print_reasons(console, results)
    return results


def _print_predictions(console: Console, results: Results) -> None:
    """Print the first lines of one item's predictions."""
    for item, files in results.predictions.items():
        with files[0].open(encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n") for line in islice(file, LINES_SHOWN)]
        console.out(f"\nThe first predictions for {item}, in {files[0]}:", highlight=False)
        for line in lines:
            console.out(f"  {line}", highlight=False)
        return


def _print_reasons(console: Console, results: Results) -> None:
    lines = (
        "\nThe run FAILED. The reason for each failed item is:",
        "  in the table above or below it",
        f"  in {results.folder / 'manifest.json'}, under reason",
    )
    for line in lines:
        console.out(line, highlight=False)


def _print_next(console: Console, command: str) -> None:
    lines = (
        "\nWhat to type next:",
        "  the same again, or with files of yours:",
        f"    {command}",
        "  items from one large file of yours:",
        f"    {program()} split FILE.csv --by Country --out items",
        "  the emulator for the AWS CLI and boto3:",
        f"    {program()} up",
        "  on AWS, once the stack is deployed (README.md):",
        f"    {command.removesuffix(' --local')} --stack automlops",
    )
    for line in lines:
        console.out(line, highlight=False)
