"""What may be asked: the run request and the event of every function, as strict, frozen models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from aws_lambda_powertools.utilities.parser import parse
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from pipeline import naming
from pipeline.errors import InvalidRequestError

MAX_CONCURRENCY = 10_000

Event = TypeVar("Event", bound=BaseModel)

# What pydantic says in Python's words, said in JSON's.
PLAIN_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "this key is required",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
}

# The pipeline names these itself; another value would send a job's files elsewhere.
RESERVED_ENVIRONMENT = frozenset({
    "MODE", "mode", "file_path", "upload_sample_to_s3", "sample_s3_bucket", "sample_s3_prefix", "model_s3_bucket",
    "model_s3_prefix",
})  # fmt: skip


class Contract(BaseModel):
    """Base of all contracts: JSON's camelCase outside, snake_case inside, unknown keys refused."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=False
    )


def _check_item(value: object) -> object:
    if problem := naming.item_problem(value):
        raise ValueError(problem)
    return value


def _check_variable(name: str) -> str:
    if name in RESERVED_ENVIRONMENT:
        raise ValueError(f"the pipeline sets {name} itself")
    return name


def _check_uri(value: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+", value):
        raise ValueError(f"must be s3://bucket/key, not {value[:200]!r}")
    # SageMaker cannot download such keys.
    if re.search(r"//|/\.{1,2}(/|$)", value.removeprefix("s3://")):
        raise ValueError(f"a key must not hold '//', '/./' or '/../': {value[:200]!r}")
    return value


def _entry_of(value: object) -> object:
    """An itemList entry is an object, or short for one by its name alone."""
    return value if isinstance(value, dict) else {"item": value}


ItemName = Annotated[str, BeforeValidator(_check_item)]
S3Uri = Annotated[str, Field(max_length=1024), AfterValidator(_check_uri)]
# It also travels as the environment variable file_path, of which SageMaker takes 512 characters.
DataUri = Annotated[str, Field(max_length=512), AfterValidator(_check_uri)]
Timestamp = Annotated[str, StringConstraints(pattern=naming.TIMESTAMP_PATTERN)]
InstanceType = Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
SageMakerName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
RunId = Annotated[str, StringConstraints(pattern=r"^\d{8}T\d{9}Z-[A-Za-z0-9_-]+$", max_length=128)]
# Limits of CreateTrainingJob: 100 hyperparameters of 256 and 2,500 characters on one line, 100 variables of 512 and 512.
Hyperparameters = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^.*$", max_length=256)],
        Annotated[str, StringConstraints(pattern=r"^.*$", max_length=2500)],
    ],
    Field(max_length=100),
]
EnvironmentVariables = Annotated[
    dict[
        Annotated[
            str,
            StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=512),
            AfterValidator(_check_variable),
        ],
        Annotated[str, Field(max_length=512)],
    ],
    Field(max_length=80),
]


class TrainingChoices(Contract):
    """What an item's training job may set apart from the stack's settings."""

    instance_type: InstanceType | None = None
    instance_count: Annotated[int, Field(ge=1, le=20)] | None = None
    volume_size_in_gb: Annotated[int, Field(ge=1, le=16384)] | None = Field(default=None, alias="volumeSizeInGB")
    # 28 days, the longest that SageMaker grants.
    max_runtime_in_seconds: Annotated[int, Field(ge=1, le=2_419_200)] | None = None
    use_spot: bool | None = None


class TransformChoices(Contract):
    """What an item's batch transform job may set apart from the stack's settings."""

    instance_type: InstanceType | None = None
    instance_count: Annotated[int, Field(ge=1, le=20)] | None = None
    split_type: Literal["Line", "None"] | None = None
    max_payload_in_mb: Annotated[int, Field(ge=0, le=100)] | None = Field(default=None, alias="maxPayloadInMB")
    max_concurrent_transforms: Annotated[int, Field(ge=0, le=100)] | None = None
    max_runtime_in_seconds: Annotated[int, Field(ge=1, le=2_419_200)] | None = None


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
    hyperparameters: Hyperparameters = Field(default_factory=dict)
    environment: EnvironmentVariables = Field(default_factory=dict)
    training: TrainingChoices = TrainingChoices()
    transform: TransformChoices = TransformChoices()


class RunRequest(Contract):
    """The input of an execution: `{"itemList": ["item1", {"item": "item2", …}]}`.

    Attributes:
        item_list: one or more items, each once.
        max_concurrency: how many items at once, instead of the stack's MaxConcurrency.
        tolerated_failure_percentage: share of items that may fail without failing the run.
    """

    item_list: Annotated[list[Annotated[ItemRequest, BeforeValidator(_entry_of)]], Field(min_length=1)]
    max_concurrency: Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)] | None = None
    tolerated_failure_percentage: Annotated[float, Field(ge=0, le=100)] = 0.0


