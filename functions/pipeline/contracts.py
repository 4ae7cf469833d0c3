"""The run request and the event of every function, as strict, frozen models."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self, TypeVar

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, model_validator, parse
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel, to_pascal

from pipeline.documents import Caught, InputVersion, PreparedRun, TrainingJob
from pipeline.errors import InvalidRequestError
from pipeline.fields import (
    MAX_SHOWN_CHARACTERS,
    Concurrency,
    DataUri,
    Hyperparameters,
    ImageUri,
    InstanceCount,
    InstanceType,
    ItemName,
    ItemPrefix,
    Mode,
    ObjectUri,
    PayloadInMB,
    RunId,
    RuntimeInSeconds,
    S3Uri,
    SageMakerName,
    Timestamp,
    matching,
)

# SummarizeRun reads this many records well within its time-out.
MAX_ITEMS = 10_000

Event = TypeVar("Event", bound=BaseModel)

# Unknown keys are refused, strings are not converted to numbers, and keys are camelCase only.
STRICT = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel, validate_by_name=False)
# A function reads one of the events, so each model is built when it is first used. pydantic's building is not safe in
# several threads at once, so all models that threads use are built at import.
EVENT = ConfigDict(**STRICT, defer_build=True)

# The pipeline sets these itself; another value would send a job's files elsewhere.
RESERVED_ENVIRONMENT = [
    "MODE", "mode", "file_path", "upload_sample_to_s3", "sample_s3_bucket", "sample_s3_prefix", "model_s3_bucket",
    "model_s3_prefix",
]  # fmt: skip
VariableName = Annotated[
    str,
    matching(
        rf"(?!({'|'.join(RESERVED_ENVIRONMENT)})\Z)[a-zA-Z_][a-zA-Z0-9_]{{0,511}}",
        "a name of at most 512 letters, digits and _ that does not begin with a digit; the pipeline sets"
        f" {', '.join(RESERVED_ENVIRONMENT)} itself",
    ),
]
# CreateTrainingJob takes 100 variables of 512 characters; the rest is for those that the pipeline sets.
EnvironmentVariables = Annotated[dict[VariableName, Annotated[str, Field(max_length=512)]], Field(max_length=80)]


class Contract(BaseModel):
    """Base of all contracts: camelCase in JSON, snake_case in Python, unknown keys refused."""

    model_config = STRICT


class TrainingChoices(Contract):
    """Settings of an item's training job that override the stack's."""

    instance_type: InstanceType | None = None
    instance_count: InstanceCount | None = None
    # pydantic ignores an alias inside the Annotated of an Optional, so the field sets it.
    volume_size_in_gb: Annotated[int, Field(ge=1, le=16384)] | None = Field(default=None, alias="volumeSizeInGB")
    max_runtime_in_seconds: RuntimeInSeconds | None = None
    use_spot: bool | None = None


class TransformChoices(Contract):
    """Settings of an item's batch transform job that override the stack's."""

    instance_type: InstanceType | None = None
    instance_count: InstanceCount | None = None
    split_type: Literal["Line", "None"] | None = None
    max_payload_in_mb: PayloadInMB | None = Field(default=None, alias="maxPayloadInMB")
    max_concurrent_transforms: Annotated[int, Field(ge=0, le=100)] | None = None
    max_runtime_in_seconds: RuntimeInSeconds | None = None


class ItemRequest(Contract):
    """One entry of itemList: an item and its settings.

    Attributes:
        item: the item's name, 1-128 printable characters.
        input: S3 URI of the item's data; a folder ends in `/`. The default is the item's file in the data bucket.
        predict_input: S3 URI of the data to score, instead of the file that training writes.
        hyperparameters: hyperparameters of the training job; strings only, as SageMaker requires.
        environment: variables added to those of the training job and of the model.
        training: settings of this item's training job.
        transform: settings of this item's batch transform job.
    """

    item: ItemName
    input: DataUri | None = None
    predict_input: S3Uri | None = None
    hyperparameters: Hyperparameters = Field(default={})
    environment: EnvironmentVariables = Field(default={})
    training: TrainingChoices = TrainingChoices()
    transform: TransformChoices = TransformChoices()


class ListedItem(ItemRequest):
    """An entry of a list of items: an object, or the item's name alone."""

    @model_validator(mode="before")
    @classmethod
    def _expand_name(cls, entry: Any) -> Any:
        return entry if isinstance(entry, dict) else {"item": entry}


