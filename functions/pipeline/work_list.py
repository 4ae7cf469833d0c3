"""A run's work list, items.json: the type of its lines, and functions that write and read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools.utilities.parser import Field, ValidationError, parse

from pipeline import layout
from pipeline.documents import (
    Caught,
    CreatedModel,
    Document,
    InputVersion,
    Job,
    TrainingJob,
    Unchanged,
    as_bytes,
    first_problem,
)
from pipeline.fields import Mode


class LineModel(Document):
    """The contents of an item's SageMaker model: image URI, S3 URI of the artifact, and the item's own variables."""

    image: str
    model_data_url: str
    environment: dict[str, str] = Field(default={})


class Line(Document):
    """An item's line of items.json: the input of its child execution, whose JSONPath cannot compute names.

    Attributes:
        index: the item's number in the run, from 0.
        item: its name.
        run_id: the run.
        record_key: key of its record, in the output bucket.
        mode: the run's mode.
        request: the entry of itemList, from which a rerun makes a new line.
        fingerprint: the fingerprint of its result (`pipeline.preparation.fingerprints`).
        training_fingerprint: the fingerprint of its model.
        trained_in: the run whose training writes, or has written, its files; None in mode score.
        training_job_name: the training job that makes its model, or has made it in an earlier run.
        model_name: its SageMaker model.
        transform_job_name: its batch transform job.
        predictions_uri: S3 URI of its predictions once it has succeeded: a file, or a folder ending in `/`.
        training_job: the body of CreateTrainingJob; None if this run does not train the item.
        training_timeout_seconds: how long the state machine waits for the training job.
        training_input: the data that the training job must read.
        model: the contents of its model.
        transform_job: the body of CreateTransformJob; None for refused and unchanged items.
        transform_timeout_seconds: how long the state machine waits for the transform job.
        scored_input: the data that the transform job must read, unless training writes it.
        start_after_seconds: how long the item waits before its first job (`pipeline.preparation.work_list_lines`).
        training: the training job once it has ended; set from the start if an earlier run has trained the item.
        created: the response of aws_create_model, once there is one.
        transform: the batch transform job once it has ended.
        unchanged: the earlier success, if the item is unchanged since.
        error: why the item fails; set from the start if PrepareRun refuses it.
    """

    index: int
    item: str
    run_id: str | None = None
    record_key: str | None = None
    mode: Mode | None = None
    request: dict[str, Any] | None = None
    fingerprint: str | None = None
    training_fingerprint: str | None = None
    trained_in: str | None = None
    training_job_name: str | None = None
    model_name: str | None = None
    transform_job_name: str | None = None
    predictions_uri: str | None = None
    training_job: dict[str, Any] | None = None
    training_timeout_seconds: int | None = None
    training_input: InputVersion | None = None
    model: LineModel | None = None
    transform_job: dict[str, Any] | None = None
    transform_timeout_seconds: int | None = None
    scored_input: InputVersion | None = None
    start_after_seconds: int | None = None
    # The child's state has these keys from the start, null at first, because JSONPath fails on an absent key.
    training: TrainingJob | None = None
    created: CreatedModel | None = None
    transform: Job | None = None
    unchanged: Unchanged | None = None
    error: Caught | None = None


def work_list_bytes(lines: Iterable[Line]) -> bytes:
    """Return a run's items.json: a JSON array with each item's line on its own line of text."""
    return b"[" + b",\n".join(map(as_bytes, lines)) + b"]"


def read_work_list(body: bytes) -> list[Line]:
    """Return the lines of a run's items.json.

    To save memory, the function parses one line of text at a time (earlier versions wrote a single line), and replaces
    the requests to SageMaker, the largest part of a line, with empty objects.

    Raises:
        ValueError: the content is something else; the message names the place and the problem.
    """
    if not (body.startswith(b"[") and body.endswith(b"]")):
        raise ValueError("it is not a JSON array")
    lines: list[Line] = []
    for text in body.split(b"\n"):
        for value in json.loads(b"[" + text.strip(b"[], ") + b"]"):
            try:
                lines.append(parse(event=_without_requests(_upgrade_line(value)), model=Line))
            except ValidationError as error:
                raise ValueError(f"item {len(lines)}: {first_problem(error)}") from error
    return lines


def _upgrade_line(line: Any) -> Any:
    """Return the line in today's form; earlier versions kept names in the jobs' requests, and an error as `problem`."""
    if not isinstance(line, dict) or "error" in line:
        return line
    try:
        return line | {"error": line.get("problem")} | _names_in_requests(line)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError("the jobs of a line are not as an earlier version wrote them") from error


def _without_requests(line: Any) -> Any:
    if not isinstance(line, dict):
        return line
    return line | {key: {} for key in ("trainingJob", "transformJob") if isinstance(line.get(key), dict)}


def _names_in_requests(line: dict[str, Any]) -> dict[str, Any]:
    """Return the names and the URI in the requests of a line that an earlier version wrote."""
    names = {}
    if job := line.get("trainingJob"):
        names["trainingJobName"] = job["TrainingJobName"]
    elif training := line.get("training"):
        names["trainingJobName"] = training["name"]
    if model := line.get("model"):
        names["modelName"] = model["name"]
    if transform := line.get("transformJob"):
        names["transformJobName"] = transform["TransformJobName"]
        source = transform["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        folder = transform["TransformOutput"]["S3OutputPath"]
        names["predictionsUri"] = layout.predictions_uri(folder, source)
    return names
