"""Refuses a run while another run of its items is under way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from automlops.aws.connection import DENIED_CODES
from automlops.errors import CommandError, ServiceError
from automlops.runs.execution import Execution, Watch, find_running, read_input
from automlops.wording import names_for_a_line
from pipeline.errors import PipelineError
from pipeline.stored import run_files

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient
    from rich.console import Console

    from automlops.aws.stack import Stack

# Each execution costs at least one call.
MAX_EXECUTIONS = 50
PARALLEL_EXECUTIONS = 8


def require_no_other_run(
    console: Console, sfn: SFNClient, s3: S3Client, stack: Stack, items: Sequence[str]
) -> None:
    """Raise an error if one of `items` is in a run under way, as far as this user may read it.

    Raises:
        CommandError: one is; the message names items and executions.
        ServiceError: a call to Step Functions failed.
    """
    try:
        running = find_running(sfn, stack.state_machine_arn, MAX_EXECUTIONS)
    except ServiceError as error:
        if error.code not in DENIED_CODES:
            raise
        console.out(f"not checked whether another run is under way: {error.lines[0]}", highlight=False)
        return
    checked = running[:MAX_EXECUTIONS]
    with ThreadPoolExecutor(PARALLEL_EXECUTIONS) as pool:
        found = list(pool.map(lambda execution: _items_of(sfn, s3, stack, execution), checked))
    overlaps = []
    for execution, its_items in zip(checked, found, strict=True):
        if its_items is None:
            console.out(f"not known which items run in {execution.arn}", highlight=False)
        elif shared := [item for item in items if item in its_items]:
            overlaps.append(f"  {names_for_a_line(shared)} in {execution.arn}")
    if len(running) > len(checked):
        console.out(
            f"more than {MAX_EXECUTIONS} executions are under way; only the newest were looked at",
            highlight=False,
        )
    if overlaps:
        raise CommandError(
            "Another run of these items is under way:",
            *overlaps,
            "New data would replace the data that it reads, and its items could fail. Wait until it has ended, stop it,"
            " or add --anyway.",
        )


def _items_of(sfn: SFNClient, s3: S3Client, stack: Stack, execution: Execution) -> frozenset[str] | None:
    """Return the items of an execution under way; None if they cannot be read."""
    try:
        listed = json.loads(read_input(sfn, execution.arn))["itemList"]
        return frozenset(entry if isinstance(entry, str) else entry["item"] for entry in listed)
    except (KeyError, TypeError, ValueError):
        # The input has no itemList. The run's work list has the items, once PrepareRun has written it.
        pass
    except ServiceError:
        return None
    try:
        run_id = Watch(sfn, s3, stack.output_bucket, execution).find_run_id()
        found = run_files.read_lines(s3, stack.output_bucket, run_id) if run_id else None
    except (PipelineError, ServiceError):
        return None
    return None if found is None else frozenset(line.item for line in found)
