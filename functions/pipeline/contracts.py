"""What may be asked: the run request and the event of every function, as strict, frozen models."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from pipeline import naming, validation
from pipeline.errors import InvalidRequestError

MAX_CONCURRENCY = 10_000
# Characters of a refused value or key that are told back.
MAX_SHOWN = 200

Event = TypeVar("Event", bound=Struct)

# The pipeline names these itself; another value would send a job's files elsewhere.
RESERVED_ENVIRONMENT = [
    "MODE", "mode", "file_path", "upload_sample_to_s3", "sample_s3_bucket", "sample_s3_prefix", "model_s3_bucket",
    "model_s3_prefix",
]  # fmt: skip


class Contract(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of all contracts: JSON's camelCase outside, snake_case inside, unknown keys refused."""


class ItemName(str):
    """An item's name; `naming.item_problem` says what it may be."""

    __slots__ = ()

    def __new__(cls, value: object) -> Self:
        """The name that `value` is; a ValueError says why it is none."""
        if problem := naming.item_problem(value):
            raise ValueError(problem)
        return super().__new__(cls, value)


class S3Uri(str):
    """`s3://bucket/key` of an object, or of a folder if it ends in `/`."""

    __slots__ = ()
    MAX_LENGTH = 1024

    def __new__(cls, value: object) -> Self:
        """The URI that `value` is; a ValueError or TypeError says why it is none."""
        if not isinstance(value, str):
            raise TypeError("must be a string")
        if len(value) > cls.MAX_LENGTH:
            raise ValueError(f"must have at most {cls.MAX_LENGTH:,} characters, not {len(value):,}")
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\n\ud800-\udfff]+", value):
            raise ValueError(f"must be s3://bucket/key, not {value[:MAX_SHOWN]!r}")
        # SageMaker cannot download such keys.
        if re.search(r"//|/\.{1,2}(/|$)", value.removeprefix("s3://")):
            raise ValueError(f"a key must not hold '//', '/./' or '/../': {value[:MAX_SHOWN]!r}")
        return super().__new__(cls, value)


class DataUri(S3Uri):
    """One that also travels as the environment variable file_path, of which SageMaker takes 512 characters."""

    __slots__ = ()
    MAX_LENGTH = 512


# A description completes "must be …". JSON can spell halves of characters (surrogates), which no service takes.
WHOLE_CHARACTERS = r"\A[^\ud800-\udfff]*\Z"
ONE_LINE = r"\A[^\n\ud800-\udfff]*\Z"
Timestamp = Annotated[
    str, Meta(pattern=r"\A\d{8}T\d{9}Z\Z", description="a timestamp such as 20261122T094236123Z")
]
RunId = Annotated[
    str,
    Meta(
        pattern=r"\A\d{8}T\d{9}Z-[A-Za-z0-9_-]+\Z",
        max_length=128,
        description="a run's id such as 20261122T094236123Z-name, of at most 128 characters",
    ),
]
InstanceType = Annotated[
    str, Meta(pattern=r"\Aml\.[a-z0-9-]+\.[a-z0-9-]+\Z", description="an instance type such as ml.m5.large")
]
# 28 days, the longest that SageMaker grants a training job.
RuntimeInSeconds = Annotated[int, Meta(ge=1, le=2_419_200)]
SageMakerName = Annotated[
    str,
    Meta(
        pattern=r"\A[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}\Z",
        description="1 to 63 letters, digits and hyphens, without a hyphen at either end",
    ),
]
ImageUri = Annotated[
    str,
    Meta(pattern=WHOLE_CHARACTERS, min_length=1, max_length=255, description="a URI of at most 255 characters"),
]
# Limits of CreateTrainingJob: 100 hyperparameters of 256 and 2,500 characters on one line, 100 variables of 512 and 512.
Hyperparameters = Annotated[
    dict[
        Annotated[str, Meta(pattern=ONE_LINE, max_length=256, description="one line of at most 256 characters")],
        Annotated[
            str, Meta(pattern=ONE_LINE, max_length=2500, description="one line of at most 2,500 characters")
        ],
    ],
    Meta(max_length=100),
]
VariableName = Annotated[
    str,
    Meta(
        pattern=rf"\A(?!({'|'.join(RESERVED_ENVIRONMENT)})\Z)[a-zA-Z_][a-zA-Z0-9_]*\Z",
        max_length=512,
        description="a name of at most 512 letters, digits and _ that does not begin with a digit; the pipeline sets"
        f" {', '.join(RESERVED_ENVIRONMENT)} itself",
    ),
]
EnvironmentVariables = Annotated[
    dict[
        VariableName,
        Annotated[
            str,
            Meta(pattern=WHOLE_CHARACTERS, max_length=512, description="text of at most 512 characters"),
        ],
    ],
    Meta(max_length=80),
]
InstanceCount = Annotated[int, Meta(ge=1, le=20)]


class TrainingChoices(Contract, frozen=True, kw_only=True):
    """What an item's training job may set apart from the stack's settings."""

    instance_type: InstanceType | None = None
    instance_count: InstanceCount | None = None
    volume_size_in_gb: Annotated[int, Meta(ge=1, le=16384)] | None = field(default=None, name="volumeSizeInGB")
    max_runtime_in_seconds: RuntimeInSeconds | None = None
    use_spot: bool | None = None


