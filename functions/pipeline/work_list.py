"""A run's work list, items.json: the type of its lines, and how they are written and read."""

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
    """What an item's SageMaker model is made of: image URI, S3 URI of the artifact, and the item's own variables."""

    image: str
    model_data_url: str
    environment: dict[str, str] = Field(default={})


class Line(Document):
    """An item's line of items.json, the input of its child execution, which cannot compute a name.

    Attributes:
        index: the item's number in the run, from 0.
        item: its name.
        run_id: the run.
        record_key: where its record goes, in the output bucket.
        mode: whether the run trains.
        request: the entry of itemList; a rerun makes the line anew of it.
        fingerprint: what its result is made of (`pipeline.preparation.fingerprints`).
        training_fingerprint: what its model is made of.
        trained_in: the run in whose folder its training writes, or has written; None where nothing is trained.
        training_job_name: the training job that makes its model, or has made it in an earlier run.
        model_name: its SageMaker model.
        transform_job_name: its batch transform job.
        predictions_uri: where its predictions are, once it has succeeded: a file, or a folder ending in `/`.
        training_job: the body of CreateTrainingJob; None where nothing is trained in this run.
        training_timeout_seconds: how long the state machine waits for it.
        training_input: what it is to read.
        model: what its model is made of.
        transform_job: the body of CreateTransformJob; None for items that are refused or left as they are.
        transform_timeout_seconds: how long the state machine waits for it.
        scored_input: what it is to read, where that is not what training writes.
        start_after_seconds: how long it waits for its turn (`pipeline.preparation.work_list_lines`).
        training: the training job once it has ended; from the start where an earlier run has done it.
        created: aws_create_model's answer, once there is one.
        transform: the batch transform job once it has ended.
        unchanged: the earlier success, where the item is left as it is.
        error: why the item fails; from the start where PrepareRun refuses it.
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
    # The child's state begins with these, null or not, since JSONPath cannot read what is absent.
    training: TrainingJob | None = None
    created: CreatedModel | None = None
    transform: Job | None = None
    unchanged: Unchanged | None = None
    error: Caught | None = None


def work_list_bytes(lines: Iterable[Line]) -> bytes:
    """A run's items.json: a JSON array of the items' lines, each on a line of text."""
    return b"[" + b",\n".join(map(as_bytes, lines)) + b"]"


def read_work_list(body: bytes) -> list[Line]:
    """The lines of a run's items.json.

    To spare memory, a line of text is read at a time (an earlier version has written all into one), and of the requests
    to SageMaker, most of a line, it is kept only that there are any.

    Raises:
        ValueError: it holds something else; the message says where and why.
    """
    if not (body.startswith(b"[") and body.endswith(b"]")):
        raise ValueError("it is no JSON array")
    lines: list[Line] = []
    for text in body.split(b"\n"):
        for value in json.loads(b"[" + text.strip(b"[], ") + b"]"):
            try:
                lines.append(parse(event=_without_requests(_line_of_today(value)), model=Line))
            except ValidationError as error:
                raise ValueError(f"item {len(lines)}: {first_problem(error)}") from error
    return lines


def _line_of_today(line: Any) -> Any:
    """A line as it is; an earlier version's has names inside the jobs' requests, and a refusal under `problem`."""
    if not isinstance(line, dict) or "error" in line:
        return line
    try:
        return line | {"error": line.get("problem")} | _names_in(line)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError("the jobs of a line are not as an earlier version wrote them") from error


def _without_requests(line: Any) -> Any:
    if not isinstance(line, dict):
        return line
    return line | {key: {} for key in ("trainingJob", "transformJob") if isinstance(line.get(key), dict)}


def _names_in(line: dict[str, Any]) -> dict[str, Any]:
    """The names and places that the requests of an earlier version's line hold."""
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
