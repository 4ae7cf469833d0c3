"""The limits that a stack sets for requests: variables, images, buckets, instances, and no forged steps of a run.

A user who may start an execution or invoke a function must not be able to run code with the SageMaker role, or to raise
the costs beyond the stack's limits. Each check returns its problems as sentences with their places, so that one error
lists all of them.
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

# The clocks of Lambda and Step Functions may differ.
CLOCK_DIFFERENCE = timedelta(minutes=15)
# A standard execution lasts at most a year.
LONGEST_EXECUTION = timedelta(days=366)
# A private ECR registry belongs to one account. Other registries are shared, so there the repository is compared.
_ACCOUNTS_REGISTRY = re.compile(r"\d{12}\.")
_REPOSITORY = re.compile(r"(.+?)(:[^:/]+|@.+)?")
# HOST/NAME with tag, digest, both or neither. No part may be `..`, which could lead out of the allowed repository.
_IMAGE = re.compile(
    r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9_][A-Za-z0-9._-]*)+(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one stack.

    Attributes:
        output_bucket: the stack's output bucket, which holds its model artifacts.
        buckets: the buckets that a request may name.
        environment: names of variables, or `PREFIX*`, that an item may set.
        registries: `HOST` or `HOST/PATH` of the images that a model may use.
        instance_types: names, or patterns with `*`.
        instance_count: maximum instances of one job.
        volume_size_in_gb: maximum storage of a training job.
        training_seconds: maximum runtime of a training job.
        transform_seconds: maximum duration of a batch transform job.
        concurrency: maximum items at once.
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
    def from_settings(cls, settings: StackSettings) -> Self:
        """Return the limits in a function's environment."""
        return cls._from_values(settings.model_dump())

    @classmethod
    def from_parameters(
        cls, parameters: Mapping[str, str], *, data_bucket: str, output_bucket: str
    ) -> Self | None:
        """Return the limits in a deployed stack's parameters; None if its version has no limits.

        Args:
            parameters: names of the template's parameters to values, as CloudFormation returns them.
            data_bucket: the stack's output DataBucketName.
            output_bucket: the stack's output OutputBucketName.
        """
        # TrainingVolumeSizeInGB → training_volume_size_in_gb, the name of the function's setting.
        values = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): value for name, value in parameters.items()}
        if "maximum_concurrency" not in values:
            return None
        return cls._from_values(values | {"data_bucket": data_bucket, "output_bucket": output_bucket})

    @classmethod
    def _from_values(cls, values: Mapping[str, Any]) -> Self:
        def listed(name: str) -> list[str]:
            return [part.strip() for part in values.get(name, "").split(",") if part.strip()]

        def maximum(limit: str, default: str) -> int:
            # The stack's default is always allowed.
            return max(int(values[limit]), int(values.get(default, 0)))

        def defaults(*settings: str) -> list[str]:
            return [values[name] for name in settings if values.get(name)]

        return cls(
            output_bucket=values["output_bucket"],
            buckets=frozenset({values["data_bucket"], values["output_bucket"], *listed("allowed_buckets")}),
            environment=(*SETTABLE, *listed("allowed_environment")),
            registries=(*listed("allowed_registries"), *map(_registry_of, defaults("image_uri"))),
            instance_types=(
                *defaults("training_instance_type", "transform_instance_type"),
                *listed("allowed_instance_types"),
            ),
            instance_count=int(values["maximum_instance_count"]),
            volume_size_in_gb=maximum("maximum_volume_size_in_gb", "training_volume_size_in_gb"),
            training_seconds=maximum("maximum_runtime_in_seconds", "training_max_runtime_in_seconds"),
            transform_seconds=maximum("maximum_runtime_in_seconds", "transform_max_runtime_in_seconds"),
            concurrency=maximum("maximum_concurrency", "max_concurrency"),
        )

    def source_problems(self, request: RunRequest) -> list[str]:
        """Return problems of the request's source of items; call this before anything is read from it."""
        problems = self._bucket_problems("itemsUri", request.items_uri)
        prefix = request.item_prefix
        if prefix is not None and prefix.startswith("s3://"):
            problems += self._bucket_problems("itemPrefix", prefix)
        return problems

    def concurrency_problems(self, at_once: int) -> list[str]:
        """Return problems of the number of items at once."""
        return _above("maxConcurrency", at_once, self.concurrency, "MaximumConcurrency")

    def entry_problems(self, entry: ItemRequest, place: str = "") -> list[str]:
        """Return the settings of an item that the stack does not allow.

        Args:
            entry: the item.
            place: the entry's place in the request; empty if the event itself is the entry.
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
        """Return a problem for each variable that a request must not set."""
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
        """Return problems of a batch transform job's settings."""
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
        """Return problems of the URI of the data to score."""
        return self._bucket_problems("input", uri)

    def image_problems(self, image: str, place: str) -> list[str]:
        """Return a problem if a model must not use this image."""
        if _IMAGE.fullmatch(image) and any(_is_of(image, registry) for registry in self.registries):
            return []
        named = ", ".join(self.registries) or "none"
        problem = (
            f"{place}: image {image!r} is in none of the registries that this stack takes images from ({named}); if it is"
            " yours, add its registry to the stack's parameter AllowedRegistries"
        )
        return [problem]

    def stored_model_problems(self, image: str, environment: Iterable[str], source: str) -> list[str]:
        """Return problems of a stored model's image and variables, which must be within today's limits.

        Args:
            image: the model's image.
            environment: names of its variables.
            source: the file that holds them, for the messages.
        """
        return [
            *self.image_problems(image, source),
            *self.environment_problems(environment, f"{source}: environment"),
        ]

    def model_problems(self, event: CreateModelEvent, now: datetime) -> list[str]:
        """Return problems of an event of aws_create_model; call this before anything is read for it."""
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
        """Return problems of an event that claims to be a run's step, because such a step writes the item's latest.json."""
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
            problems.append(f"modelName: is not the name that run {run_id} gives the model of item {item!r}")
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
                problems.append(
                    f"training.name: is not the name that run {trained_in} gives the training job of item {item!r}"
                )
            # SageMaker lower-cases names in its ARNs.
            if not training.arn.lower().endswith(f":training-job/{training.name.lower()}"):
                problems.append("training.arn: is not the ARN of training.name")
            key = layout.model_artifact_key(item, training.name)
            artifact = layout.S3Location(self.output_bucket, key).uri
            if event.model_data_url != artifact:
                problems.append(f"modelDataUrl: the artifact of training.name is {artifact}")
        return problems

    def _own_output_problems(self, place: str, entry: ItemRequest) -> list[str]:
        """Return a problem if the item's input is a folder into which its own training writes."""
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
    """Raise an InvalidRequestError with the problems, if there are any."""
    if problems:
        raise InvalidRequestError(problems)


