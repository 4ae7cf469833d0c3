"""What may be asked: the run request and the event of every function, as strict, frozen models."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self, TypeVar

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, model_validator, parse
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel, to_pascal

from pipeline.documents import Caught, InputVersion, PreparedRun, TrainingJob
from pipeline.errors import InvalidRequestError
from pipeline.fields import (
    MAX_SHOWN,
    DataUri,
    Hyperparameters,
    ImageUri,
    InstanceCount,
    InstanceType,
    ItemName,
    ItemPrefix,
    Mode,
    ObjectUri,
    RunId,
    RuntimeInSeconds,
    S3Uri,
    SageMakerName,
    Timestamp,
    matching,
)

MAX_CONCURRENCY = 10_000
# One run's items: so many records are still read well within one function's time.
MAX_ITEMS = 10_000

Event = TypeVar("Event", bound=BaseModel)

# Unknown keys are refused, no string is taken for the number that it spells, and keys are camelCase alone.
STRICT = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel, validate_by_name=False)
# A function reads one of the events, so each model is built when it is first used. pydantic's building is not safe in
# several threads at once, so all models that threads use are built at import.
EVENT = ConfigDict(**STRICT, defer_build=True)

# The pipeline names these itself; another value would send a job's files elsewhere.
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
    """Base of all contracts: JSON's camelCase outside, snake_case inside, unknown keys refused."""

    model_config = STRICT


class TrainingChoices(Contract):
    """What an item's training job may set apart from the stack's settings."""

    instance_type: InstanceType | None = None
    instance_count: InstanceCount | None = None
    # pydantic takes no notice of an alias in an Optional's Annotated, so it stands in the field.
    volume_size_in_gb: Annotated[int, Field(ge=1, le=16384)] | None = Field(default=None, alias="volumeSizeInGB")
    max_runtime_in_seconds: RuntimeInSeconds | None = None
    use_spot: bool | None = None


class TransformChoices(Contract):
    """What an item's batch transform job may set apart from the stack's settings."""

    instance_type: InstanceType | None = None
    instance_count: InstanceCount | None = None
    split_type: Literal["Line", "None"] | None = None
    max_payload_in_mb: Annotated[int, Field(ge=0, le=100)] | None = Field(default=None, alias="maxPayloadInMB")
    max_concurrent_transforms: Annotated[int, Field(ge=0, le=100)] | None = None
    max_runtime_in_seconds: RuntimeInSeconds | None = None


class ItemRequest(Contract):
    """One entry of itemList: an item and its settings.

    Attributes:
        item: the item's name, 1-128 printable characters.
        input: S3 URI of the item's data; a folder ends in `/`. Without it, the item's file in the data bucket.
        predict_input: S3 URI of what batch transform reads instead of what training writes.
        hyperparameters: given to training, strings only, as SageMaker takes them.
        environment: added to the training's and the model's variables.
        training: this item's training job.
        transform: this item's batch transform job.
    """

    item: ItemName
    input: DataUri | None = None
    predict_input: S3Uri | None = None
    hyperparameters: Hyperparameters = Field(default={})
    environment: EnvironmentVariables = Field(default={})
    training: TrainingChoices = TrainingChoices()
    transform: TransformChoices = TransformChoices()


class ListedItem(ItemRequest):
    """An entry as it may be written in a list: a bare name is short for an object with that name."""

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, entry: Any) -> Any:
        return entry if isinstance(entry, dict) else {"item": entry}


# In the order in which a request without any of them names them.
SOURCES = {"itemList": "item_list", "itemsUri": "items_uri", "itemPrefix": "item_prefix", "rerunOf": "rerun_of"}


