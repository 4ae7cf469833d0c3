"""The command `automlops`: its subcommands and options, and nothing of their work."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automlops.aws.place import place_of, stack_name
from automlops.errors import CommandError

if TYPE_CHECKING:
    from rich.console import Console


# Whoever pipes the output away has no width to fit into.
WIDTH_WITHOUT_TERMINAL = 140


AccountFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Play the account that FILE (YAML or JSON) describes: quotas, API rates, faults, and how fast time "
        "passes (docs/emulator.md).",
    ),
]
Region = Annotated[
    str | None,
    typer.Option(metavar="REGION", help="The stack's Region; otherwise AWS_REGION or the profile's."),
]
StackName = Annotated[
    str | None, typer.Option(metavar="NAME", help="The deployed stack. With AWS_ENDPOINT_URL set: automlops.")
]

app = typer.Typer(
    name="automlops",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    help="One model per store, country or product line: train, create and batch-score every item of a list, "
    "on AWS or on this machine.",
)


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(metavar="N", help="TCP port; 0 is any free one.", min=0, max=65535)
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="A",
            help="Address to bind, 127.0.0.1 if none is given. Who reaches it can run code on this machine.",
        ),
    ] = None,
    containers: Annotated[
        bool,
        typer.Option(
            "--containers",
            help="Serve Docker's containers on this machine as well, for `sam local … --config-env local`. On Linux "
            "it then listens on the address of Docker's bridge: every container here can reach it.",
        ),
    ] = False,
    image: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URI=COMMAND",
            help="Run COMMAND, with train or serve, for the image URI. Given once, the stack uses that image. "
            "Repeatable; then --parameter ImageUri=URI says which one the stack uses.",
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Parameter of the stack. Repeatable.")
    ] = None,
    account: AccountFile = None,
) -> None:
    """Serve AWS's APIs on this machine, until Ctrl-C.

    The stack `automlops` is deployed there. Prints `ready http://127.0.0.1:PORT` and the exports that make the AWS
    CLI, boto3 and SAM talk to it.
    """
    with _reported():
        from automlops.local.serve_emulator import serve_emulator

        serve_emulator(
            typer.echo,
            port=port,
            host=host,
            containers=containers,
            images=image or [],
            parameters=parameter or [],
            account=account,
        )


@app.command()
def deploy(
    env: Annotated[
        str, typer.Option(metavar="NAME", help="Profile: dev, staging, prod, local, or one of yours.")
    ] = "dev",
    more: Annotated[
        list[str] | None, typer.Argument(metavar="-- WORDS", help="Further words for sam deploy.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Parameter of the stack, beside the profile's own. Repeatable."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="sam's configuration; otherwise samconfig.mine.toml if it exists, else samconfig.toml.",
        ),
    ] = None,
) -> None:
    """Build the stack with sam and deploy it, from the project's folder."""
    with _reported():
        from automlops.aws.deploy import deploy as run_deploy

        raise typer.Exit(
            run_deploy(
                typer.echo,
                env,
                config=config,
                parameters=parameter or [],
                more=more or [],
                environment=os.environ,
            )
        )


@app.command()
def run(
    item: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="Upload FILE (CSV, Excel, Parquet) as the data of item NAME first. Repeatable.",
        ),
    ] = None,
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="EVENT.json",
            help="The execution's input. If it has an itemList, that is what runs, and each --item must be in it; "
            "if not, the items are those of --item.",
        ),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Run on an emulator started for this run alone.")] = False,
    account: AccountFile = None,
    stack: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Run on this deployed stack. With AWS_ENDPOINT_URL set: automlops."),
    ] = None,
    region: Region = None,
    name: Annotated[
        str | None, typer.Option(metavar="EXECUTION", help="The execution's name; otherwise one is made.")
    ] = None,
    max_concurrency: Annotated[
        int | None, typer.Option(metavar="N", help="Items at once; otherwise the event's or the stack's.", min=1)
    ] = None,
    tolerated_failure_percentage: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Share of items, 0 to 100, that may fail without failing the run; otherwise the event's, or none.",
            min=0,
            max=100,
        ),
    ] = None,
    rerun_of: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Run again what has not succeeded in that run or in a rerun of it."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="train|score",
            help="score: no training, each item's last accepted model scores its data as it is now.",
        ),
    ] = None,
    skip_unchanged: Annotated[
        bool,
        typer.Option(
            "--skip-unchanged",
            help="Leave items as they are whose data, image and settings are those of last time.",
        ),
    ] = False,
    items_uri: Annotated[
        str | None,
        typer.Option(metavar="S3_URI", help="The items: a file in S3 with one entry of itemList a line."),
    ] = None,
    item_prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX/", help="The items: the folders below a prefix of the data bucket or an S3 URI."
        ),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Run even if another run of an item is under way, or a quota lets no job of it start.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results are copied to DIR/<run>/.")] = Path("out"),
) -> None:
    """Run items, and copy their predictions here.

    Checks that the run is possible, uploads what is given, starts the execution, shows how it goes, and copies
    manifest and predictions.

    Exit codes: 0 the run SUCCEEDED; 1 it FAILED; 2 the options or the request were refused; 3 AWS or the emulator
    could not be reached or said no, or results could not be copied; 4 the run was stopped or timed out; 130 Ctrl-C
    (on AWS, the run goes on).
    """
    with _reported():
        place = place_of(os.environ, local=local, stack=stack, region=region)
        if account is not None and place is not None:
            raise CommandError("--account is for --local; `automlops up --account FILE` serves such an account.")
        from automlops.runs.request import make_order, require_no_history
        from automlops.runs.results import results_folder
        from automlops.runs.run_order import exit_code_of, run_order

        choices = {
            "rerunOf": rerun_of,
            "mode": mode,
            "skipUnchanged": True if skip_unchanged else None,
            "itemsUri": items_uri,
            "itemPrefix": item_prefix,
            "maxConcurrency": max_concurrency,
            "toleratedFailurePercentage": tolerated_failure_percentage,
        }
        order = make_order(item or [], input_, name=name, out=out, choices=choices, anyway=anyway)
        if place is None:
            require_no_history(order.request)
            from automlops.aws.connection import connect_emulator
            from automlops.aws.stack import DEFAULT_NAME
            from automlops.local.emulator_process import emulator_command, local_emulator, require_local_extra

            require_local_extra()
            with results_folder(order.out), local_emulator(emulator_command(account)) as url:
                results = run_order(_console(), connect_emulator(url), DEFAULT_NAME, order, ends_here=True)
        else:
            from automlops.aws.connection import connect

            connection = connect(os.environ, region)
            with results_folder(order.out):
                results = run_order(_console(), connection, place, order)
        raise typer.Exit(exit_code_of(results.manifest))


