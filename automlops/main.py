"""The command line: subcommands and options. What they do is imported where a subcommand needs it."""

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


# Output that does not go to a terminal has no width of its own.
WIDTH_WITHOUT_TERMINAL = 140


AccountFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Emulate the account that FILE (YAML or JSON) describes: quotas, API rates, faults, and how fast time "
        "passes (docs/emulator.md).",
    ),
]
Region = Annotated[
    str | None,
    typer.Option(metavar="REGION", help="Region of the stack. By default AWS_REGION, or the profile's Region."),
]
StackName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Name of the deployed stack. If AWS_ENDPOINT_URL is set, by default automlops."
    ),
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
        int | None, typer.Option(metavar="N", help="TCP port; 0 chooses a free one.", min=0, max=65535)
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="A",
            help="Address to listen on, by default 127.0.0.1. A client that has its keys can run code on this machine.",
        ),
    ] = None,
    containers: Annotated[
        bool,
        typer.Option(
            "--containers",
            help="Serve Docker containers on this machine too, for `sam local … --config-env local`. On Linux, "
            "the emulator then listens on the address of Docker's bridge, which every container here can reach.",
        ),
    ] = False,
    image: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URI=COMMAND",
            help="Run COMMAND, followed by train or serve, for the image URI. A single image is also the stack's. "
            "Repeatable; then choose the stack's with --parameter ImageUri=URI.",
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Parameter of the stack. Repeatable.")
    ] = None,
    account: AccountFile = None,
) -> None:
    """Serve AWS's APIs on this machine until Ctrl-C.

    The stack `automlops` is deployed there. Prints `ready http://127.0.0.1:PORT`, and the exports with which the AWS
    CLI, boto3 and SAM use it.
    """
    with _exit_on_errors():
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
        str, typer.Option(metavar="NAME", help="Profile: dev, staging, prod, local, or one of your own.")
    ] = "dev",
    more: Annotated[
        list[str] | None, typer.Argument(metavar="-- WORDS", help="Further arguments for sam deploy.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Parameter of the stack, in addition to the profile's. Repeatable."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Configuration file of sam. By default samconfig.mine.toml if it exists, else samconfig.toml.",
        ),
    ] = None,
) -> None:
    """Build the stack with sam and deploy it. Run it in the project's folder."""
    with _exit_on_errors():
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
            help="Item NAME, with FILE (CSV, Excel, Parquet) as its data, which is uploaded first. Repeatable.",
        ),
    ] = None,
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="EVENT.json",
            help="Input of the execution. Its itemList decides which items run, and must contain each --item; "
            "without an itemList, the items of --item run.",
        ),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Run on an emulator that is started for this run only.")
    ] = False,
    account: AccountFile = None,
    stack: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Run on this deployed stack. If AWS_ENDPOINT_URL is set, by default automlops."
        ),
    ] = None,
    region: Region = None,
    name: Annotated[
        str | None, typer.Option(metavar="EXECUTION", help="Name of the execution. By default one is generated.")
    ] = None,
    max_concurrency: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of items at once. By default the input's or the stack's.", min=1),
    ] = None,
    tolerated_failure_percentage: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Percentage of items that may fail before the run fails, 0 to 100. By default the input's, or 0.",
            min=0,
            max=100,
        ),
    ] = None,
    rerun_of: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Run the items that did not succeed in RUN or in a rerun of it."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="train|score",
            help="In mode score nothing trains: each item's last accepted model scores its current data.",
        ),
    ] = None,
    skip_unchanged: Annotated[
        bool,
        typer.Option(
            "--skip-unchanged",
            help="Skip items whose data, image and settings have not changed since their last run.",
        ),
    ] = False,
    items_uri: Annotated[
        str | None,
        typer.Option(
            metavar="S3_URI", help="Read the items from a file in S3, one entry of itemList on each line."
        ),
    ] = None,
    item_prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX/", help="Use the folders below this prefix of the data bucket, or S3 URI, as items."
        ),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Run even if another run of an item is under way, or a quota is too small for one of its jobs.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Copy the results to DIR/<run>/.")] = Path("out"),
) -> None:
    """Run items and copy their predictions to this machine.

    Checks that the run is possible, uploads the items' data, starts the execution, shows its progress, and copies the
    manifest and the predictions.

    Exit codes: 0 the run SUCCEEDED; 1 it FAILED; 2 the options or the request were refused; 3 a call to AWS or the
    emulator failed, or results could not be copied; 4 the run was stopped or timed out; 130 Ctrl-C (on AWS, the run
    goes on).
    """
    with _exit_on_errors():
        place = place_of(os.environ, local=local, stack=stack, region=region)
        if account is not None and place is not None:
            raise CommandError("--account needs --local. Or start `automlops up --account FILE`.")
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
        str, typer.Argument(metavar="RUN", help="Id of the run: the name of its folder below runs/.")
    ],
    stack: StackName = None,
    region: Region = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing manifest.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Copy the results to DIR/<run>/. By default none are copied."),
    ] = None,
) -> None:
    """Show the manifest of a run; write it if there is none.

    A run that was stopped, timed out or broke has no manifest: it is written from the items' records. The run's jobs
    that still run are stopped, and its SageMaker models are deleted.

    Exit codes: 0 the run SUCCEEDED; 1 it FAILED; 2 there is no such run, or it is still under way; 3 a call to AWS or
    the emulator failed, or results could not be copied.
    """
    with _exit_on_errors():
        place = stack_name(os.environ, stack)
        from automlops.aws.connection import connect
        from automlops.runs.close_run import close_run
        from automlops.runs.run_order import exit_code_of

        summary = close_run(_console(), connect(os.environ, region), place, run_id, force=force, out=out)
        raise typer.Exit(exit_code_of(summary))