class RunRequest(Contract):
    """The input of an execution: `{"itemList": ["item1", {"item": "item2", …}]}`.

    Attributes:
        item_list: the items, each once.
        items_uri: S3 URI of a list of them: JSON Lines, one entry of itemList a line.
        item_prefix: a folder, each folder directly under which is an item.
        rerun_of: a run, of which those items run again that have not succeeded.
        max_concurrency: how many items at once, instead of the stack's MaxConcurrency or the number of the run done again.
        tolerated_failure_percentage: share of items that may fail without failing the run; without it none, or that of the
            run done again.
        mode: `train` (None means this) trains and scores; `score` scores with each item's last accepted model.
        skip_unchanged: whether items whose last success had the same data, image and settings are left as they are.
    """

    item_list: Annotated[list[ListedItem], Field(min_length=1, max_length=MAX_ITEMS)] | None = None
    items_uri: ObjectUri | None = None
    item_prefix: ItemPrefix | None = None
    rerun_of: RunId | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)] | None = None
    tolerated_failure_percentage: Annotated[float, Field(ge=0, le=100)] | None = None
    mode: Mode | None = None
    skip_unchanged: bool | None = None

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        """Refuse what has no items, has them from two places, or contradicts the run done again."""
        given = [name for name, attribute in SOURCES.items() if getattr(self, attribute) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(SOURCES)}, not {' and '.join(given) or 'none'}")
        if self.rerun_of is not None and (self.mode is not None or self.skip_unchanged is not None):
            raise ValueError("a rerun has the mode of the run that it completes; leave out mode and skipUnchanged")
        return self


class ExecutionContext(Contract):
    """Step Functions' own word on the execution ($$.Execution)."""

    id: str
    name: Annotated[str, Field(max_length=80)]
    start_time: str


class PrepareRunEvent(Contract):
    """Input of prepare_run."""

    model_config = EVENT

    request: RunRequest
    execution: ExecutionContext


class SummarizeRunEvent(PreparedRun):
    """Input of summarize_run: the prepared run and, if the map run itself broke, its error."""

    model_config = EVENT

    map_run_error: Caught | None = None


class TrainingJobEvent(ItemRequest):
    """Input of aws_training_job: an item as in itemList, and when the same job is meant again, its timestamp."""

    model_config = EVENT

    timestamp: Timestamp | None = None


class EndedTraining(TrainingJob):
    """The training job of a pipeline's step, as the definition keeps it."""

    model_config = STRICT

    name: SageMakerName
    arn: str


class PromisedInput(InputVersion):
    """What the training of a pipeline's step was to read."""

    model_config = STRICT

    uri: S3Uri