class TransformChoices(Contract, frozen=True, kw_only=True):
    """What an item's batch transform job may set apart from the stack's settings."""

    instance_type: InstanceType | None = None
    instance_count: InstanceCount | None = None
    split_type: Literal["Line", "None"] | None = None
    max_payload_in_mb: Annotated[int, Meta(ge=0, le=100)] | None = field(default=None, name="maxPayloadInMB")
    max_concurrent_transforms: Annotated[int, Meta(ge=0, le=100)] | None = None
    max_runtime_in_seconds: RuntimeInSeconds | None = None


class ItemRequest(Contract, frozen=True, kw_only=True):
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
    hyperparameters: Hyperparameters = {}
    environment: EnvironmentVariables = {}
    training: TrainingChoices = TrainingChoices()
    transform: TransformChoices = TransformChoices()


class RunRequest(Contract, frozen=True, kw_only=True):
    """The input of an execution: `{"itemList": ["item1", {"item": "item2", …}]}`.

    Attributes:
        item_list: one or more items, each once.
        max_concurrency: how many items at once, instead of the stack's MaxConcurrency.
        tolerated_failure_percentage: share of items that may fail without failing the run.
    """

    item_list: Annotated[list[ItemRequest], Meta(min_length=1)]
    max_concurrency: Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY)] | None = None
    tolerated_failure_percentage: Annotated[float, Meta(ge=0, le=100)] = 0.0


class ExecutionContext(Contract, frozen=True, kw_only=True):
    """Step Functions' own word on the execution ($$.Execution)."""

    id: str
    name: Annotated[
        str, Meta(pattern=WHOLE_CHARACTERS, max_length=80, description="a name of at most 80 characters")
    ]
    start_time: str


class PrepareRunEvent(Contract, frozen=True, kw_only=True):
    """Input of prepare_run."""

    request: RunRequest
    execution: ExecutionContext


class PreparedRun(Contract, frozen=True, kw_only=True):
    """Output of prepare_run, and the execution's state from then on."""

    run_id: RunId
    execution_arn: str
    started_at: str
    items_key: str
    item_count: int
    max_concurrency: int
    tolerated_failure_percentage: float


class CaughtError(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a Catch puts into the state: Step Functions' own spelling, and more keys one day."""

    error: str = ""
    cause: str = ""


class SummarizeRunEvent(PreparedRun, frozen=True, kw_only=True):
    """Input of summarize_run: the prepared run and, if the map run itself broke, its error."""

    map_run_error: CaughtError | None = None


class TrainingJobEvent(ItemRequest, frozen=True, kw_only=True):
    """Input of aws_training_job: an item as in itemList, and when the same job is meant again, its timestamp."""

    timestamp: Timestamp | None = None


class TrainingResult(Contract, frozen=True, kw_only=True):
    """What the definition keeps of a training job that ended."""

    name: SageMakerName
    arn: str
    status: str
    # Step Functions gives times as epoch milliseconds; text is taken as well.
    created_at: Annotated[int | float | str, Meta(description="a number or a string")]


class CreateModelEvent(Contract, frozen=True, kw_only=True):
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
    image: ImageUri | None = None
    environment: EnvironmentVariables = {}
    run_id: RunId | None = None
    training: TrainingResult | None = None
    timestamp: Timestamp | None = None

    def __post_init__(self) -> None:
        """Refuses with a ValueError what names no model."""
        if self.item is None and self.model_data_url is None:
            raise ValueError("give item, modelDataUrl or both")
        if self.training is not None and (self.item is None or self.run_id is None):
            raise ValueError("training comes with item and runId")


class BatchTransformEvent(Contract, frozen=True, kw_only=True):
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
    event = _spelled_out(event)
    try:
        parsed, found = validation.convert(event, model), []
    except msgspec.ValidationError:
        parsed, found = None, [_sentence(*problem) for problem in validation.problems(event, model)]
    found += _equal_items(event)
    if found or parsed is None:
        raise InvalidRequestError(found)
    return parsed


def _spelled_out(event: object) -> object:
    """`event`, in which every entry of itemList is an object: a bare name is short for one."""
    request, entries = _request(event)
    if not isinstance(event, dict) or not entries:
        return event
    spelled = request | {"itemList": [entry if isinstance(entry, dict) else {"item": entry} for entry in entries]}
    return spelled if request is event else event | {"request": spelled}


def _request(event: object) -> tuple[dict[str, Any], list[Any]]:
    """The run's request that `event` is or holds, and its itemList; empty where there is none."""
    request = event.get("request", event) if isinstance(event, dict) else None
    if isinstance(request, dict) and isinstance(entries := request.get("itemList"), list):
        return request, entries
    return {}, []


def _equal_items(event: object) -> list[str]:
    """Looked for outside the model, so that it is reported beside what else is wrong."""
    names = [entry.get("item") for entry in _request(event)[1]]
    places: Counter[str] = Counter(name for name in names if isinstance(name, str))
    return [
        f"itemList: {name[:128]!r} is listed {count} times; each item may be listed once"
        for name, count in places.items()
        if count > 1
    ]


def _sentence(place: validation.Place, words: str) -> str:
    # The user wrote the request, not the event around it.
    parts = place[1:] if place[:1] == ("request",) and len(place) > 1 else place
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in parts).lstrip(".")
    return f"{where}: {words}" if where else words


def _shown(key: str) -> str:
    # Half a character (a lone surrogate) could not be sent back.
    return key[:MAX_SHOWN].encode(errors="backslashreplace").decode()


def as_json(model: Contract) -> dict[str, Any]:
    """The contract's JSON form, with camelCase keys."""
    form: dict[str, Any] = msgspec.to_builtins(model)
    return form