# Key of a request to attribute, in the order in which an error message lists the keys.
SOURCES = {"itemList": "item_list", "itemsUri": "items_uri", "itemPrefix": "item_prefix", "rerunOf": "rerun_of"}


class RunRequest(Contract):
    """The input of an execution: `{"itemList": ["item1", {"item": "item2", …}]}`.

    Attributes:
        item_list: the items, each once.
        items_uri: S3 URI of a list of items in JSON Lines, one entry of itemList on each line.
        item_prefix: a folder; each folder directly under it is an item.
        rerun_of: a run whose items are run again if they have not succeeded.
        max_concurrency: how many items run at once; the default is the stack's MaxConcurrency, in a rerun that of the
            original run.
        tolerated_failure_percentage: share of items that may fail without failing the run; the default is 0, in a rerun
            that of the original run.
        mode: `train` (the default) trains and scores; `score` scores with each item's last accepted model.
        skip_unchanged: whether to skip items whose data, image and settings are the same as at their last success.
    """

    item_list: Annotated[list[ListedItem], Field(min_length=1, max_length=MAX_ITEMS)] | None = None
    items_uri: ObjectUri | None = None
    item_prefix: ItemPrefix | None = None
    rerun_of: RunId | None = None
    max_concurrency: Concurrency | None = None
    tolerated_failure_percentage: Annotated[float, Field(ge=0, le=100)] | None = None
    mode: Mode | None = None
    skip_unchanged: bool | None = None

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        """Refuse a request without items, with two sources of items, or with settings that a rerun takes from its run."""
        given = [name for name, attribute in SOURCES.items() if getattr(self, attribute) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(SOURCES)}, not {' and '.join(given) or 'none'}")
        if self.rerun_of is not None and (self.mode is not None or self.skip_unchanged is not None):
            raise ValueError("a rerun has the mode of the run that it completes; leave out mode and skipUnchanged")
        return self


class ExecutionContext(Contract):
    """The execution, from the state machine's context object ($$.Execution)."""

    id: str
    name: Annotated[str, Field(max_length=80)]
    start_time: str


class PrepareRunEvent(Contract):
    """Input of prepare_run."""

    model_config = EVENT

    request: RunRequest
    execution: ExecutionContext


class SummarizeRunEvent(PreparedRun):
    """Input of summarize_run: the prepared run and, if the map run itself failed, its error."""

    model_config = EVENT

    map_run_error: Caught | None = None


class TrainingJobEvent(ItemRequest):
    """Input of aws_training_job: an item as in itemList, and an optional timestamp that identifies the job."""

    model_config = EVENT

    timestamp: Timestamp | None = None


class EndedTraining(TrainingJob):
    """The training job that an item's child execution has run, as the state machine keeps it."""

    model_config = STRICT

    name: SageMakerName
    arn: str


class ExpectedInput(InputVersion):
    """The data that an item's training job must have read."""

    model_config = STRICT

    uri: S3Uri


class CreateModelEvent(Contract):
    """Input of aws_create_model, called as a step of a run, or by itself with a model artifact or an item.

    Attributes:
        item: the item; without model_data_url, its last accepted model is used.
        model_data_url: S3 URI of a model.tar.gz.
        model_name: the model's name; the default is made from item (or artifact) and timestamp.
        image: image URI; the default is the stack's, or that of the item's last accepted model if that model is used.
        environment: added to the model's variables.
        timestamp: part of the default name; the same timestamp means the same model.
        run_id: the run that this model belongs to.
        record_key: key of the item's record in S3. It marks the call as a step of a run; the keys below come with it.
        mode: the run's mode.
        fingerprint: the fingerprint of the item's result (`pipeline.preparation.fingerprints`).
        training: the training job that made the artifact; None in mode score.
        trained_in: the run whose training it was; None in mode score.
        training_input: the data that a training job of this run must have read.
    """

    model_config = EVENT

    item: ItemName | None = None
    model_data_url: S3Uri | None = None
    model_name: SageMakerName | None = None
    image: ImageUri | None = None
    environment: EnvironmentVariables = Field(default={})
    timestamp: Timestamp | None = None
    run_id: RunId | None = None
    record_key: str | None = None
    mode: Mode | None = None
    fingerprint: str | None = None
    training: EndedTraining | None = None
    trained_in: RunId | None = None
    training_input: ExpectedInput | None = None

    @model_validator(mode="after")
    def _check_step(self) -> Self:
        """Refuse an event that names no model, or only some of the keys of a run's step."""
        if self.item is None and self.model_data_url is None:
            raise ValueError("give item, modelDataUrl or both")
        step_values = (self.mode, self.fingerprint, self.training, self.trained_in, self.training_input)
        if self.record_key is None:
            if any(value is not None for value in step_values):
                raise ValueError("mode, fingerprint, training, trainedIn and trainingInput come with recordKey")
        elif None in (self.item, self.model_data_url, self.run_id, self.mode, self.fingerprint):
            raise ValueError("recordKey comes with item, modelDataUrl, runId, mode and fingerprint")
        elif self.mode == "train" and (self.training is None or self.trained_in is None):
            raise ValueError("mode train comes with training and trainedIn")
        return self


