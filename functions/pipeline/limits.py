"""What a stack lets a request ask for: its variables, images, places in S3, instances, and no forged steps of a run.

Whoever may start an execution or call a function is not meant to run code as the SageMaker role, nor to choose what is
paid for. Each check answers with sentences, each with its place, so that all of them are told at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Self

from pipeline import layout, naming
from pipeline.environment_variables import SETTABLE, reader_of
from pipeline.errors import InvalidRequestError

if TYPE_CHECKING:
    from pipeline.contracts import (
        CreateModelEvent,
        ItemRequest,
        PrepareRunEvent,
        RunRequest,
        SummarizeRunEvent,
        TrainingChoices,
        TransformChoices,
    )
    from pipeline.settings import StackSettings

# Clocks differ, and an execution is told its start by another machine.
CLOCK_DIFFERENCE = timedelta(minutes=15)
# A standard execution lasts a year at most, and its steps are no older.
LONGEST_EXECUTION = timedelta(days=366)
# An ECR registry belongs to one account. Others may belong to everybody, and of them the repository counts.
_ACCOUNTS_REGISTRY = re.compile(r"\d{12}\.")
_REPOSITORY = re.compile(r"(.+?)(:[^:/]+|@.+)?")
# HOST/NAME with tag, digest, both or neither. A name with `..` in it could lead out of the repository that it begins with.
_IMAGE = re.compile(
    r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9_][A-Za-z0-9._-]*)+(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one stack lets a request ask for.

    Attributes:
        output_bucket: the stack's; its models lie there.
        buckets: where what a request names may lie.
        environment: names of variables, or `PREFIX*`, that an item may set.
        registries: `HOST` or `HOST/PATH` of the images that a model may be made of.
        instance_types: names, or patterns with `*`.
        instance_count: instances of one job, at most.
        volume_size_in_gb: storage of a training job, at most.
        training_seconds: runtime of a training job, at most.
        transform_seconds: time of a batch transform job, at most.
        concurrency: items at once, at most.
    """

    output_bucket: str
    buckets: frozenset[str]
    environment: tuple[str, ...]
    registries: tuple[str, ...]
    instance_types: tuple[str, ...]
    instance_count: int
    volume_size_in_gb: int
    training_seconds: int
    transform_seconds: int
    concurrency: int

    @classmethod
    def of_settings(cls, settings: StackSettings) -> Self:
        """Those of a function's environment."""
        return cls._made(settings.model_dump())

    @classmethod
    def of_parameters(cls, parameters: Mapping[str, str], *, data_bucket: str, output_bucket: str) -> Self | None:
        """Those of a deployed stack, for who has its parameters; None for a stack of a version without limits.

        Args:
            parameters: names of the template's parameters to values, as CloudFormation tells them.
            data_bucket: output DataBucketName.
            output_bucket: output OutputBucketName.
        """
        # TrainingVolumeSizeInGB → training_volume_size_in_gb, as the functions' settings are called.
        values = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): value for name, value in parameters.items()}
        if "maximum_concurrency" not in values:
            return None
        return cls._made(values | {"data_bucket": data_bucket, "output_bucket": output_bucket})

    @classmethod
    def _made(cls, values: Mapping[str, Any]) -> Self:
        def names(name: str) -> list[str]:
            return [part.strip() for part in values.get(name, "").split(",") if part.strip()]

        def most(limit: str, own: str) -> int:
            # What the stack's own parameters say is not limited.
            return max(int(values[limit]), int(values.get(own, 0)))

        def own(*settings: str) -> list[str]:
            return [values[name] for name in settings if values.get(name)]

        return cls(
            output_bucket=values["output_bucket"],
            buckets=frozenset({values["data_bucket"], values["output_bucket"], *names("allowed_buckets")}),
            environment=(*SETTABLE, *names("allowed_environment")),
            registries=(*names("allowed_registries"), *map(_own_registry, own("image_uri"))),
            instance_types=(
                *own("training_instance_type", "transform_instance_type"),
                *names("allowed_instance_types"),
            ),
            instance_count=int(values["maximum_instance_count"]),
            volume_size_in_gb=most("maximum_volume_size_in_gb", "training_volume_size_in_gb"),
            training_seconds=most("maximum_runtime_in_seconds", "training_max_runtime_in_seconds"),
            transform_seconds=most("maximum_runtime_in_seconds", "transform_max_runtime_in_seconds"),
            concurrency=most("maximum_concurrency", "max_concurrency"),
        )

    def source_problems(self, request: RunRequest) -> list[str]:
        """What is wrong with where the items are listed; nothing is read there then."""
        problems = self._bucket_problems("itemsUri", request.items_uri)
        prefix = request.item_prefix
        if prefix is not None and prefix.startswith("s3://"):
            problems += self._bucket_problems("itemPrefix", prefix)
        return problems

    def concurrency_problems(self, at_once: int) -> list[str]:
        """What is wrong with so many items at once."""
        return _above("maxConcurrency", at_once, self.concurrency, "MaximumConcurrency")

    def entry_problems(self, entry: ItemRequest, place: str = "") -> list[str]:
        """What an item asks for and must not.

        Args:
            entry: the item.
            place: where it is listed; nothing for an event of its own.
        """
        where = f"{place}." if place else ""
        return [
            *self._bucket_problems(f"{where}input", entry.input),
            *self._own_output_problems(f"{where}input", entry),
            *self._bucket_problems(f"{where}predictInput", entry.predict_input),
            *(
                f"{where}hyperparameters.{name}: SageMaker's own tools read hyperparameters sagemaker_…, such as the"
                " program to run, so no request may set one"
                for name in entry.hyperparameters
                if name.lower().startswith("sagemaker_")
            ),
            *self.environment_problems(entry.environment, f"{where}environment"),
            *self._training_problems(entry.training, f"{where}training"),
            *self.transform_problems(entry.transform, f"{where}transform"),
        ]

    def environment_problems(self, environment: Iterable[str], place: str) -> list[str]:
        """Which of these variables a request must not set."""
        problems = []
        for name in environment:
            if reader := reader_of(name):
                problems.append(
                    f"{place}.{name}: {reader} may read it, so no request may set it, whatever parameter"
                    " AllowedEnvironment names"
                )
            elif not any(fnmatchcase(name, pattern) for pattern in self.environment):
                problems.append(
                    f"{place}.{name}: this stack lets requests set {', '.join(self.environment)}; if your image reads"
                    " it as a setting, add it to the stack's parameter AllowedEnvironment"
                )
        return problems

    def transform_problems(self, choices: TransformChoices, place: str) -> list[str]:
        """What is asked for a batch transform job and is too much."""
        return [
            *self._instance_problems(choices, place),
            *_above(
                f"{place}.maxRuntimeInSeconds",
                choices.max_runtime_in_seconds,
                self.transform_seconds,
                "MaximumRuntimeInSeconds",
            ),
        ]

    def input_problems(self, uri: str | None) -> list[str]:
        """What is wrong with the place of what is scored."""
        return self._bucket_problems("input", uri)

    def image_problems(self, image: str, place: str) -> list[str]:
        """Whether a model must not be made of this image."""
        if _IMAGE.fullmatch(image) and any(_is_of(image, registry) for registry in self.registries):
            return []
        named = ", ".join(self.registries) or "none"
        problem = (
            f"{place}: image {image!r} is of none of the registries that this stack takes images from ({named}); if it is"
            " yours, add its registry to the stack's parameter AllowedRegistries"
        )
        return [problem]

    def made_of_problems(self, image: str, environment: Iterable[str], source: str) -> list[str]:
        """What a stored model (`latest.json of item 'x'`) has and a request could not give it."""
        return [
            *self.image_problems(image, source),
            *self.environment_problems(environment, f"{source}: environment"),
        ]

    def model_problems(self, event: CreateModelEvent, now: datetime) -> list[str]:
        """What is wrong with a call of aws_create_model, before anything is read for it."""
        problems = [
            *timestamp_problems(event.timestamp, now),
            *self._bucket_problems("modelDataUrl", event.model_data_url),
            *self._bucket_problems(
                "trainingInput.uri", event.training_input.uri if event.training_input else None
            ),
            *self.environment_problems(event.environment, "environment"),
        ]
        if event.image is not None:
            problems += self.image_problems(event.image, "image")
        if event.record_key is not None:
            problems += self._step_problems(event, now)
        return problems

    def _step_problems(self, event: CreateModelEvent, now: datetime) -> list[str]:
        """What the state machine would not have sent as a run's step: latest.json is written of it."""
        run_id, item = event.run_id or "", event.item or ""
        trained_in, training = event.trained_in, event.training
        own_prefix = layout.S3Location(self.output_bucket, layout.training_output_prefix(item)).uri
        problems = _time_problems("runId", run_id, now, oldest=now - LONGEST_EXECUTION)
        number = (event.record_key or "").removeprefix(layout.records_prefix(run_id)).removesuffix(".json")
        if not re.fullmatch(r"0|[1-9]\d{0,3}", number) or event.record_key != layout.record_key(
            run_id, int(number)
        ):
            problems.append(f"recordKey: must be {layout.record_key(run_id, 0)}, or of another number")
        if event.model_name not in _possible_names(naming.model_name, item, run_id):
            problems.append(f"modelName: run {run_id} names no model of item {item!r} so")
        if event.mode == "score":
            if training is not None or trained_in is not None:
                problems.append("mode: score comes without training and trainedIn")
            if not (event.model_data_url or "").startswith(own_prefix):
                problems.append(f"modelDataUrl: a model of item {item!r} lies under {own_prefix}")
        elif training is not None and trained_in is not None:
            problems += _time_problems("trainedIn", trained_in, now)
            if _time_of(trained_in) > _time_of(run_id):
                problems.append(f"trainedIn: run {trained_in} is younger than run {run_id}")
            if training.name not in _possible_names(naming.training_job_name, item, trained_in):
                problems.append(f"training.name: run {trained_in} names no training job of item {item!r} so")
            # SageMaker lower-cases names in its ARNs.
            if not training.arn.lower().endswith(f":training-job/{training.name.lower()}"):
                problems.append("training.arn: is not that of training.name")
            key = layout.model_artifact_key(item, training.name)
            artifact = layout.S3Location(self.output_bucket, key).uri
            if event.model_data_url != artifact:
                problems.append(f"modelDataUrl: the artifact of training.name is {artifact}")
        return problems

    def _own_output_problems(self, place: str, entry: ItemRequest) -> list[str]:
        """Whether the item would be trained on a folder into which its training writes."""
        folder = entry.input or ""
        own = layout.S3Location(self.output_bucket, layout.training_output_prefix(entry.item)).uri
        if not folder.endswith("/") or not (own.startswith(folder) or folder.startswith(own)):
            return []
        return [f"{place}: the item's own training writes into {folder}; give a folder that holds its data alone"]

    def _training_problems(self, choices: TrainingChoices, place: str) -> list[str]:
        return [
            *self._instance_problems(choices, place),
            *_above(
                f"{place}.volumeSizeInGB",
                choices.volume_size_in_gb,
                self.volume_size_in_gb,
                "MaximumVolumeSizeInGB",
            ),
            *_above(
                f"{place}.maxRuntimeInSeconds",
                choices.max_runtime_in_seconds,
                self.training_seconds,
                "MaximumRuntimeInSeconds",
            ),
        ]

    def _instance_problems(self, choices: TrainingChoices | TransformChoices, place: str) -> list[str]:
        problems = _above(
            f"{place}.instanceCount", choices.instance_count, self.instance_count, "MaximumInstanceCount"
        )
        kind = choices.instance_type
        if kind is not None and not any(fnmatchcase(kind, pattern) for pattern in self.instance_types):
            problems.append(
                f"{place}.instanceType: this stack lets requests ask for {', '.join(self.instance_types)}, not {kind};"
                " its parameter AllowedInstanceTypes names them"
            )
        return problems

    def _bucket_problems(self, place: str, uri: str | None) -> list[str]:
        if uri is None or layout.parse_uri(uri).bucket in self.buckets:
            return []
        named = ", ".join(sorted(self.buckets))
        problem = (
            f"{place}: {uri} is in none of the buckets that requests may name ({named}); the stack's parameter"
            " AllowedBuckets adds others"
        )
        return [problem]


