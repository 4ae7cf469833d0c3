"""What is stored in S3 about runs and items, each document as the one type through which it is written and read.

Readers ignore keys that they do not know, so that a later version may add some.
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
COMPLETED: Final = "Completed"

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
        raise ValueError(first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """What is wrong first, in one line: where and why."""
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
    """Seconds as a whole number; None where they are no number, because no verdict depends on them."""
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


class InputVersion(Document):
    """What a job is to read, as PrepareRun found it.

    Attributes:
        uri: S3 URI of the file or, ending in `/`, the folder.
        version: SHA-256, in hex digits, of every object in it (`pipeline.data.input_versions`).
    """

    uri: str
    version: str


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
        input_unverified: whether SummarizeRun could not tell which data was scored: it was replaced after the job had
            ended, in a bucket that keeps no versions.
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
        fingerprint: what the item's result was made of (`pipeline.preparation.fingerprints`).
    """

    run_id: str
    record_key: str
    fingerprint: str


def _if_readable(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Nothing where the runs cannot be read: they only save work, and the model can be used without them."""
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

    # Keys that a later version has added are kept when this version rewrites the file.
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
