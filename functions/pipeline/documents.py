"""What is stored in S3 about runs and items, each document as the one type through which it is written and read.

Readers ignore keys that they do not know, so that a later version may add some.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, parse
from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    RootModel,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel, to_pascal

from pipeline import layout
from pipeline.fields import Mode, Moment, RunId, iso_text

Status = Literal["SUCCEEDED", "FAILED", "UNFINISHED"]
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
UNFINISHED: Final = "UNFINISHED"
COMPLETED: Final = "Completed"
SCHEMA_VERSION = 1

Kind = TypeVar("Kind", bound=BaseModel)


def parse_body(kind: type[Kind], body: bytes) -> Kind:
    """`body`, JSON in UTF-8, as `kind`.

    Raises:
        ValidationError: it is no JSON, or not of this kind; all problems are in it.
        UnicodeDecodeError: it is not UTF-8.
    """
    # Powertools takes JSON text as well as an object, though its types do not say so.
    text: Any = body.decode()
    return parse(event=text, model=kind)


def read_document(kind: type[Kind], body: bytes) -> Kind:
    """The document that `body`, JSON in UTF-8, holds.

    Raises:
        ValueError: it holds none of this kind; the message is one line that says where and why.
    """
    try:
        return parse_body(kind, body)
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def as_json(document: BaseModel) -> dict[str, Any]:
    """The JSON form, with the keys that it has in S3 and in Step Functions."""
    return document.model_dump(mode="json", by_alias=True)


def as_bytes(document: BaseModel) -> bytes:
    """The document as it is stored."""
    return document.model_dump_json(by_alias=True).encode()


class Document(BaseModel):
    """Base of all documents: camelCase in JSON, snake_case here."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel, validate_by_name=True)


class Caught(Document):
    """An error as Step Functions spells it, in the state of an execution and in documents: `{Error, Cause}`."""

    model_config = ConfigDict(alias_generator=to_pascal)

    error: str = ""
    cause: str = ""


def _whole_seconds(value: object) -> int | None:
    """Seconds are told and decide nothing, so what is no number is None."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class Job(Document):
    """A job of SageMaker that has ended.

    Attributes:
        status: SageMaker's word, `Completed` if all went well.
        name: the job's name.
        arn: its ARN.
        created_at: when it was asked for.
        started_at: when its instances began to work.
        ended_at: when it ended.
    """

    status: str
    name: str = ""
    arn: str = ""
    created_at: Moment = None
    started_at: Moment = None
    ended_at: Moment = None


class TrainingJob(Job):
    """A training job that has ended.

    Attributes:
        billable_seconds: what SageMaker bills of each of its instances.
    """

    billable_seconds: Annotated[int | None, BeforeValidator(_whole_seconds)] = None


def training_job_of(described: Mapping[str, Any]) -> TrainingJob:
    """The training job that DescribeTrainingJob describes; a KeyError or ValueError where it describes none."""
    return TrainingJob(
        status=described["TrainingJobStatus"],
        name=described["TrainingJobName"],
        arn=described["TrainingJobArn"],
        created_at=described.get("CreationTime"),
        started_at=described.get("TrainingStartTime"),
        ended_at=described.get("TrainingEndTime"),
        billable_seconds=described.get("BillableTimeInSeconds"),
    )


def transform_job_of(described: Mapping[str, Any]) -> Job:
    """The batch transform job that DescribeTransformJob describes; a KeyError or ValueError where it describes none."""
    return Job(
        status=described["TransformJobStatus"],
        name=described["TransformJobName"],
        arn=described["TransformJobArn"],
        created_at=described.get("CreationTime"),
        started_at=described.get("TransformStartTime"),
        ended_at=described.get("TransformEndTime"),
    )


class CreatedModel(Document):
    """What aws_create_model answers of a model.

    Attributes:
        model_data_url: S3 URI of the artifact.
        metrics: what training says of it.
    """

    model_data_url: str | None = None
    metrics: dict[str, Any] | None = None


class Unchanged(CreatedModel):
    """The earlier success of an item that is left as it is.

    Attributes:
        run_id: the run that had it.
        predictions_uri: S3 URI of its predictions.
    """

    run_id: str
    predictions_uri: str | None = None


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
        fingerprint: what its result is made of (`pipeline.unchanged`).
        training_fingerprint: what its model is made of.
        trained_in: the run in whose folder its training writes, or has written; None where nothing is trained.
        training_job_name: the training job that makes its model, or has made it in an earlier run.
        model_name: its SageMaker model.
        transform_job_name: its batch transform job.
        predictions_uri: where its predictions are, once it has succeeded: a file, or a folder ending in `/`.
        training_job: the body of CreateTrainingJob; None where nothing is trained in this run.
        training_timeout_seconds: how long the state machine waits for it.
        model: what its model is made of.
        transform_job: the body of CreateTransformJob; None for items that are refused or left as they are.
        transform_timeout_seconds: how long the state machine waits for it.
        start_after_seconds: how long it waits for its turn (`pipeline.turns`).
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
    model: LineModel | None = None
    transform_job: dict[str, Any] | None = None
    transform_timeout_seconds: int | None = None
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
                raise ValueError(f"item {len(lines)}: {_first_problem(error)}") from error
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


class Record(Document):
    """What an item's child execution writes as its last act; an error makes it the record of a failure.

    Attributes:
        index: the item's number.
        item: its name.
        ended_at: when it ended.
        training: its training job, if one ended well.
        model: its model, if one was created.
        transform: its batch transform job, if one ended well.
        unchanged: the earlier success, where the item was left as it was.
        error: why it failed.
    """

    index: int
    item: str
    ended_at: Annotated[AwareDatetime, PlainSerializer(iso_text, return_type=str)]
    training: TrainingJob | None = None
    model: CreatedModel | None = None
    transform: Job | None = None
    unchanged: Unchanged | None = None
    error: Caught | None = None


class PreparedRun(Document):
    """What prepare_run answers, the execution's state from then on, and the metadata of items.json."""

    run_id: RunId
    execution_arn: str
    started_at: str
    items_key: str
    item_count: int
    max_concurrency: int
    tolerated_failure_percentage: float
    mode: Mode = "train"
    rerun_of: RunId | None = None