def require(problems: list[str]) -> None:
    """Raises an InvalidRequestError of the problems, if there are any."""
    if problems:
        raise InvalidRequestError(problems)


def preparation_problems(event: PrepareRunEvent, now: datetime) -> list[str]:
    """What no execution of now would have sent to prepare_run."""
    execution, problems = event.execution, []
    if not execution.id.endswith(f":{execution.name}"):
        problems.append(f"execution.id: {execution.id} is not the execution {execution.name}")
    try:
        started = naming.timestamp(datetime.fromisoformat(execution.start_time))
    except (ValueError, OverflowError):
        problems.append(f"execution.startTime: must be a time in ISO 8601, not {execution.start_time[:100]!r}")
    else:
        problems += _time_problems("execution.startTime", started, now)
    if event.request.rerun_of is not None:
        problems += _time_problems("rerunOf", event.request.rerun_of, now)
    return problems


def timestamp_problems(timestamp: str | None, now: datetime) -> list[str]:
    """Whether the timestamp that a call by itself is given cannot be; names and the run's id are made of it."""
    return [] if timestamp is None else _time_problems("timestamp", timestamp, now)


def summary_problems(event: SummarizeRunEvent, now: datetime) -> list[str]:
    """What prepare_run would not have answered for the run that is summed up."""
    run_id = event.run_id
    problems = _time_problems("runId", run_id, now)
    if event.items_key != layout.items_key(run_id):
        problems.append(f"itemsKey: must be {layout.items_key(run_id)}")
    if naming.run_id(_time_of(run_id), event.execution_arn.rsplit(":", 1)[-1]) != run_id:
        problems.append(f"executionArn: {event.execution_arn} is not the execution of run {run_id}")
    return problems


