"""Takes items from files on this machine to predictions on this machine, by way of one execution."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from automlops.aws.connection import service_errors
from automlops.aws.stack import Stack, find_stack
from automlops.errors import (
    CommandError,
    CopyError,
    ExitCode,
    InterruptedRunError,
    NobodyAnswersError,
    RunBrokenError,
    RunStoppedError,
    ServiceError,
)
from automlops.runs.execution import Execution, Snapshot, Watch, follow, start_execution
from automlops.runs.preflight import check_run
from automlops.runs.report import print_table, show_progress
from automlops.runs.request import ItemFile, Order
from automlops.runs.results import Results, fetch_results
from automlops.tables.table_file import open_table
from automlops.wording import program
from pipeline import errors as pipeline_errors
from pipeline.layout import S3Location, data_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient
    from rich.console import Console

    from automlops.aws.connection import Connection
    from pipeline.manifest import Manifest

# Beyond that, the folder is told instead of every file.
MAX_FILES_NAMED = 5


def run_order(
    console: Console, connection: Connection, stack_name: str, order: Order, *, ends_here: bool = False
) -> Results:
    """Checks, uploads, starts, waits, shows, copies.

    Args:
        console: where all is shown.
        connection: AWS or the emulator.
        stack_name: the deployed stack.
        order: what is to be run.
        ends_here: the run ends with this command, as its emulator does.

    Returns:
        The results; their manifest has the verdict.

    Raises:
        CommandError: the run was refused.
        ServiceError: AWS cannot be asked.
        CopyError: results cannot be copied; the verdict has been shown.
        RunBrokenError: the execution ended without a verdict of its own.
        RunStoppedError: the execution was stopped or timed out.
        InterruptedRunError: Ctrl-C while waiting.
    """
    stack = find_stack(connection, stack_name)
    s3: S3Client = connection.client("s3")
    sfn: SFNClient = connection.client("stepfunctions")
    check_run(console, connection, stack, order)
    for file in order.files:
        for note in file.notes:
            console.out(note, highlight=False)
        place = upload_data(s3, stack, file)
        console.out(f"uploaded {file.path} to {place.uri}", highlight=False)
    execution = start_execution(sfn, stack.state_machine_arn, order.request, order.name)
    console.out(f"started execution {execution.arn}", highlight=False)
    watch = Watch(sfn, s3, stack.output_bucket, execution)
    goes_on = () if ends_here else _how_to_look(connection, stack, execution)
    try:
        last = show_progress(console, follow(watch.look, time.sleep))
    except KeyboardInterrupt:
        if ends_here:
            raise InterruptedRunError("Interrupted: the run ends with its emulator.") from None
        raise InterruptedRunError("Interrupted.", *goes_on) from None
    except NobodyAnswersError as error:
        if not connection.on_this_machine:
            raise ServiceError(*error.lines, *goes_on) from error
        raise NobodyAnswersError(
            f"The emulator at {connection.endpoint_url} is gone, and the run with it."
        ) from error
    except ServiceError as error:
        raise ServiceError(*error.lines, *goes_on, code=error.code) from error
    run_id = watch.find_run_id()

    def show(manifest: Manifest) -> None:
        print_table(console, manifest)

    kept = (
        () if ends_here else (f"They are still in s3://{stack.output_bucket}, see runs/{run_id}/manifest.json.",)
    )
    try:
        results = fetch_results(s3, stack.output_bucket, run_id, order.out, show) if run_id else None
    except CopyError as error:
        raise CopyError(*error.lines, *kept) from error
    if results is None:
        raise explain_end(last, execution, () if ends_here else _how_to_complete(connection, stack, run_id))
    _print_places(console, results)
    if results.problems:
        raise CopyError("Not all predictions could be copied:", *results.problems, *kept)
    return results


def upload_data(s3: S3Client, stack: Stack, file: ItemFile) -> S3Location:
    """Uploads the item's file to the stack's data bucket, replacing what was there.

    The bytes go up as they are; what is packed with gzip or xz is unpacked on the way, and a workbook becomes CSV.

    Returns:
        Where it is now.

    Raises:
        CommandError: the file cannot be read.
        ServiceError: S3 does not take it.
    """
    place = S3Location(stack.data_bucket, data_key(file.item, stack.dataset_file_name))
    with open_table(file.path) as stream, service_errors(f"upload {file.path} to {place.uri}"):
        s3.upload_fileobj(stream, place.bucket, place.key, ExtraArgs={"ContentType": "text/csv"})
    return place


def exit_code_of(manifest: Manifest) -> ExitCode:
    """The exit code that the run's verdict asks for."""
    return ExitCode.SUCCEEDED if manifest.verdict == "SUCCEEDED" else ExitCode.RUN_FAILED


def explain_end(last: Snapshot, execution: Execution, then: Sequence[str] = ()) -> CommandError:
    """Why an execution that left no manifest ended, as the error to raise.

    Args:
        last: how it ended.
        execution: the execution.
        then: what can be done about one that was not refused.
    """
    told = _message(last.cause)
    if last.status != "FAILED":
        words = f"The execution ended as {last.status}, without a verdict."
        return RunStoppedError(words, *told, execution.arn, *then)
    kind = getattr(pipeline_errors, last.error, None)
    if isinstance(kind, type) and issubclass(kind, pipeline_errors.UserError | pipeline_errors.RunNotEndedError):
        return CommandError("The run was refused, nothing was started:", *(f"  {line}" for line in told))
    return RunBrokenError(f"The run broke: {last.error or 'no error was told'}", *told, execution.arn, *then)


def _message(cause: str) -> list[str]:
    """The lines of a Cause: of a Lambda function's error its message, else all of it."""
    try:
        told = json.loads(cause)
    except ValueError:
        return cause.splitlines()
    message = told.get("errorMessage") if isinstance(told, dict) else None
    return (message if isinstance(message, str) else cause).splitlines()


def _how_to_look(connection: Connection, stack: Stack, execution: Execution) -> tuple[str, ...]:
    endpoint = f" --endpoint-url {connection.endpoint_url}" if connection.endpoint_url else ""
    options = f"--region {connection.region}{endpoint}"
    return (
        "The run goes on. How far it is:",
        f"  aws stepfunctions describe-execution --execution-arn {execution.arn} {options}",
        "Its results, once it has ended:",
        f"  aws s3 ls s3://{stack.output_bucket}/runs/ {options}",
        "To stop it:",
        f"  aws stepfunctions stop-execution --execution-arn {execution.arn} {options}",
    )


def _how_to_complete(connection: Connection, stack: Stack, run_id: str | None) -> tuple[str, ...]:
    """What to type after an execution that was cut off; nothing, if it never had a work list."""
    if run_id is None:
        return ()
    place = ["--stack", stack.name, "--region", connection.region]
    return (
        "What became of its items, with its jobs stopped that still run:",
        f"  {shlex.join([program(), 'manifest', run_id, *place])}",
        "To run what is left of it:",
        f"  {shlex.join([program(), 'run', '--rerun-of', run_id, *place])}",
    )


def _print_places(console: Console, results: Results) -> None:
    console.out(f"copied to {results.folder}/", highlight=False)
    console.out(f"  {results.folder / 'manifest.json'}", highlight=False)
    files = [file for found in results.predictions.values() for file in found]
    for file in files[:MAX_FILES_NAMED]:
        console.out(f"  {file}", highlight=False)
    if len(files) > MAX_FILES_NAMED:
        console.out(f"  … and {len(files) - MAX_FILES_NAMED} more files of predictions", highlight=False)
