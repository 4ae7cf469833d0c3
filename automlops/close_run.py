"""Makes the manifest of a run whose execution ended without one, and clears up after it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from automlops.connection import service_errors
from automlops.errors import CommandError, CopyError, ServiceError
from automlops.items import program
from automlops.manifest import parse_manifest
from automlops.report import print_table
from automlops.results import fetch_results
from automlops.stack import Stack, find_stack
from pipeline.aws import s3_objects
from pipeline.aws.executions import RUNNING_STATUSES
from pipeline.errors import DataNotReadableError, PipelineError, RunNotFoundError
from pipeline.layout import RUNS_PREFIX, S3Location, manifest_key
from pipeline.stored import run_files
from pipeline.summary.clean_up import Removed, clean_up
from pipeline.summary.write_manifest import Summary, write_manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient
    from rich.console import Console

    from automlops.connection import Connection
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
    """Shows the run's manifest; if it has none, makes it first as SummarizeRun would have, and clears up.

    Args:
        console: where all is shown.
        connection: AWS or the emulator.
        stack_name: the deployed stack.
        run_id: the run.
        force: make the manifest anew if there is one.
        out: where results are copied to; None copies nothing.

    Raises:
        CommandError: there is no such run, it is still under way, or nothing can be told of it.
        ServiceError: AWS cannot be asked or says no.
        CopyError: results cannot be copied; the manifest is written.
    """
    stack = find_stack(connection, stack_name)
    s3: S3Client = connection.client("s3")
    place = S3Location(stack.output_bucket, manifest_key(run_id))
    with _told(s3, stack):
        content = s3_objects.read_bytes(s3, place.bucket, place.key)
        if content is None or force:
            run = run_files.read_prepared_run(s3, stack.output_bucket, run_id)
            ended = _end_of(connection, run)
            made = write_manifest(run, stack.output_bucket, s3, None, ended)
            manifest = made.manifest
            print_table(console, manifest)
            console.out(f"written to {place.uri}", highlight=False)
            _clear_up(console, connection, stack, made)
        else:
            manifest = parse_manifest(content)
            print_table(console, manifest)
            console.out(f"as it stands in {place.uri}; --force makes it anew", highlight=False)
    if out is not None:
        _copy(console, s3, stack, run_id, out)
    return manifest


def _end_of(connection: Connection, run: PreparedRun) -> datetime:
    """When the run's execution ended; now, if Step Functions has forgotten it."""
    sfn: SFNClient = connection.client("stepfunctions")
    try:
        with service_errors(f"ask whether run {run.run_id} has ended"):
            told = sfn.describe_execution(executionArn=run.execution_arn)
    except ServiceError as error:
        if error.code != "ExecutionDoesNotExist":
            raise
        return datetime.now(UTC)
    if told["status"] in RUNNING_STATUSES:
        endpoint = ["--endpoint-url", connection.endpoint_url] if connection.endpoint_url else []
        words = ["aws", "stepfunctions", "stop-execution", "--execution-arn", run.execution_arn]
        raise CommandError(
            f"Run {run.run_id} is still under way; it writes its manifest itself when it ends.",
            "To stop it, and then to make the manifest:",
            f"  {shlex.join([*words, '--region', connection.region, *endpoint])}",
            f"  {shlex.join([program(), 'manifest', run.run_id])} …",
        )
    return told.get("stopDate") or datetime.now(UTC)


def _clear_up(console: Console, connection: Connection, stack: Stack, made: Summary) -> None:
    """Removes what SummarizeRun would have, and says what it was."""
    sagemaker: SageMakerClient = connection.client("sagemaker")
    counts = made.manifest.counts
    left = clean_up(
        sagemaker,
        made.manifest.run_id,
        made.lines,
        models=stack.parameters.get("KeepModels") != "true",
        jobs=counts.succeeded < counts.total,
    )
    for line in _leftover_lines(left):
        console.out(line, highlight=False)


def _leftover_lines(left: Removed) -> Iterator[str]:
    for words, names in (
        ("stopped training job", left.training_jobs),
        ("stopped transform job", left.transform_jobs),
        ("deleted model", left.models),
    ):
        yield from (f"{words} {name}" for name in names)
    yield from (f"not cleared up: {problem}" for problem in left.problems)


def _copy(console: Console, s3: S3Client, stack: Stack, run_id: str, out: Path) -> None:
    results = fetch_results(s3, stack.output_bucket, run_id, out, lambda _: None)
    if results is None:
        return
    console.out(f"copied to {results.folder}/", highlight=False)
    if results.problems:
        raise CopyError("Not all predictions could be copied:", *results.problems)


@contextmanager
def _told(s3: S3Client, stack: Stack) -> Iterator[None]:
    """Turns the application's errors into the command's."""
    try:
        yield
    except RunNotFoundError as error:
        raise CommandError(f"{error}.", *_latest_runs(s3, stack.output_bucket)) from error
    except DataNotReadableError as error:
        raise CommandError(f"{error}.") from error
    except PipelineError as error:
        raise ServiceError(f"{error}.") from error


def _latest_runs(s3: S3Client, bucket: str) -> list[str]:
    """The latest runs, in sentences."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{RUNS_PREFIX}/", Delimiter="/")
    with service_errors(f"list the runs in {bucket}"):
        folders = [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", [])]
    runs = [folder.removeprefix(f"{RUNS_PREFIX}/").removesuffix("/") for folder in folders]
    if not runs:
        return ["There are no runs yet."]
    return ["The latest runs:", *(f"  {run}" for run in sorted(runs)[-RUNS_SHOWN:])]