class BatchTransformEvent(Contract):
    """Input of aws_batch_transform: score an S3 file with an existing model.

    Attributes:
        item: the item; part of the job's name and of the output folder.
        model_name: an existing SageMaker model; the default is the item's last accepted model.
        input: S3 URI of the file (or folder, ending in `/`) to score; the default is the file that the training of the
            item's last accepted model wrote.
        transform: settings of this job.
        timestamp: part of the name; the same timestamp means the same job.
    """

    model_config = EVENT

    item: ItemName
    model_name: SageMakerName | None = None
    input: S3Uri | None = None
    transform: TransformChoices = TransformChoices()
    timestamp: Timestamp | None = None


class Tag(Contract):
    """A tag, with SageMaker's keys."""

    model_config = ConfigDict(alias_generator=to_pascal)

    key: str
    value: str


class FollowJobEvent(Contract):
    """Input of follow_job: the job that a state of an item's child execution requested.

    Attributes:
        kind: which of the item's jobs.
        item: the item.
        run_id: its run.
        job_name: the job's name.
        tags: the tags in the request that creates the job.
        timeout_seconds: how long the job may take from its creation.
    """

    model_config = EVENT

    kind: Literal["training", "transform"]
    item: ItemName
    run_id: RunId
    job_name: SageMakerName
    tags: Annotated[list[Tag], Field(min_length=1)]
    timeout_seconds: Annotated[int, Field(ge=1)]


def parse_event(model: type[Event], event: Any) -> Event:
    """Return `event` as `model`.

    Raises:
        InvalidRequestError: the event breaks the contract; the message lists every problem with its place.
    """
    duplicates = _duplicate_items(event)
    # Powertools would parse a string as JSON text.
    if not isinstance(event, dict):
        raise InvalidRequestError(["must be an object"])
    try:
        parsed = parse(event=event, model=model)
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error) + duplicates) from error
    if duplicates:
        raise InvalidRequestError(duplicates)
    return parsed


def problems_of(error: ValidationError) -> list[str]:
    """Return a sentence for each problem, with its place in the user's JSON."""
    return [
        _format_problem(problem["loc"], _message_of(problem["type"], problem["msg"]))
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _message_of(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "this key is required"
        case "extra_forbidden":
            return "unknown key"
        case "model_type" | "dict_type":
            return "must be an object"
        # Raised by this project's validators, whose message is complete.
        case "value_error":
            return message.removeprefix("Value error, ")
    return message


def _duplicate_items(event: Any) -> list[str]:
    """Return a problem for each item that is listed twice; the model would report it only if nothing else is wrong."""
    request = event.get("request", event) if isinstance(event, dict) else None
    entries = request.get("itemList") if isinstance(request, dict) else None
    if not isinstance(entries, list):
        return []
    names = [entry.get("item") if isinstance(entry, dict) else entry for entry in entries]
    counts: Counter[str] = Counter(name for name in names if isinstance(name, str))
    return [
        f"itemList: {name[:128]!r} is listed {count} times; each item may be listed once"
        for name, count in counts.items()
        if count > 1
    ]


def _format_problem(path: tuple[int | str, ...], message: str) -> str:
    # The user wrote the request, not the event around it.
    parts = path[1:] if path[:1] == ("request",) and len(path) > 1 else path
    # pydantic adds this part when the key is wrong, not the value.
    parts = parts[:-1] if parts[-1:] == ("[key]",) else parts
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{_shorten(part)}" for part in parts).lstrip(".")
    return f"{place}: {message}" if place else message


def _shorten(key: str) -> str:
    # A lone surrogate cannot be encoded in the function's response.
    return key[:MAX_SHOWN_CHARACTERS].encode(errors="backslashreplace").decode()


def as_requested(entry: ItemRequest) -> dict[str, Any]:
    """Return the entry as JSON without default values; `parse_event` turns it into an equal entry."""
    return entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
