"""Uploads items, runs them in one execution, and copies their predictions to this machine."""

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
    NoAnswerError,
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

# More files are counted, not named.
MAX_FILES_NAMED = 5


def run_order(
    console: Console, connection: Connection, stack_name: str, order: Order, *, ends_here: bool = False
) -> Results:
    """Check and start a run, follow it to its end, show it, and copy its results.

    Args:
        console: where progress and results are printed.
        connection: AWS or the emulator.
        stack_name: the deployed stack.
        order: what to run.
        ends_here: whether the run ends with this command, as its emulator does.

    Returns:
        The copied results; their manifest has the verdict.

    Raises:
        CommandError: the run was refused.
        ServiceError: a call to AWS failed.
        CopyError: results could not be copied; the verdict is printed.
        RunBrokenError: the execution failed without a verdict.
        RunStoppedError: the execution was stopped or timed out.
        InterruptedRunError: the user pressed Ctrl-C while the run was going on.
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
    hints = () if ends_here else _how_to_look(connection, stack, execution)
    try:
        last = show_progress(console, follow(watch.look, time.sleep))
    except KeyboardInterrupt:
        if ends_here:
            raise InterruptedRunError("Interrupted: the run ends with its emulator.") from None
        raise InterruptedRunError("Interrupted.", *hints) from None
    except NoAnswerError as error:
        if not connection.on_this_machine:
            raise ServiceError(*error.lines, *hints) from error
        raise NoAnswerError(
            f"The emulator at {connection.endpoint_url} has ended, and the run with it."
        ) from error
    except ServiceError as error:
        raise ServiceError(*error.lines, *hints, code=error.code) from error
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
    """Upload the item's file to the stack's data bucket, and replace an earlier one.

    The bytes stay as they are; a file compressed with gzip or xz is decompressed, and a workbook becomes CSV.

    Returns:
        The object in the data bucket.

    Raises:
        CommandError: the file cannot be read.
        ServiceError: the upload failed.
    """
    place = S3Location(stack.data_bucket, data_key(file.item, stack.dataset_file_name))
    with open_table(file.path) as stream, service_errors(f"upload {file.path} to {place.uri}"):
        s3.upload_fileobj(stream, place.bucket, place.key, ExtraArgs={"ContentType": "text/csv"})
    return place


def exit_code_of(manifest: Manifest) -> ExitCode:
    """Return the exit code for the run's verdict."""
    return ExitCode.SUCCEEDED if manifest.verdict == "SUCCEEDED" else ExitCode.RUN_FAILED


def explain_end(last: Snapshot, execution: Execution, then: Sequence[str] = ()) -> CommandError:
    """Return the error to raise for an execution that ended without a manifest.

    Args:
        last: the execution's last snapshot.
        execution: the execution.
        then: lines with what to do next, unless the run was refused.
    """
    message = _message(last.cause)
    if last.status != "FAILED":
        summary = f"The execution ended with status {last.status}, without a verdict."
        return RunStoppedError(summary, *message, execution.arn, *then)
    kind = getattr(pipeline_errors, last.error, None)
    if isinstance(kind, type) and issubclass(kind, pipeline_errors.UserError | pipeline_errors.RunNotEndedError):
        return CommandError("The run was refused, nothing was started:", *(f"  {line}" for line in message))
    return RunBrokenError(
        f"The execution failed: {last.error or 'without an error name'}", *message, execution.arn, *then
    )


def _message(cause: str) -> list[str]:
    """Return the lines of an error's cause: of a Lambda function's error only its message."""
    try:
        details = json.loads(cause)
    except ValueError:
        return cause.splitlines()
    message = details.get("errorMessage") if isinstance(details, dict) else None
    return (message if isinstance(message, str) else cause).splitlines()


def _how_to_look(connection: Connection, stack: Stack, execution: Execution) -> tuple[str, ...]:
    endpoint = f" --endpoint-url {connection.endpoint_url}" if connection.endpoint_url else ""
    options = f"--region {connection.region}{endpoint}"
    return (
        "The run goes on. To see its progress:",
        f"  aws stepfunctions describe-execution --execution-arn {execution.arn} {options}",
        "To list its results, once it has ended:",
        f"  aws s3 ls s3://{stack.output_bucket}/runs/ {options}",
        "To stop it:",
        f"  aws stepfunctions stop-execution --execution-arn {execution.arn} {options}",
    )


def _how_to_complete(connection: Connection, stack: Stack, run_id: str | None) -> tuple[str, ...]:
    """Return lines with what to type after an execution that was stopped; none if it has no work list."""
    if run_id is None:
        return ()
    place = ["--stack", stack.name, "--region", connection.region]
    return (
        "To see the results of its items, and to stop the jobs that still run:",
        f"  {shlex.join([program(), 'manifest', run_id, *place])}",
        "To run the items that did not succeed:",
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