def _time_problems(place: str, run_id: str, now: datetime, *, oldest: datetime | None = None) -> list[str]:
    """Whether the time that a run's id, or a timestamp, begins with cannot be."""
    stamp = _time_of(run_id)
    try:
        moment = datetime.fromisoformat(f"{stamp[:15]}.{stamp[15:18]}Z")
    except ValueError:
        return [f"{place}: {stamp} is no time"]
    if moment > now + CLOCK_DIFFERENCE:
        return [f"{place}: {stamp} is in the future; it is {naming.timestamp(now.astimezone(UTC))}"]
    if oldest is not None and moment < oldest:
        return [f"{place}: {stamp} is longer ago than an execution can last"]
    return []


def _time_of(run_id: str) -> str:
    return run_id.partition("-")[0]


def _possible_names(maker: naming.JobNameMaker, item: str, run_id: str) -> set[str]:
    """The item's name in the run, with as many digits of its hash as the run's other items may have made necessary."""
    digits = range(naming.HASH_DIGITS, naming.MAX_HASH_DIGITS + 1, 2)
    return {maker(item, _time_of(run_id), number) for number in digits}


def _above(place: str, value: int | None, limit: int, parameter: str) -> list[str]:
    if value is None or value <= limit:
        return []
    return [f"{place}: {value:,} is more than this stack lets requests ask for: {limit:,} (parameter {parameter})"]


def _own_registry(image: str) -> str:
    """The registry of the stack's own image, or its repository where the registry may be shared by everybody."""
    host = image.partition("/")[0]
    if _ACCOUNTS_REGISTRY.match(host):
        return host
    repository = _REPOSITORY.fullmatch(image)
    return repository[1] if repository else image


def _is_of(image: str, registry: str) -> bool:
    """Whether the image is in the registry `HOST`, or in `HOST/PATH` or below."""
    if not image.startswith(registry):
        return False
    following = image[len(registry) :][:1]
    # Behind a host, a colon begins a port, and so another registry.
    return following == "/" or ("/" in registry and following in {":", "@"})
