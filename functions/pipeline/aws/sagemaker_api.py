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
# A description leaves out values that are empty or defaults, so these count as equal.
_EMPTY_OR_DEFAULT: tuple[object, ...] = (None, "", "None", 0, False, {}, [])
# Maps whose keys the user chooses: an additional key makes another request.
_USER_DEFINED_MAPS = frozenset({"HyperParameters", "Environment"})
_PAGE_SIZE = 100
# SageMaker's codes for a job or model that does not exist, and for stopping a job that has ended.
_ABSENT_OR_ENDED = frozenset({"ValidationException", "ResourceNotFound"})


class Kind(NamedTuple):
    """A kind of resource that a run may leave behind, and the operations that list and remove it.

    Attributes:
        noun: its name in messages.
        list_operation: the operation that lists them.
        list_filters: parameters of the listing besides the name.
        list_key: the key of the list in the response.
        name_key: the key of the name, in an entry of the list and in the request that removes it.
        remove_operation: the operation that removes it.
        arn_key: the key of the ARN in an entry; None if it may be removed without a look at its tags.
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
    """Start the training job unless it was started with the same request; return its ARN.

    Raises:
        NameTakenError: a job of this name exists and differs.
    """
    return _start_job("Training", sagemaker.create_training_job, sagemaker.describe_training_job, request)


def start_transform_job(sagemaker: SageMakerClient, request: Request) -> str:
    """Start the transform job unless it was started with the same request; return its ARN.

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
    """Return SageMaker's description of the training job, or None if there is no such job."""
    return _describe_job("Training", sagemaker.describe_training_job, name)


def describe_transform_job(sagemaker: SageMakerClient, name: str) -> Request | None:
    """Return SageMaker's description of the batch transform job, or None if there is no such job."""
    return _describe_job("Transform", sagemaker.describe_transform_job, name)


def _describe_job(kind: str, describe: Callable[..., Any], name: str) -> Request | None:
    with translated(f"looking at {kind.lower()} job {name}"):
        try:
            return dict(describe(**{f"{kind}JobName": name}))
        except ClientError as error:
            # For "Requested resource not found", SageMaker uses the general code ValidationException.
            if code_of(error) in _ABSENT_OR_ENDED:
                return None
            raise


def tags_of(sagemaker: SageMakerClient, arn: str) -> dict[str, str]:
    """Return the tags of a job or model, key to value."""
    with translated(f"reading the tags of {arn}"):
        pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def create_model(sagemaker: SageMakerClient, request: Request) -> str:
    """Create the model unless it was created with the same request; return its ARN.

    Raises:
        NameTakenError: a model of this name exists and differs.
    """
    name = request["ModelName"]
    with translated(f"creating model {name}"):
        try:
            return sagemaker.create_model(**request)["ModelArn"]
        except ClientError as refusal:
            # SageMaker has no code of its own for a name that is in use.
            if code_of(refusal) not in {"ValidationException", "ResourceInUse"}:
                raise
            try:
                described = sagemaker.describe_model(ModelName=name)
            except ClientError as error:
                # Without a model of this name, the first error had another reason; after another error, such as a
                # throttle, it is not known whether there is one.
                raise (refusal if code_of(error) == "ValidationException" else error) from None
    # Isolation does not change predictions, and a kept model may be older than the stack's parameter IsolateModels.
    compared = {key: value for key, value in request.items() if key != "EnableNetworkIsolation"}
    _require_same(compared, described, f"model {name}")
    return described["ModelArn"]


def model_exists(sagemaker: SageMakerClient, name: str) -> bool:
    """Return whether there is a model of this name."""
    with translated(f"looking at model {name}"):
        try:
            sagemaker.describe_model(ModelName=name)
        except ClientError as error:
            # For "Could not find model", SageMaker uses the general code ValidationException.
            if code_of(error) == "ValidationException":
                return False
            raise
    return True


def _require_same(request: object, described: object, what: str) -> None:
    if difference := _first_difference(request, described, ""):
        raise NameTakenError(f"there is another {what}: its {difference}")


def _first_difference(requested: object, actual: object, place: str) -> str | None:
    """Return the first difference of `actual` from `requested`; keys that AWS adds, and tags, are not compared."""
    if isinstance(requested, dict) and place.rsplit(".", 1)[-1] not in _USER_DEFINED_MAPS:
        actual_values = actual if isinstance(actual, dict) else {}
        for key, value in requested.items():
            if key == "Tags":
                continue
            if difference := _first_difference(value, actual_values.get(key), f"{place}.{key}".lstrip(".")):
                return difference
        return None
    if isinstance(requested, list) and isinstance(actual, list) and len(requested) == len(actual):
        for number, (left, right) in enumerate(zip(requested, actual, strict=True)):
            if difference := _first_difference(left, right, f"{place}[{number}]"):
                return difference
        return None
    # With 0, SageMaker chooses the number, and describes the job with its choice.
    chosen_by_aws = place == "MaxConcurrentTransforms" and requested == 0
    both_unset = requested in _EMPTY_OR_DEFAULT and actual in _EMPTY_OR_DEFAULT
    if requested == actual or chosen_by_aws or both_unset:
        return None
    return f"{place} is {actual!r}, not {requested!r}"


def list_removable(sagemaker: SageMakerClient, kind: Kind, *, name_contains: str) -> dict[str, str | None]:
    """Return running jobs, or models, whose names contain a text: name to ARN, or to None for models."""
    with translated(f"listing {kind.noun}s"):
        # boto3's stubs accept only a literal operation here.
        paginator: Any = sagemaker.get_paginator(kind.list_operation)
        pages = paginator.paginate(
            NameContains=name_contains, PaginationConfig={"PageSize": _PAGE_SIZE}, **kind.list_filters
        )
        return {
            entry[kind.name_key]: entry[kind.arn_key] if kind.arn_key else None
            for page in pages
            for entry in page[kind.list_key]
        }


def remove(sagemaker: SageMakerClient, kind: Kind, name: str) -> bool:
    """Stop the job, or delete the model; return False if it has ended, or does not exist."""
    with translated(f"removing {kind.noun} {name}"):
        try:
            getattr(sagemaker, kind.remove_operation)(**{kind.name_key: name})
        except ClientError as error:
            if code_of(error) in _ABSENT_OR_ENDED:
                return False
            raise
    return True