class CreateModelEvent(Contract):
    """Input of aws_create_model: a pipeline's step, or on its own with a model artifact or an item.

    Attributes:
        item: the item; alone, its last accepted model is taken.
        model_data_url: S3 URI of a model.tar.gz.
        model_name: the model's name; otherwise made from item (or artifact) and timestamp.
        image: image URI; otherwise the stack's, or the one of the item's last accepted model if that is taken.
        environment: added to the model's variables.
        timestamp: part of the name when none is given; the same one means the same model.
        run_id: the run that this model belongs to.
        record_key: where the item's record will be; it makes the call a pipeline's step, and the rest belongs to it.
        mode: the run's mode.
        fingerprint: what the item's result is made of (`pipeline.preparation.fingerprints`).
        training: the training job that made the artifact; None in mode score.
        trained_in: the run in whose folder that training wrote; None in mode score.
        training_input: what a training of this run was to read.
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
    training_input: PromisedInput | None = None

    @model_validator(mode="after")
    def _check_step(self) -> Self:
        """Refuse what names no model, or half a step of a pipeline."""
        if self.item is None and self.model_data_url is None:
            raise ValueError("give item, modelDataUrl or both")
        steps_own = (self.mode, self.fingerprint, self.training, self.trained_in, self.training_input)
        if self.record_key is None:
            if any(value is not None for value in steps_own):
                raise ValueError("mode, fingerprint, training, trainedIn and trainingInput come with recordKey")
        elif None in (self.item, self.model_data_url, self.run_id, self.mode, self.fingerprint):
            raise ValueError("recordKey comes with item, modelDataUrl, runId, mode and fingerprint")
        elif self.mode == "train" and (self.training is None or self.trained_in is None):
            raise ValueError("mode train comes with training and trainedIn")
        return self


class BatchTransformEvent(Contract):
    """Input of aws_batch_transform: score an S3 file with an existing model.

    Attributes:
        item: whose predictions these are; part of the job's name and of the output's folder.
        model_name: an existing SageMaker model; otherwise the item's last accepted one.
        input: S3 URI of the file (or folder, ending in `/`) to score; otherwise what the item's last accepted
            training wrote for it.
        transform: this job's choices.
        timestamp: part of the name; the same one means the same job.
    """

    model_config = EVENT

    item: ItemName
    model_name: SageMakerName | None = None
    input: S3Uri | None = None
    transform: TransformChoices = TransformChoices()
    timestamp: Timestamp | None = None


class Tag(Contract):
    """A tag as SageMaker takes it."""

    model_config = ConfigDict(alias_generator=to_pascal)

    key: str
    value: str


class FollowJobEvent(Contract):
    """Input of follow_job: the job that a state of an item's child execution wanted to start.

    Attributes:
        kind: which of the item's jobs.
        item: the item.
        run_id: its run.
        job_name: the job's name.
        tags: the tags that the job was asked for with.
        timeout_seconds: how long it may take from its creation.
    """

    model_config = EVENT

    kind: Literal["training", "transform"]
    item: ItemName
    run_id: RunId
    job_name: SageMakerName
    tags: Annotated[list[Tag], Field(min_length=1)]
    timeout_seconds: Annotated[int, Field(ge=1)]


def parse_event(model: type[Event], event: Any) -> Event:
    """`event` as `model`.

    Raises:
        InvalidRequestError: it breaks the contract; every problem is listed, each with its place.
    """
    found = _equal_items(event)
    # Powertools reads a string as JSON text, and an event is an object already.
    if not isinstance(event, dict):
        raise InvalidRequestError(["must be an object"])
    try:
        parsed = parse(event=event, model=model)
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error) + found) from error
    if found:
        raise InvalidRequestError(found)
    return parsed


def problems_of(error: ValidationError) -> list[str]:
    """A sentence for each thing that is wrong, with its place in the user's own JSON."""
    return [
        _sentence(problem["loc"], _words(problem["type"], problem["msg"]))
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _words(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "this key is required"
        case "extra_forbidden":
            return "unknown key"
        case "model_type" | "dict_type":
            return "must be an object"
        # Raised here, in words that say more than pydantic's.
        case "value_error":
            return message.removeprefix("Value error, ")
    return message


def _equal_items(event: Any) -> list[str]:
    """Items that are listed more than once; looked for outside the model, beside whatever else is wrong."""
    request = event.get("request", event) if isinstance(event, dict) else None
    entries = request.get("itemList") if isinstance(request, dict) else None
    if not isinstance(entries, list):
        return []
    names = [entry.get("item") if isinstance(entry, dict) else entry for entry in entries]
    places: Counter[str] = Counter(name for name in names if isinstance(name, str))
    return [
        f"itemList: {name[:128]!r} is listed {count} times; each item may be listed once"
        for name, count in places.items()
        if count > 1
    ]


def _sentence(place: tuple[int | str, ...], words: str) -> str:
    # The user wrote the request, not the event around it.
    parts = place[1:] if place[:1] == ("request",) and len(place) > 1 else place
    # pydantic adds this to the place where the key is wrong, and not its value.
    parts = parts[:-1] if parts[-1:] == ("[key]",) else parts
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in parts).lstrip(".")
    return f"{where}: {words}" if where else words


def _shown(key: str) -> str:
    # Half a character (a lone surrogate) could not be sent back.
    return key[:MAX_SHOWN].encode(errors="backslashreplace").decode()


def as_requested(entry: ItemRequest) -> dict[str, Any]:
    """The entry's JSON form without what was left out; `parse_event` makes an equal entry of it again."""
    return entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
