"""Prepares a run: names everything, checks every item's data, and writes the map's work list, items.json."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import aws, layout, naming, requests
from pipeline.contracts import ExecutionContext, ItemRequest, PreparedRun, PrepareRunEvent
from pipeline.errors import ImageNotSetError, InvalidRequestError, RunConflictError, UserError
from pipeline.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.settings import PrepareRunSettings

Line = dict[str, Any]

# A child's state holds its line, results of its tasks and at most 32 KiB of an error's cause; 256 KiB is the end.
MAX_LINE_BYTES = 128 * 1024
# CreateTransformJob: requests at once times their size, in MB.
MAX_TRANSFORM_PAYLOAD = 100
# Key of items.json's metadata that tells whose it is.
EXECUTION_METADATA = "execution-arn"


def prepare_run(event: PrepareRunEvent, settings: PrepareRunSettings, s3: S3Client) -> PreparedRun:
    """Writes the run's items.json; called again for the same execution, it finds its own and answers the same.

    Raises:
        ImageNotSetError: the stack has no image to train with.
        InvalidRequestError: an item's settings are too large.
        RunConflictError: another execution wrote this run's items.json.
    """
    execution = event.execution
    if not settings.image_uri:
        raise ImageNotSetError(
            "this stack has no image to train with: push one to the stack's ImageRepositoryUri and deploy the"
            " stack with parameter ImageUri set to it"
        )
    started, run_id = started_and_run_id(execution)
    entries = event.request.item_list
    digits = naming.hash_digits_for([entry.item for entry in entries], started)
    make_line = partial(_line, settings=settings, s3=s3, run_id=run_id, started=started, digits=digits)
    with ThreadPoolExecutor(aws.PARALLEL_REQUESTS) as pool:
        lines = list(pool.map(make_line, range(len(entries)), entries))
    _check_lines(lines)
    key = layout.items_key(run_id)
    _write_items(s3, settings.output_bucket, key, lines, execution)
    return PreparedRun(
        run_id=run_id,
        execution_arn=execution.id,
        started_at=execution.start_time,
        items_key=key,
        item_count=len(lines),
        max_concurrency=event.request.max_concurrency or settings.max_concurrency,
        tolerated_failure_percentage=event.request.tolerated_failure_percentage,
    )


def started_and_run_id(execution: ExecutionContext) -> tuple[str, str]:
    """Timestamp of the execution's start, and the run's id."""
    started = naming.timestamp(datetime.fromisoformat(execution.start_time))
    return started, naming.run_id(started, execution.name)


def data_uri_of(entry: ItemRequest, data_bucket: str, file_name: str) -> str:
    """S3 URI of the item's data: the one asked for, else its file in the data bucket."""
    return entry.input or layout.S3Location(data_bucket, layout.data_key(entry.item, file_name)).uri


def _line(
    index: int,
    entry: ItemRequest,
    *,
    settings: PrepareRunSettings,
    s3: S3Client,
    run_id: str,
    started: str,
    digits: int,
) -> Line:
    """All that the item's child execution needs, as JSONPath cannot leave out a key or compute a name."""
    item = entry.item
    data_uri = data_uri_of(entry, settings.data_bucket, settings.dataset_file_name)
    model_name = naming.model_name(item, started, digits)
    sample_uri = layout.S3Location(settings.output_bucket, layout.sample_key(item, run_id)).uri
    training_job = requests.training_job_request(
        entry,
        settings,
        job_name=naming.training_job_name(item, started, digits),
        run_id=run_id,
        data_uri=data_uri,
    )
    line: Line = {
        "index": index,
        "item": item,
        "runId": run_id,
        "recordKey": layout.record_key(run_id, index),
        "trainingJob": training_job,
        "trainingTimeoutSeconds": requests.training_timeout_in_seconds(training_job),
        "model": {
            "name": model_name,
            "image": settings.image_uri,
            "modelDataUrl": layout.S3Location(
                settings.output_bucket,
                layout.model_artifact_key(item, training_job["TrainingJobName"]),
            ).uri,
            "environment": dict(entry.environment),
        },
        "transformJob": requests.transform_job_request(
            entry.transform,
            settings,
            job_name=naming.transform_job_name(item, started, digits),
            model_name=model_name,
            input_uri=entry.predict_input or sample_uri,
            item=item,
            run_id=run_id,
        ),
        "transformTimeoutSeconds": requests.transform_timeout_in_seconds(entry.transform, settings),
    }
    try:
        aws.check_input(s3, data_uri)
        if entry.predict_input:
            aws.check_input(s3, entry.predict_input)
    except UserError as error:
        # The item fails on its own, before it costs anything; the others run.
        line["problem"] = {"Error": type(error).__name__, "Cause": str(error)}
        logger.warning("item refused", extra={"run_id": run_id, "item": item, "problem": str(error)})
    return line


def _check_lines(lines: list[Line]) -> None:
    """What shows only once the stack's settings are filled in; refused before anything costs money."""
    problems = []
    for line in lines:
        place = f"itemList[{line['index']}]"
        size = len(json.dumps(line, ensure_ascii=False).encode())
        if size > MAX_LINE_BYTES:
            problems.append(
                f"{place}: the settings of item {line['item']!r} take {size:,} bytes; at most {MAX_LINE_BYTES:,} fit"
                " into a state of Step Functions"
            )
        job = line["transformJob"]
        if job["MaxConcurrentTransforms"] * job["MaxPayloadInMB"] > MAX_TRANSFORM_PAYLOAD:
            problems.append(
                f"{place}.transform: maxConcurrentTransforms {job['MaxConcurrentTransforms']} times maxPayloadInMB"
                f" {job['MaxPayloadInMB']} is more than SageMaker's {MAX_TRANSFORM_PAYLOAD} MB"
            )
    if problems:
        raise InvalidRequestError(problems)


def _write_items(s3: S3Client, bucket: str, key: str, lines: list[Line], execution: ExecutionContext) -> None:
    # Metadata is ASCII; an execution's name need not be.
    owner = execution.id.encode("ascii", "xmlcharrefreplace").decode()
    if aws.write_json(s3, bucket, key, lines, only_if_absent=True, metadata={EXECUTION_METADATA: owner}):
        return
    if aws.read_metadata(s3, bucket, key).get(EXECUTION_METADATA) != owner:
        raise RunConflictError(f"s3://{bucket}/{key} was written by another execution than {execution.id}")