class RerunMarker(Document):
    """The sign that a rerun leaves in the folder of its family's first run.

    Attributes:
        execution_arn: the rerun's execution.
        refused: whether it was refused, and so does nothing.
    """

    execution_arn: str
    refused: bool = False


class LastRun(Document):
    """A run that has taken a model of the item through one mode.

    Attributes:
        run_id: the run.
        record_key: where its record of the item is, once it has ended.
        fingerprint: what the item's result was made of (`pipeline.unchanged`).
    """

    run_id: str
    record_key: str
    fingerprint: str


def _if_readable(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """The runs only save work: where they cannot be read, the model still can."""
    try:
        return read(value)
    except ValueError:
        return {}


class Latest(Document):
    """An item's latest.json: its last accepted model.

    Attributes:
        item: the item.
        run_id: the run that accepted it.
        accepted_at: when.
        training_job_name: the training job that made it.
        trained_in: the run in whose folder its training wrote, where that is another.
        model_name: its name in SageMaker, where runs remove it after scoring.
        model_data_url: its artifact.
        image: the image that trained and serves it.
        environment: the item's own variables.
        metrics: what its training said of it.
        last_runs: mode to the runs of the item that came so far in it, with this model or an earlier one, newest first.
    """

    # What a later version has written beside these stays when this one notes a run.
    model_config = ConfigDict(extra="allow")

    item: str | None = None
    run_id: str
    accepted_at: str | None = None
    training_job_name: str | None = None
    trained_in: str | None = None
    model_name: str
    model_data_url: str
    image: str
    environment: dict[str, str] = Field(default={})
    metrics: dict[str, Any] | None = None
    last_runs: Annotated[dict[str, list[LastRun]], WrapValidator(_if_readable)] = Field(default={})


class MetricsFile(RootModel[Any]):
    """A metrics.json, into which an image may write any JSON."""


class ManifestItem(Document):
    """What became of one item.

    Attributes:
        index: its number in the run, from 0.
        item: its name.
        status: its one verdict.
        stage: the state that it ended in.
        error: name of the error, of one that failed.
        reason: the sentence that a person should read, of one that did not succeed.
        training_job_name: the training job that made its model, in this run or an earlier one.
        model_name: its SageMaker model.
        transform_job_name: its batch transform job.
        trained_in: the run in whose folder its training wrote; None if it was scored without.
        unchanged_since: the run whose predictions still hold; None if this one has made them.
        model_data_url: its artifact.
        predictions_uri: S3 URI of its predictions, or of a folder of them (ending in `/`).
        metrics: what training says of the model.
        duration_seconds: from the creation of its first job in this run to its record.
        training: the training job that ended, with its times and the seconds that SageMaker bills.
        transform: the batch transform job that ended, with its times.
    """

    index: int = 0
    item: str
    status: Status
    stage: str | None = None
    error: str | None = None
    reason: str | None = None
    training_job_name: str | None = None
    model_name: str | None = None
    transform_job_name: str | None = None
    trained_in: str | None = None
    unchanged_since: str | None = None
    model_data_url: str | None = None
    predictions_uri: str | None = None
    metrics: dict[str, Any] | None = None
    duration_seconds: float | None = None
    training: TrainingJob | None = None
    transform: Job | None = None


class Counts(Document):
    """How many items the run had, and how many ended how; those unchanged are among those that succeeded."""

    total: int
    succeeded: int
    failed: int
    unfinished: int
    unchanged: int = 0


class Manifest(Document):
    """A run's manifest.json: what became of the run and of each of its items."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    execution_arn: str = ""
    mode: Mode = "train"
    rerun_of: str | None = None
    started_at: str = ""
    ended_at: str = ""
    verdict: Literal["SUCCEEDED", "FAILED"]
    tolerated_failure_percentage: float = 0.0
    counts: Counts
    map_run_error: Caught | None = None
    items: list[ManifestItem]
