"""SageMaker's training jobs, batch transform jobs and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botocore.exceptions import ClientError

from pipeline.aws.errors import code_of, translated
from pipeline.errors import NameTakenError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

Request = dict[str, Any]
# When AWS describes, it leaves out what is empty or a default.
_UNSET: tuple[object, ...] = (None, "", "None", 0, False, {}, [])
# Whole in themselves: a key more is another request.
_USERS_MAPS = frozenset({"HyperParameters", "Environment"})


_PAGE = 100
# SageMaker's codes for a job that has ended or a model that does not exist.
_ENDED_OR_GONE = frozenset({"ValidationException", "ResourceNotFound"})


class Kind(NamedTuple):
    """A kind of resource that a run leaves, and the operations that list and remove it.

    Attributes:
        noun: what one is called.
        list_operation: the operation that lists them.
        list_filters: its parameters beside the name.
        list_key: the key of its response that holds the list.
        name_key: the key of the name, in an entry of the list and in the request that removes one.
        remove_operation: the operation that removes one.
        arn_key: the key of the ARN in an entry; None where the tags need not be read before it is removed.
    """

    noun: str
    list_operation: Literal["list_models", "list_training_jobs", "list_transform_jobs"]
    list_filters: dict[str, str]
    list_key: str
    name_key: str
    remove_operation: str
    arn_key: str | None = None


_RUNNING = {"StatusEquals": "InProgress"}
TRAINING_JOBS = Kind(
    "training job",
    "list_training_jobs",
    _RUNNING,
    "TrainingJobSummaries",
    "TrainingJobName",
    "stop_training_job",
    "TrainingJobArn",
)
TRANSFORM_JOBS = Kind(
    "transform job",
    "list_transform_jobs",
    _RUNNING,
    "TransformJobSummaries",
    "TransformJobName",
    "stop_transform_job",
    "TransformJobArn",
)
MODELS = Kind("model", "list_models", {}, "Models", "ModelName", "delete_model")


def start_training_job(sagemaker: SageMakerClient, request: Request) -> str:
    """Starts the training job, or finds it started with the same request; its ARN.

    Raises:
        NameTakenError: a job of this name exists and differs.
    """
    return _start_job("Training", sagemaker.create_training_job, sagemaker.describe_training_job, request)


def start_transform_job(sagemaker: SageMakerClient, request: Request) -> str:
    """Starts the transform job, or finds it started with the same request; its ARN.

    Raises:
        NameTakenError: a job of this name exists and differs.
    """
    return _start_job("Transform", sagemaker.create_transform_job, sagemaker.describe_transform_job, request)


def _start_job(kind: str, create: Callable[..., Any], describe: Callable[..., Any], request: Request) -> str:
    name = {f"{kind}JobName": request[f"{kind}JobName"]}
    what = f"{kind.lower()} job {request[f'{kind}JobName']}"
    with translated(f"starting {what}"):
        try:
            return str(create(**request)[f"{kind}JobArn"])
        except ClientError as error:
            if code_of(error) != "ResourceInUse":
                raise
        described = describe(**name)
    _require_same(request, described, what)
    return str(described[f"{kind}JobArn"])


def describe_training_job(sagemaker: SageMakerClient, name: str) -> Request | None:
    """What SageMaker says of the training job, or None if there is none."""
    return _describe_job("Training", sagemaker.describe_training_job, name)


def describe_transform_job(sagemaker: SageMakerClient, name: str) -> Request | None:
    """What SageMaker says of the batch transform job, or None if there is none."""
    return _describe_job("Transform", sagemaker.describe_transform_job, name)


def _describe_job(kind: str, describe: Callable[..., Any], name: str) -> Request | None:
    with translated(f"looking at {kind.lower()} job {name}"):
        try:
            return dict(describe(**{f"{kind}JobName": name}))
        except ClientError as error:
            # "Requested resource not found": SageMaker has no code of its own for it here.
            if code_of(error) in {"ValidationException", "ResourceNotFound"}:
                return None
            raise


def tags_of(sagemaker: SageMakerClient, arn: str) -> dict[str, str]:
    """The tags of a job or model, key to value."""
    with translated(f"reading the tags of {arn}"):
        pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def create_model(sagemaker: SageMakerClient, request: Request) -> str:
    """Creates the model, or finds it created with the same request; its ARN.

    Raises:
        NameTakenError: a model of this name exists and differs.
    """
    name = request["ModelName"]
    with translated(f"creating model {name}"):
        try:
            return sagemaker.create_model(**request)["ModelArn"]
        except ClientError as refusal:
            # A taken name has no code of its own: it is a ValidationException, or a ResourceInUse.
            if code_of(refusal) not in {"ValidationException", "ResourceInUse"}:
                raise
            try:
                described = sagemaker.describe_model(ModelName=name)
            except ClientError as error:
                # There is none, so the refusal meant something else; a throttle or a fault says nothing.
                raise (refusal if code_of(error) == "ValidationException" else error) from None
    # A model that answers alike is the same, and a kept one may be older than the stack's IsolateModels.
    wanted = {key: value for key, value in request.items() if key != "EnableNetworkIsolation"}
    _require_same(wanted, described, f"model {name}")
    return described["ModelArn"]


def model_exists(sagemaker: SageMakerClient, name: str) -> bool:
    """Whether there is a model of this name."""
    with translated(f"looking at model {name}"):
        try:
            sagemaker.describe_model(ModelName=name)
        except ClientError as error:
            # "Could not find model": SageMaker has no code of its own for it.
            if code_of(error) == "ValidationException":
                return False
            raise
    return True


def _require_same(request: object, described: object, what: str) -> None:
    if difference := _first_difference(request, described, ""):
        raise NameTakenError(f"there is another {what}: its {difference}")


def _first_difference(wanted: object, actual: object, place: str) -> str | None:
    """Where `actual` lacks or contradicts `wanted`; what AWS added, and tags, do not count."""
    if isinstance(wanted, dict) and place.rsplit(".", 1)[-1] not in _USERS_MAPS:
        found = actual if isinstance(actual, dict) else {}
        for key, value in wanted.items():
            if key == "Tags":
                continue
            if difference := _first_difference(value, found.get(key), f"{place}.{key}".lstrip(".")):
                return difference
        return None
    if isinstance(wanted, list) and isinstance(actual, list) and len(wanted) == len(actual):
        for number, (left, right) in enumerate(zip(wanted, actual, strict=True)):
            if difference := _first_difference(left, right, f"{place}[{number}]"):
                return difference
        return None
    left_to_aws = place == "MaxConcurrentTransforms" and wanted == 0
    if wanted == actual or left_to_aws or (wanted in _UNSET and actual in _UNSET):
        return None
    return f"{place} is {actual!r}, not {wanted!r}"


def list_removable(sagemaker: SageMakerClient, kind: Kind, *, name_contains: str) -> dict[str, str | None]:
    """Jobs that run, or models, whose names contain a text: name to ARN, None for models."""
    with translated(f"listing {kind.noun}s"):
        # boto3's stubs know each list by a literal only.
        paginator: Any = sagemaker.get_paginator(kind.list_operation)
        pages = paginator.paginate(
            NameContains=name_contains, PaginationConfig={"PageSize": _PAGE}, **kind.list_filters
        )
        return {
            entry[kind.name_key]: entry[kind.arn_key] if kind.arn_key else None
            for page in pages
            for entry in page[kind.list_key]
        }


def remove(sagemaker: SageMakerClient, kind: Kind, name: str) -> bool:
    """Stops the job, or deletes the model; False where it has ended or is gone already."""
    with translated(f"removing {kind.noun} {name}"):
        try:
            getattr(sagemaker, kind.remove_operation)(**{kind.name_key: name})
        except ClientError as error:
            if code_of(error) in _ENDED_OR_GONE:
                return False
            raise
    return True