class ExecutionContext(Contract):
    """Step Functions' own word on the execution ($$.Execution)."""

    id: str
    name: Annotated[str, Field(max_length=80)]
    start_time: str


class PrepareRunEvent(Contract):
    """Input of prepare_run."""

    request: RunRequest
    execution: ExecutionContext


class PreparedRun(Contract):
    """Output of prepare_run, and the execution's state from then on."""

    run_id: RunId
    execution_arn: str
    started_at: str
    items_key: str
    item_count: int
    max_concurrency: int
    tolerated_failure_percentage: float


class CaughtError(BaseModel):
    """What a Catch puts into the state: Step Functions' own spelling."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    error: str = Field(alias="Error", default="")
    cause: str = Field(alias="Cause", default="")


class SummarizeRunEvent(PreparedRun):
    """Input of summarize_run: the prepared run and, if the map run itself broke, its error."""

    map_run_error: CaughtError | None = None


class TrainingJobEvent(ItemRequest):
    """Input of aws_training_job: an item as in itemList, and when the same job is meant again, its timestamp."""

    timestamp: Timestamp | None = None


class TrainingResult(Contract):
    """What the definition keeps of a training job that ended."""

    name: SageMakerName
    arn: str
    status: str
    # Step Functions gives times as epoch milliseconds; text is taken as well.
    created_at: int | float | str


class CreateModelEvent(Contract):
    """Input of aws_create_model: a pipeline's step, or on its own with a model artifact or an item.

    Attributes:
        item: the item; alone, its last accepted model is taken.
        model_data_url: S3 URI of a model.tar.gz.
        model_name: the model's name; otherwise made from item (or artifact) and timestamp.
        image: image URI; otherwise the stack's, or the one of the item's last accepted model if that is taken.
        environment: added to the model's variables.
        run_id: the run that this model belongs to.
        training: the training job that made the artifact; the pipeline gives it.
        timestamp: part of the name when none is given; the same one means the same model.
    """

    item: ItemName | None = None
    model_data_url: S3Uri | None = None
    model_name: SageMakerName | None = None
    image: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    environment: EnvironmentVariables = Field(default_factory=dict)
    run_id: RunId | None = None
    training: TrainingResult | None = None
    timestamp: Timestamp | None = None

    @model_validator(mode="after")
    def _names_a_model(self) -> Self:
        if self.item is None and self.model_data_url is None:
            raise ValueError("give item, modelDataUrl or both")
        if self.training is not None and (self.item is None or self.run_id is None):
            raise ValueError("training comes with item and runId")
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

    item: ItemName
    model_name: SageMakerName | None = None
    input: S3Uri | None = None
    transform: TransformChoices = TransformChoices()
    timestamp: Timestamp | None = None


def parse_event(model: type[Event], event: object) -> Event:
    """`event` as `model`.

    Raises:
        InvalidRequestError: it breaks the contract; every problem is listed, each with its place.
    """
    problems: list[str] = []
    parsed: Event | None = None
    try:
        parsed = parse(event=cast("dict[str, Any]", event), model=model)
    except ValidationError as error:
        problems = [_problem(detail["loc"], detail["msg"], detail["type"]) for detail in error.errors()]
    problems += _equal_items(event)
    if problems or parsed is None:
        raise InvalidRequestError(problems)
    return parsed


def _equal_items(event: object) -> list[str]:
    """Looked for outside the model, so that it is reported beside what else is wrong."""
    request = event.get("request", event) if isinstance(event, Mapping) else None
    entries = request.get("itemList") if isinstance(request, Mapping) else None
    if not isinstance(entries, list):
        return []
    names = [entry.get("item") if isinstance(entry, Mapping) else entry for entry in entries]
    places: Counter[str] = Counter(name for name in names if isinstance(name, str))
    return [
        f"itemList: {name[:128]!r} is listed {count} times; each item may be listed once"
        for name, count in places.items()
        if count > 1
    ]


def _problem(location: tuple[int | str, ...], message: str, kind: str) -> str:
    # The user wrote the request, not the event around it.
    parts = location[1:] if location[:1] == ("request",) and len(location) > 1 else location
    parts = tuple(part for part in parts if part != "[key]")
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    text = PLAIN_WORDS.get(kind, message.removeprefix("Value error, "))
    return f"{place}: {text}" if place else text


def as_json(model: BaseModel) -> dict[str, Any]:
    """The contract's JSON form: camelCase keys, absent values left out."""
    return model.model_dump(by_alias=True, exclude_none=True)
