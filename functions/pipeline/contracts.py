"""What may be asked: the run request and the event of every function, as strict, frozen models."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from pipeline import validation
from pipeline.errors import InvalidRequestError
from pipeline.fields import (
    MAX_SHOWN,
    WHOLE_CHARACTERS,
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
)

MAX_CONCURRENCY = 10_000
# One run's items: so many records are still read well within one function's time.
MAX_ITEMS = 10_000

Event = TypeVar("Event", bound=Struct)

# The pipeline names these itself; another value would send a job's files elsewhere.
RESERVED_ENVIRONMENT = [
    "MODE", "mode", "file_path", "upload_sample_to_s3", "sample_s3_bucket", "sample_s3_prefix", "model_s3_bucket",
    "model_s3_prefix",
]  # fmt: skip
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


class Contract(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of all contracts: JSON's camelCase outside, snake_case inside, unknown keys refused."""


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


# In the order in which they are named to who gives none.
SOURCES = {"itemList": "item_list", "itemsUri": "items_uri", "itemPrefix": "item_prefix", "rerunOf": "rerun_of"}


class RunRequest(Contract, frozen=True, kw_only=True):
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

    item_list: Annotated[list[ItemRequest], Meta(min_length=1, max_length=MAX_ITEMS)] | None = None
    items_uri: ObjectUri | None = None
    item_prefix: ItemPrefix | None = None
    rerun_of: RunId | None = None
    max_concurrency: Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY)] | None = None
    tolerated_failure_percentage: Annotated[float, Meta(ge=0, le=100)] | None = None
    mode: Mode | None = None
    skip_unchanged: bool | None = None

    def __post_init__(self) -> None:
        """Refuses with a ValueError what has no items, has them from two places, or contradicts the run done again."""
        given = [name for name, attribute in SOURCES.items() if getattr(self, attribute) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(SOURCES)}, not {' and '.join(given) or 'none'}")
        if self.rerun_of is not None and (self.mode is not None or self.skip_unchanged is not None):
            raise ValueError("a rerun has the mode of the run that it completes; leave out mode and skipUnchanged")


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
    """Output of prepare_run, the execution's state from then on, and what items.json carries as its metadata."""

    run_id: RunId
    execution_arn: str
    started_at: str
    items_key: str
    item_count: int
    max_concurrency: int
    tolerated_failure_percentage: float
    mode: Mode = "train"
    rerun_of: RunId | None = None


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
        timestamp: part of the name when none is given; the same one means the same model.
        run_id: the run that this model belongs to.
        record_key: where the item's record will be; it makes the call a pipeline's step, and the rest belongs to it.
        mode: the run's mode.
        fingerprint: what the item's result is made of (`pipeline.unchanged`).
        training: the training job that made the artifact; None in mode score.
        trained_in: the run in whose folder that training wrote; None in mode score.
    """

    item: ItemName | None = None
    model_data_url: S3Uri | None = None
    model_name: SageMakerName | None = None
    image: ImageUri | None = None
    environment: EnvironmentVariables = {}
    timestamp: Timestamp | None = None
    run_id: RunId | None = None
    record_key: str | None = None
    mode: Mode | None = None
    fingerprint: str | None = None
    training: TrainingResult | None = None
    trained_in: RunId | None = None

    def __post_init__(self) -> None:
        """Refuses with a ValueError what names no model, or half a step of a pipeline."""
        if self.item is None and self.model_data_url is None:
            raise ValueError("give item, modelDataUrl or both")
        steps_own = (self.mode, self.fingerprint, self.training, self.trained_in)
        if self.record_key is None:
            if any(value is not None for value in steps_own):
                raise ValueError("mode, fingerprint, training and trainedIn come with recordKey")
        elif None in (self.item, self.model_data_url, self.run_id, self.mode, self.fingerprint):
            raise ValueError("recordKey comes with item, modelDataUrl, runId, mode and fingerprint")
        elif self.mode == "train" and (self.training is None or self.trained_in is None):
            raise ValueError("mode train comes with training and trainedIn")


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
    form: dict[str, Any] = msgspec.to_builtins(model, enc_hook=plain_text)
    return form


def plain_text(value: object) -> str:
    """Names and URIs, which are classes of their own here, as the text that they are."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def as_asked(entry: ItemRequest) -> dict[str, Any]:
    """The entry's JSON form without what was left out; `parse_event` makes an equal entry of it again."""
    form: dict[str, Any] = _told(as_json(entry))
    return form


def _told(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    told = {key: _told(entry) for key, entry in value.items()}
    return {key: entry for key, entry in told.items() if entry is not None and entry != {}}