@app.command()
def manifest(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's id, as its folder below runs/ is called.")
    ],
    stack: StackName = None,
    region: Region = None,
    force: Annotated[bool, typer.Option("--force", help="Make it anew if there is one.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy results to DIR/<run>/; otherwise none are copied.")
    ] = None,
) -> None:
    """Show what became of a run, also of one whose execution was cut off.

    A run that was stopped, timed out or broke has no manifest: it is made of what the run's items have recorded, the
    run's jobs that still run are stopped, and its SageMaker models deleted.

    Exit codes: 0 the run SUCCEEDED; 1 it FAILED; 2 there is no such run, or it is still under way; 3 AWS or the
    emulator could not be reached or said no, or results could not be copied.
    """
    with _reported():
        place = stack_name(os.environ, stack)
        from automlops.aws.connection import connect
        from automlops.runs.close_run import close_run
        from automlops.runs.run_order import exit_code_of

        found = close_run(_console(), connect(os.environ, region), place, run_id, force=force, out=out)
        raise typer.Exit(exit_code_of(found))


@app.command()
def quotas(
    stack: StackName = None,
    region: Region = None,
) -> None:
    """Show how many items at once the account's quotas let run.

    Reads Service Quotas for the stack's instance types and the last run's job times, and compares with its MaxConcurrency.
    """
    with _reported():
        place = stack_name(os.environ, stack)
        from automlops.aws.connection import connect
        from automlops.quotas.account_quotas import show_quotas

        show_quotas(_console(), connect(os.environ, region), place)


@app.command()
def split(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV in UTF-8 or Latin-1, also as .gz or .xz; Excel, all sheets; Parquet."
        ),
    ],
    by: Annotated[str, typer.Option(metavar="COLUMN", help="The column whose values become items.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where DIR/<value>.csv are written.")],
    only: Annotated[
        str,
        typer.Option(metavar="A,B", help="Only these values. Quote one with a comma: '\"Korea, South\",France'."),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Make items of one big file.

    Writes a file for each value of a column, every row as it stands. Rows without a value are in no file; how many
    is said.
    """
    with _reported():
        from automlops.tables.items import print_next, print_split
        from automlops.tables.split import split_table

        console = _console()
        wanted = _words(only)
        found = split_table(file, by, out, only=wanted, force=force)
        print_split(console, found, by)
        print_next(console, found.parts, asked_for=bool(wanted))


@app.command()
def sample(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files are written.")],
    items: Annotated[int, typer.Option(metavar="N", help="Number of countries.", min=1, max=999)] = 3,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed makes the same files.")] = 2010,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Make up a web shop's transactions.

    Writes DIR/transactions.csv, and a file for each country.
    """
    with _reported():
        from automlops.tables.items import make_sample, print_next, print_split

        console = _console()
        found = make_sample(out, items, seed, force=force)
        print_split(console, found, "Country")
        print_next(console, found.parts)


@app.command()
def quickstart(
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file of yours; otherwise a sample is made up.")
    ] = None,
    items: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Values of the column, or countries of the sample, to run; otherwise the largest three.",
        ),
    ] = "",
    by: Annotated[str, typer.Option(metavar="COLUMN", help="The column whose values are items.")] = "Country",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where items and results are written.")] = Path("out"),
) -> None:
    """Run three items end to end on this machine.

    Says in the end what to look at and what to type next. Exit codes as for run.
    """
    with _reported():
        from automlops.local.quickstart import quickstart as run_quickstart
        from automlops.runs.run_order import exit_code_of

        raise typer.Exit(exit_code_of(run_quickstart(_console(), data, by, _words(items), out).manifest))


@contextmanager
def _reported() -> Iterator[None]:
    """Shows what went wrong, and ends with its exit code."""
    try:
        yield
    except CommandError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(error.exit_code) from error


def _words(text: str) -> list[str]:
    """The values of a comma-separated option."""
    return [word.strip() for word in next(csv.reader([text], skipinitialspace=True), []) if word.strip()]


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
