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

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.settings import PrepareRunSettings

Line = dict[str, Any]

# A child's state holds its line, results of its tasks and at most 32 KiB of an error's cause; 256 KiB is the end.
MAX_LINE_BYTES = 128 * 1024
# Key of items.json's metadata that tells whose it is.
EXECUTION_METADATA = "execution-arn"


def prepare_run(event: PrepareRunEvent, settings: PrepareRunSettings, s3: S3Client) -> PreparedRun:
    """Writes the run's items.json; called again for the same execution, it finds its own and answers the same.

    Raises:
        ImageNotSetError: the stack has no image to train with.
        InvalidRequestError: an item's settings are too large.
        RunConflictError: another execution wrote this run's items.json.
    """
    if not settings.image_uri:
        raise ImageNotSetError(
            "this stack has no image to train with: push one to the stack's ImageRepositoryUri and deploy the"
            " stack with parameter ImageUri set to it"
        )
    execution = event.execution
    started = naming.timestamp(datetime.fromisoformat(execution.start_time))
    run_id = naming.run_id(started, execution.name)
    entries = event.request.item_list
    digits = naming.hash_digits_for([entry.item for entry in entries], started)
    make_line = partial(_line, settings=settings, s3=s3, run_id=run_id, started=started, digits=digits)
    with ThreadPoolExecutor(aws.PARALLEL_REQUESTS) as pool:
        lines = list(pool.map(make_line, range(len(entries)), entries))
    _check_sizes(lines)
    key = layout.items_key(run_id)
    _write_items(s3, settings.output_bucket, key, lines, execution)
    return PreparedRun.model_validate(
        {
            "runId": run_id,
            "executionArn": execution.id,
            "startedAt": execution.start_time,
            "itemsKey": key,
            "itemCount": len(lines),
            "maxConcurrency": event.request.max_concurrency or settings.max_concurrency,
            "toleratedFailurePercentage": event.request.tolerated_failure_percentage,
        }
    )


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
    return line


def _check_sizes(lines: list[Line]) -> None:
    sizes = [len(json.dumps(line, ensure_ascii=False).encode()) for line in lines]
    problems = [
        f"itemList[{line['index']}]: the settings of item {line['item']!r} take {size:,} bytes; at most"
        f" {MAX_LINE_BYTES:,} fit into a state of Step Functions"
        for line, size in zip(lines, sizes, strict=True)
        if size > MAX_LINE_BYTES
    ]
    if problems:
        raise InvalidRequestError(problems)


def _write_items(s3: S3Client, bucket: str, key: str, lines: list[Line], execution: ExecutionContext) -> None:
    # Metadata is ASCII; an execution's name need not be.
    owner = execution.id.encode("ascii", "xmlcharrefreplace").decode()
    if aws.write_json(s3, bucket, key, lines, only_if_absent=True, metadata={EXECUTION_METADATA: owner}):
        return
    if aws.read_metadata(s3, bucket, key).get(EXECUTION_METADATA) != owner:
        raise RunConflictError(f"s3://{bucket}/{key} was written by another execution than {execution.id}")