@app.command()
def quotas(
    stack: StackName = None,
    region: Region = None,
) -> None:
    """Show how many items at once the account's quotas allow.

    Reads Service Quotas for the stack's instance types and the job durations of the last run, and compares the result
    with the stack's MaxConcurrency.
    """
    with _exit_on_errors():
        place = stack_name(os.environ, stack)
        from automlops.aws.connection import connect
        from automlops.quotas.account_quotas import show_quotas

        show_quotas(_console(), connect(os.environ, region), place)


@app.command()
def split(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV in UTF-8 or Latin-1, also .gz or .xz; Excel, all sheets; or Parquet."
        ),
    ],
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Column whose values become items.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write DIR/<value>.csv.")],
    only: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Only these values. Quote a value with a comma: '\"Korea, South\",France'."
        ),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Split one large file into items.

    Writes a file for each value of a column, with its rows unchanged. Rows without a value are in no file; their
    number is printed.
    """
    with _exit_on_errors():
        from automlops.tables.items import print_next, print_split
        from automlops.tables.split import split_table

        console = _console()
        values = _words(only)
        result = split_table(file, by, out, only=values, force=force)
        print_split(console, result, by)
        print_next(console, result.parts, asked_for=bool(values))


@app.command()
def sample(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory for the files.")],
    items: Annotated[int, typer.Option(metavar="N", help="Number of countries.", min=1, max=999)] = 3,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed gives the same files.")] = 2010,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Generate transactions of a web shop.

    Writes DIR/transactions.csv and a file for each country.
    """
    with _exit_on_errors():
        from automlops.tables.items import make_sample, print_next, print_split

        console = _console()
        result = make_sample(out, items, seed, force=force)
        print_split(console, result, "Country")
        print_next(console, result.parts)


@app.command()
def quickstart(
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file of your own. By default a sample is generated.")
    ] = None,
    items: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Values of the column, or countries of the sample, to run. By default the largest three.",
        ),
    ] = "",
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Column whose values become items.")] = "Country",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory for items and results.")] = Path("out"),
) -> None:
    """Run three items end to end on this machine.

    At the end it prints predictions and what to type next. The exit codes are those of run.
    """
    with _exit_on_errors():
        from automlops.local.quickstart import quickstart as run_quickstart
        from automlops.runs.run_order import exit_code_of

        raise typer.Exit(exit_code_of(run_quickstart(_console(), data, by, _words(items), out).manifest))


@contextmanager
def _exit_on_errors() -> Iterator[None]:
    """Print the lines of a CommandError in the block, and exit with its exit code."""
    try:
        yield
    except CommandError as error:
        for line in error.lines:
            typer.echo(line, err=True)
        raise typer.Exit(error.exit_code) from error


def _words(text: str) -> list[str]:
    """Return the values of a comma-separated option."""
    return [word.strip() for word in next(csv.reader([text], skipinitialspace=True), []) if word.strip()]


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
