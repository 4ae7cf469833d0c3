"""Finds the runs under way that work on the same items."""

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

# Each costs a call or more.
EXECUTIONS_LOOKED_AT = 50
PARALLEL_LOOKS = 8


def require_no_other_run(
    console: Console, sfn: SFNClient, s3: S3Client, stack: Stack, items: Sequence[str]
) -> None:
    """Makes sure that none of `items` is in a run that is under way, as far as this user may know it.

    Raises:
        CommandError: one is; names items and executions.
        ServiceError: Step Functions cannot be asked.
    """
    try:
        running = find_running(sfn, stack.state_machine_arn, EXECUTIONS_LOOKED_AT)
    except ServiceError as error:
        if error.code not in DENIED_CODES:
            raise
        console.out(f"not checked whether another run is under way: {error.lines[0]}", highlight=False)
        return
    looked_at = running[:EXECUTIONS_LOOKED_AT]
    with ThreadPoolExecutor(PARALLEL_LOOKS) as pool:
        found = list(pool.map(lambda execution: _items_of(sfn, s3, stack, execution), looked_at))
    both = []
    for execution, its_items in zip(looked_at, found, strict=True):
        if its_items is None:
            console.out(f"not known which items run in {execution.arn}", highlight=False)
        elif shared := [item for item in items if item in its_items]:
            both.append(f"  {names_for_a_line(shared)} in {execution.arn}")
    if len(running) > len(looked_at):
        console.out(
            f"more than {EXECUTIONS_LOOKED_AT} executions are under way; only the newest were looked at",
            highlight=False,
        )
    if both:
        raise CommandError(
            "Another run of these items is under way:",
            *both,
            "New data would replace what it reads, and its items could fail. Wait until it has ended, stop it, or add"
            " --anyway.",
        )


def _items_of(sfn: SFNClient, s3: S3Client, stack: Stack, execution: Execution) -> frozenset[str] | None:
    """The items of an execution that is under way; None if they cannot be told."""
    try:
        listed = json.loads(read_input(sfn, execution.arn))["itemList"]
        return frozenset(entry if isinstance(entry, str) else entry["item"] for entry in listed)
    except (KeyError, TypeError, ValueError):
        # Its items are named elsewhere; its work list has them, once it is prepared.
        pass
    except ServiceError:
        return None
    try:
        run_id = Watch(sfn, s3, stack.output_bucket, execution).find_run_id()
        found = run_files.read_lines(s3, stack.output_bucket, run_id) if run_id else None
    except (PipelineError, ServiceError):
        return None
    return None if found is None else frozenset(line.item for line in found)
