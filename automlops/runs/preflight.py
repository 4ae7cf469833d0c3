"""Checks before anything is uploaded whether a run is possible and sensible.

What only the run itself can check, such as data that is already in S3, PrepareRun checks before anything costs money.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from automlops.errors import CommandError
from automlops.quotas.job_quotas import needs_of, read_in_background, require_quotas
from automlops.runs.execution import require_free_name
from automlops.runs.other_runs import require_no_other_run
from pipeline import naming
from pipeline.contracts import RunRequest, parse_event
from pipeline.documents import Latest, as_bytes
from pipeline.errors import (
    DataNotFoundError,
    DataTooLargeError,
    InvalidRequestError,
    PipelineError,
    SettingsError,
)
from pipeline.limits import Limits
from pipeline.preparation import item_sources, work_list_lines
from pipeline.preparation.prepare_run import problems_of
from pipeline.settings import PrepareRunSettings, load_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient
    from rich.console import Console

    from automlops.aws.connection import Connection
    from automlops.aws.stack import Stack
    from automlops.runs.request import Order
    from pipeline.preparation.item_sources import Entry
    from pipeline.work_list import Line


def check_run(console: Console, connection: Connection, stack: Stack, order: Order) -> None:
    """Raise an error if the run cannot start, as far as that can be known before it does.

    Args:
        console: where it is printed what could not be checked.
        connection: AWS or the emulator.
        stack: the stack to run on.
        order: what to run; `anyway` skips the checks for other runs of the items and for quotas.

    Raises:
        CommandError: the run would be refused, its name is taken, another run of an item is under way, or an item's
            jobs could never start.
        ServiceError: a call to AWS failed.
    """
    s3: S3Client = connection.client("s3")
    sfn: SFNClient = connection.client("stepfunctions")
    request = parse_event(RunRequest, order.request)
    _require_image(stack, request)
    # None if the stack is of a version without limits.
    allowed = Limits.from_parameters(
        stack.parameters, data_bucket=stack.data_bucket, output_bucket=stack.output_bucket
    )
    if allowed and (problems := allowed.source_problems(request)):
        raise _refused(problems)
    entries = _read_entries(console, s3, stack, request)
    problems = _limit_problems(request, entries, allowed) if allowed else []
    problems += _size_problems(request, entries, stack, connection.region, order.name)
    if problems:
        raise _refused(problems)
    require_free_name(sfn, stack.state_machine_arn, order.name)
    if order.anyway or not entries:
        return
    items = [entry.request for entry in entries]
    needs = needs_of(items, request.mode or "train", stack.parameters)
    quotas = read_in_background(connection, needs)
    require_no_other_run(console, sfn, s3, stack, [item.item for item in items])
    at_once = request.max_concurrency or int(stack.parameters.get("MaxConcurrency", 1))
    require_quotas(console, quotas, needs, at_once, connection.region)


def _refused(problems: Iterable[str]) -> CommandError:
    return CommandError("The run was refused, nothing was started:", *(f"  {problem}" for problem in problems))


def _require_image(stack: Stack, request: RunRequest) -> None:
    # A rerun has the mode of its earlier run, which is not known here.
    trains = request.rerun_of is None and request.mode != "score"
    if trains and stack.parameters.get("ImageUri") == "":
        raise CommandError(
            f"The stack {stack.name!r} has no image to train with.",
            "Push one to its ImageRepositoryUri and deploy it with parameter ImageUri set to it.",
        )


def _read_entries(console: Console, s3: S3Client, stack: Stack, request: RunRequest) -> list[Entry]:
    """Return the items of the request; an empty list if only PrepareRun can find them."""
    if request.rerun_of is not None:
        return []
    try:
        return item_sources.read_entries(request, s3, stack.data_bucket)
    except InvalidRequestError as error:
        raise _refused(error.problems) from error
    except (DataNotFoundError, DataTooLargeError) as error:
        raise _refused([str(error)]) from error
    except PipelineError as error:
        # PrepareRun's role may read what this user may not.
        console.out(f"items not checked, their list could not be read: {error}", highlight=False)
        return []


def _limit_problems(request: RunRequest, entries: Sequence[Entry], allowed: Limits) -> list[str]:
    """Return what the request asks for beyond the stack's limits."""
    # The stack's own MaxConcurrency is within its limits.
    problems = allowed.concurrency_problems(request.max_concurrency or 1)
    for place, entry in entries:
        problems += allowed.entry_problems(entry, place)
    return problems


def _size_problems(
    request: RunRequest, entries: Sequence[Entry], stack: Stack, region: str, name: str
) -> list[str]:
    """Return what is too large in a valid request, in PrepareRun's own sentences."""
    # With other sources nothing is uploaded in vain, and their lists may be long.
    if request.item_list is None:
        return []
    try:
        settings = load_settings(PrepareRunSettings, _environment(stack, region))
    except SettingsError:
        # The stack is of another version: its own PrepareRun checks the sizes.
        return []
    started = naming.timestamp(datetime.now(UTC))
    run = work_list_lines.Run(
        settings=settings,
        run_id=naming.run_id(started, name),
        started=started,
        digits=naming.HASH_DIGITS,
        mode=request.mode or "train",
    )
    problems = []
    for index, entry in enumerate(entries):
        line = _least_line(run, index, entry)
        problems += problems_of(entry, line, len(as_bytes(line)))
    return problems


def _environment(stack: Stack, region: str) -> dict[str, str]:
    """Return PrepareRun's environment variables, as far as the stack's parameters and outputs give them."""
    parameters = {name.lower(): value for name, value in stack.parameters.items()}
    by_field = {name: name.replace("_", "") for name in PrepareRunSettings.model_fields}
    variables = {name.upper(): parameters[key] for name, key in by_field.items() if key in parameters}
    return variables | {
        "STACK_NAME": stack.name,
        "AWS_REGION": region,
        "DATA_BUCKET": stack.data_bucket,
        "OUTPUT_BUCKET": stack.output_bucket,
        "DATASET_FILE_NAME": stack.dataset_file_name,
        # PrepareRun checks these itself.
        "CHECK_DATA_BUCKET": "false",
        "CHECK_SAGEMAKER_ROLE": "false",
        # Only the length of the role's ARN counts here, and another ARN is about as long.
        "SAGEMAKER_ROLE_ARN": stack.state_machine_arn,
    }


def _least_line(run: work_list_lines.Run, index: int, entry: Entry) -> Line:
    """Return the line that PrepareRun would write for the item, without what is read from S3."""
    if run.mode == "train":
        return work_list_lines.train_line(run, index, entry.request, work_list_lines.Provenance(""))
    unknown = Latest(run_id="", model_name="", model_data_url="", image="")
    scored = entry.request.predict_input or f"s3://{run.settings.data_bucket}/{run.settings.dataset_file_name}"
    return work_list_lines.score_line(run, index, entry.request, work_list_lines.Provenance(""), unknown, scored)
