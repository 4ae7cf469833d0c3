"""Writes the manifest of a run whose execution ended without one, and removes what the run left in SageMaker."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from automlops.aws.connection import service_errors
from automlops.aws.stack import Stack, find_stack
from automlops.aws.stored_runs import list_runs, parse_manifest
from automlops.errors import CommandError, CopyError, ServiceError
from automlops.runs.report import print_table
from automlops.runs.results import fetch_results
from automlops.wording import program
from pipeline.aws import s3_objects
from pipeline.aws.executions import RUNNING_STATUSES
from pipeline.errors import DataNotReadableError, PipelineError, RunNotFoundError
from pipeline.layout import S3Location, manifest_key
from pipeline.stored import run_files
from pipeline.summary.clean_up import Removed, clean_up
from pipeline.summary.write_manifest import Summary, write_manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient
    from rich.console import Console

    from automlops.aws.connection import Connection
    from pipeline.documents import PreparedRun
    from pipeline.manifest import Manifest

RUNS_SHOWN = 5


def close_run(
    console: Console,
    connection: Connection,
    stack_name: str,
    run_id: str,
    *,
    force: bool = False,
    out: Path | None = None,
) -> Manifest:
    """Show the run's manifest; if it has none, first write it and clean up, as SummarizeRun would have.

    Args:
        console: where the table is printed.
        connection: AWS or the emulator.
        stack_name: the deployed stack.
        run_id: the run.
        force: replace an existing manifest.
        out: directory for the results; None copies none.

    Raises:
        CommandError: there is no such run, it is still under way, or its documents cannot be read.
        ServiceError: a call to AWS failed.
        CopyError: results could not be copied; the manifest is written.
    """
    stack = find_stack(connection, stack_name)
    s3: S3Client = connection.client("s3")
    place = S3Location(stack.output_bucket, manifest_key(run_id))
    with _pipeline_errors(s3, stack):
        content = s3_objects.read_bytes(s3, place.bucket, place.key)
        if content is None or force:
            run = run_files.read_prepared_run(s3, stack.output_bucket, run_id)
            ended = _end_of(connection, run)
            summary = write_manifest(run, stack.output_bucket, s3, None, ended)
            manifest = summary.manifest
            print_table(console, manifest)
            console.out(f"written to {place.uri}", highlight=False)
            _clean_up(console, connection, stack, summary)
        else:
            manifest = parse_manifest(content)
            print_table(console, manifest)
            console.out(f"read from {place.uri}; --force writes it again", highlight=False)
    if out is not None:
        _copy(console, s3, stack, run_id, out)
    return manifest


def _end_of(connection: Connection, run: PreparedRun) -> datetime:
    """Return when the run's execution ended; now, if Step Functions no longer knows it."""
    sfn: SFNClient = connection.client("stepfunctions")
    try:
        with service_errors(f"read whether run {run.run_id} has ended"):
            description = sfn.describe_execution(executionArn=run.execution_arn)
    except ServiceError as error:
        if error.code != "ExecutionDoesNotExist":
            raise
        return datetime.now(UTC)
    if description["status"] in RUNNING_STATUSES:
        endpoint = ["--endpoint-url", connection.endpoint_url] if connection.endpoint_url else []
        words = ["aws", "stepfunctions", "stop-execution", "--execution-arn", run.execution_arn]
        raise CommandError(
            f"Run {run.run_id} is still under way; it writes its manifest itself when it ends.",
            "To stop it, and then to write the manifest:",
            f"  {shlex.join([*words, '--region', connection.region, *endpoint])}",
            f"  {shlex.join([program(), 'manifest', run.run_id])} …",
        )
    return description.get("stopDate") or datetime.now(UTC)


def _clean_up(console: Console, connection: Connection, stack: Stack, summary: Summary) -> None:
    """Remove from SageMaker what SummarizeRun would have, and print what it was."""
    sagemaker: SageMakerClient = connection.client("sagemaker")
    counts = summary.manifest.counts
    removed = clean_up(
        sagemaker,
        summary.manifest.run_id,
        summary.lines,
        models=stack.parameters.get("KeepModels") != "true",
        jobs=counts.succeeded < counts.total,
    )
    for line in _removed_lines(removed):
        console.out(line, highlight=False)


def _removed_lines(removed: Removed) -> Iterator[str]:
    for words, names in (
        ("stopped training job", removed.training_jobs),
        ("stopped transform job", removed.transform_jobs),
        ("deleted model", removed.models),
    ):
        yield from (f"{words} {name}" for name in names)
    yield from (f"not removed: {problem}" for problem in removed.problems)


def _copy(console: Console, s3: S3Client, stack: Stack, run_id: str, out: Path) -> None:
    results = fetch_results(s3, stack.output_bucket, run_id, out, lambda _: None)
    if results is None:
        return
    console.out(f"copied to {results.folder}/", highlight=False)
    if results.problems:
        raise CopyError("Not all predictions could be copied:", *results.problems)


@contextmanager
def _pipeline_errors(s3: S3Client, stack: Stack) -> Iterator[None]:
    """Translate the pipeline's errors in the block into the command's."""
    try:
        yield
    except RunNotFoundError as error:
        raise CommandError(f"{error}.", *_latest_runs(s3, stack.output_bucket)) from error
    except DataNotReadableError as error:
        raise CommandError(f"{error}.") from error
    except PipelineError as error:
        raise ServiceError(f"{error}.") from error


def _latest_runs(s3: S3Client, bucket: str) -> list[str]:
    """Return lines with the latest runs."""
    runs = list_runs(s3, bucket)
    if not runs:
        return ["There are no runs yet."]
    return ["The latest runs:", *(f"  {run}" for run in runs[-RUNS_SHOWN:])]
