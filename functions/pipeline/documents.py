"""The documents about runs and items that are stored in S3, each written and read through one type.

Readers ignore unknown keys, so that a later version can add keys.
"""

from __future__ import annotations

from collections.abc import Mapping
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

from pipeline.fields import Mode, Moment, RunId, iso_text

Status = Literal["SUCCEEDED", "FAILED", "UNFINISHED"]
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
UNFINISHED: Final = "UNFINISHED"
# SageMaker's states of a job that has ended.
JOB_COMPLETED: Final = "Completed"
JOB_FAILED: Final = "Failed"
JOB_STOPPED: Final = "Stopped"

Kind = TypeVar("Kind", bound=BaseModel)


def parse_body(kind: type[Kind], body: bytes) -> Kind:
    """Return `body`, JSON in UTF-8, as `kind`.

    Raises:
        ValidationError: it is not JSON or not of this kind; the error holds all problems.
        UnicodeDecodeError: it is not UTF-8.
    """
    # Powertools also parses JSON text, although its types do not say so.
    text: Any = body.decode()
    return parse(event=text, model=kind)


def read_document(kind: type[Kind], body: bytes) -> Kind:
    """Return the document in `body`, JSON in UTF-8.

    Raises:
        ValueError: it holds no document of this kind; the message names the first problem and its place, in one line.
    """
    try:
        return parse_body(kind, body)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """Return the first problem in one line: its place and what is wrong."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def as_json(document: BaseModel) -> dict[str, Any]:
    """Return the document as JSON, with the keys that it has in S3 and in Step Functions."""
    return document.model_dump(mode="json", by_alias=True)


def as_bytes(document: BaseModel) -> bytes:
    """Return the document as it is stored."""
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
    """Return seconds as a whole number, or None if they are no number: no verdict depends on them."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class Job(Document):
    """A SageMaker job that has ended.

    Attributes:
        status: SageMaker's status, `Completed` for a success.
        name: the job's name.
        arn: its ARN.
        created_at: when it was created.
        started_at: when its instances started.
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
        billable_seconds: the seconds that SageMaker bills for each of its instances.
    """

    billable_seconds: Annotated[int | None, BeforeValidator(_whole_seconds)] = None


def training_job_of(described: Mapping[str, Any]) -> TrainingJob:
    """Return the job in DescribeTrainingJob's response; raise a KeyError or ValueError if it describes no job."""
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
    """Return the job in DescribeTransformJob's response; raise a KeyError or ValueError if it describes no job."""
    return Job(
        status=described["TransformJobStatus"],
        name=described["TransformJobName"],
        arn=described["TransformJobArn"],
        created_at=described.get("CreationTime"),
        started_at=described.get("TransformStartTime"),
        ended_at=described.get("TransformEndTime"),
    )


class InputVersion(Document):
    """The data that a job must read, as PrepareRun found it.

    Attributes:
        uri: S3 URI of the file or, ending in `/`, the folder.
        version: SHA-256, in hex digits, over all objects there (`pipeline.data.input_versions`).
    """

    uri: str
    version: str


class CreatedModel(Document):
    """The part of aws_create_model's response that a record keeps.

    Attributes:
        model_data_url: S3 URI of the model artifact.
        metrics: the metrics that its training wrote.
    """

    model_data_url: str | None = None
    metrics: dict[str, Any] | None = None


class Unchanged(CreatedModel):
    """The earlier success of an item that is unchanged since.

    Attributes:
        run_id: the run in which the item succeeded.
        predictions_uri: S3 URI of its predictions.
    """

    run_id: str
    predictions_uri: str | None = None


class Record(Document):
    """The outcome of an item, written in the last state of its child execution; with `error`, a failure.

    Attributes:
        index: the item's number.
        item: its name.
        ended_at: when it ended.
        training: its training job, if one completed.
        model: its model, if one was created.
        transform: its batch transform job, if one completed.
        unchanged: the earlier success, if the item is unchanged since.
        error: why it failed.
        input_unverified: whether SummarizeRun could not verify which data was scored, because the data was replaced after
            the job had ended and its bucket keeps no versions.
    """

    index: int
    item: str
    ended_at: Annotated[AwareDatetime, PlainSerializer(iso_text, return_type=str)]
    training: TrainingJob | None = None
    model: CreatedModel | None = None
    transform: Job | None = None
    unchanged: Unchanged | None = None
    error: Caught | None = None
    input_unverified: bool = False


class PreparedRun(Document):
    """A prepared run: the response of prepare_run, the execution's state from then on, and the metadata of items.json."""

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
    """The object by which other reruns of the same run find a rerun; it lies in the folder of the family's first run.

    Attributes:
        execution_arn: the rerun's execution.
        refused: whether the rerun was refused; it then runs no item.
    """

    execution_arn: str
    refused: bool = False


class LastRun(Document):
    """A run of the item that got as far as CreateModel.

    Attributes:
        run_id: the run.
        record_key: key of the item's record, which exists once the item has ended.
        fingerprint: the fingerprint of the item's result (`pipeline.preparation.fingerprints`).
    """

    run_id: str
    record_key: str
    fingerprint: str


def _empty_if_invalid(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Return no runs if they cannot be read: the model can be used without them, and they only save work."""
    try:
        return read(value)
    except ValueError:
        return {}


class Latest(Document):
    """An item's latest.json: its last accepted model.

    Attributes:
        item: the item.
        run_id: the run that accepted it.
        accepted_at: when it was accepted.
        training_job_name: the training job that made it.
        trained_in: the run whose training wrote its files; None in a file of an earlier version, where it is run_id.
        model_name: its name in SageMaker; a run deletes it there after scoring, unless the stack keeps models.
        model_data_url: its artifact.
        image: the image that trained and serves it.
        environment: the item's own variables.
        metrics: the metrics that its training wrote.
        last_runs: mode to the item's last runs that got as far as CreateModel, newest first; an older run may have used
            an earlier model.
    """

    # Keys of a later version are kept when this version rewrites the file.
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
    last_runs: Annotated[dict[str, list[LastRun]], WrapValidator(_empty_if_invalid)] = Field(default={})


class MetricsFile(RootModel[Any]):
    """A metrics.json; an image may write any JSON into it."""
