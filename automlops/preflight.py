"""Finds what makes a run impossible, or unwise, before anything of it is uploaded.

What only the run itself can find out, such as the data of items that is not uploaded with it, PrepareRun checks before
anything costs money.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from automlops.errors import CommandError
from automlops.execution import require_free_name
from automlops.job_quotas import needs_of, read_in_background, require_quotas
from automlops.other_runs import require_no_other_run
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

    from automlops.connection import Connection
    from automlops.run import Order
    from automlops.stack import Stack
    from pipeline.preparation.item_sources import Entry
    from pipeline.work_list import Line


def check_run(console: Console, connection: Connection, stack: Stack, order: Order) -> None:
    """Makes sure that the run can begin, as far as that can be known before it does.

    Args:
        console: where it is said what could not be checked.
        connection: AWS or the emulator.
        stack: where it is to run.
        order: what is to be run; `anyway` leaves out what makes a run unwise: another run of an item, a quota of 0.

    Raises:
        CommandError: the run would be refused, its name is taken, another run of an item is under way, or an item's
            jobs could never start.
        ServiceError: AWS cannot be asked, or not about the name.
    """
    s3: S3Client = connection.client("s3")
    sfn: SFNClient = connection.client("stepfunctions")
    request = parse_event(RunRequest, order.request)
    _require_image(stack, request)
    # None, if the stack is of a version without limits.
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
    # A rerun has the mode of its run, which is not known here.
    trains = request.rerun_of is None and request.mode != "score"
    if trains and stack.parameters.get("ImageUri") == "":
        raise CommandError(
            f"The stack {stack.name!r} has no image to train with.",
            "Push one to its ImageRepositoryUri and deploy it with parameter ImageUri set to it.",
        )


def _read_entries(console: Console, s3: S3Client, stack: Stack, request: RunRequest) -> list[Entry]:
    """The items of the request; none where only PrepareRun can tell them."""
    if request.rerun_of is not None:
        return []
    try:
        return item_sources.read_entries(request, s3, stack.data_bucket)
    except InvalidRequestError as error:
        raise _refused(error.problems) from error
    except (DataNotFoundError, DataTooLargeError) as error:
        raise _refused([str(error)]) from error
    except PipelineError as error:
        # The stack's roles may read what this user may not.
        console.out(f"not known here which items run: {error}", highlight=False)
        return []


def _limit_problems(request: RunRequest, entries: Sequence[Entry], allowed: Limits) -> list[str]:
    """What the stack does not let a request ask for."""
    # The stack's own MaxConcurrency is within its limits.
    problems = allowed.concurrency_problems(request.max_concurrency or 1)
    for place, entry in entries:
        problems += allowed.entry_problems(entry, place)
    return problems


def _size_problems(
    request: RunRequest, entries: Sequence[Entry], stack: Stack, region: str, name: str
) -> list[str]:
    """What is too large in a request that keeps its contract, in PrepareRun's own sentences."""
    # Of other sources nothing is uploaded, and lists may be long.
    if request.item_list is None:
        return []
    try:
        settings = load_settings(PrepareRunSettings, _environment(stack, region))
    except SettingsError:
        # The stack is of another version; its PrepareRun knows better.
        return []
    started = naming.timestamp(datetime.now(UTC))
    run = work_list_lines.Run(
        settings=settings,
        run_id=naming.run_id(started, name),
        started=started,
        digits=naming.HASH_DIGITS,
        mode=request.mode or "train",
    )
    found = []
    for index, entry in enumerate(entries):
        line = _least_line(run, index, entry)
        found += problems_of(entry, line, len(as_bytes(line)))
    return found


def _environment(stack: Stack, region: str) -> dict[str, str]:
    """PrepareRun's variables: the stack's parameters under other names, and what else the stack tells."""
    parameters = {name.lower(): value for name, value in stack.parameters.items()}
    by_field = {name: name.replace("_", "") for name in PrepareRunSettings.model_fields}
    variables = {name.upper(): parameters[key] for name, key in by_field.items() if key in parameters}
    return variables | {
        "STACK_NAME": stack.name,
        "AWS_REGION": region,
        "DATA_BUCKET": stack.data_bucket,
        "OUTPUT_BUCKET": stack.output_bucket,
        "DATASET_FILE_NAME": stack.dataset_file_name,
        # PrepareRun looks at these itself.
        "CHECK_DATA_BUCKET": "false",
        "CHECK_SAGEMAKER_ROLE": "false",
        # Of the role's name only the length counts here, and that not much.
        "SAGEMAKER_ROLE_ARN": stack.state_machine_arn,
    }


def _least_line(run: work_list_lines.Run, index: int, entry: Entry) -> Line:
    """The line that PrepareRun would write for the item, without what only S3 tells."""
    if run.mode == "train":
        return work_list_lines.train_line(run, index, entry.request, work_list_lines.Provenance(""))
    unknown = Latest(run_id="", model_name="", model_data_url="", image="")
    scored = entry.request.predict_input or f"s3://{run.settings.data_bucket}/{run.settings.dataset_file_name}"
    return work_list_lines.score_line(run, index, entry.request, work_list_lines.Provenance(""), unknown, scored)