def preparation_problems(event: PrepareRunEvent, now: datetime) -> list[str]:
    """Return problems of a prepare_run event that no current execution sends."""
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
    """Return a problem if an event's timestamp, from which names and the run's id are made, is not possible."""
    return [] if timestamp is None else _time_problems("timestamp", timestamp, now)


def summary_problems(event: SummarizeRunEvent, now: datetime) -> list[str]:
    """Return problems of a summarize_run event whose values prepare_run would not have returned."""
    run_id = event.run_id
    problems = _time_problems("runId", run_id, now)
    if event.items_key != layout.items_key(run_id):
        problems.append(f"itemsKey: must be {layout.items_key(run_id)}")
    if naming.run_id(_time_of(run_id), event.execution_arn.rsplit(":", 1)[-1]) != run_id:
        problems.append(f"executionArn: {event.execution_arn} is not the execution of run {run_id}")
    return problems


def _time_problems(place: str, run_id: str, now: datetime, *, oldest: datetime | None = None) -> list[str]:
    """Return a problem if the time at the start of a run's id, or of a timestamp, is not possible."""
    stamp = _time_of(run_id)
    try:
        moment = datetime.fromisoformat(f"{stamp[:15]}.{stamp[15:18]}Z")
    except ValueError:
        return [f"{place}: {stamp} is not a valid time"]
    if moment > now + CLOCK_DIFFERENCE:
        return [f"{place}: {stamp} is in the future; it is {naming.timestamp(now.astimezone(UTC))}"]
    if oldest is not None and moment < oldest:
        return [f"{place}: {stamp} is longer ago than an execution can last"]
    return []


def _time_of(run_id: str) -> str:
    return run_id.partition("-")[0]


def _possible_names(maker: naming.JobNameMaker, item: str, run_id: str) -> set[str]:
    """Return the item's possible names in a run: the number of hash digits depends on the run's other items."""
    digits = range(naming.HASH_DIGITS, naming.MAX_HASH_DIGITS + 1, 2)
    return {maker(item, _time_of(run_id), number) for number in digits}


def _above(place: str, value: int | None, limit: int, parameter: str) -> list[str]:
    if value is None or value <= limit:
        return []
    return [f"{place}: {value:,} is more than this stack lets requests ask for: {limit:,} (parameter {parameter})"]


def _registry_of(image: str) -> str:
    """Return the private registry of the stack's image; for a shared registry, the image's repository."""
    host = image.partition("/")[0]
    if _ACCOUNTS_REGISTRY.match(host):
        return host
    repository = _REPOSITORY.fullmatch(image)
    return repository[1] if repository else image


def _is_of(image: str, registry: str) -> bool:
    """Return whether the image is in the registry `HOST`, or at or under `HOST/PATH`."""
    if not image.startswith(registry):
        return False
    following = image[len(registry) :][:1]
    # After a host, a colon begins a port, and a host with another port is another registry.
    return following == "/" or ("/" in registry and following in {":", "@"})
