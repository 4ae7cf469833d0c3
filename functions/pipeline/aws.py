"""Talks to AWS for the others: S3 objects, SageMaker's create calls, executions; AWS's errors are translated here."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, cast

import boto3
from aws_lambda_powertools.utilities.parser import BaseModel
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline import documents, layout
from pipeline.errors import (
    DataNotReadableError,
    NameTakenError,
    ServiceRefusedError,
    ServiceThrottledError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

Request = dict[str, Any]
Content = TypeVar("Content", bound=BaseModel)

# Requests under way at once when a run's objects are read; S3 itself takes thousands a second.
PARALLEL_REQUESTS = 32

THROTTLES = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
    "SlowDown", "ResourceLimitExceeded", "ConditionalRequestConflict", "RequestTimeout",
})  # fmt: skip
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
# When AWS describes, it leaves out what is empty or a default.
_UNSET: tuple[object, ...] = (None, "", "None", 0, False, {}, [])
# Whole in themselves: a key more is another request.
_USERS_MAPS = frozenset({"HyperParameters", "Environment"})
REFUSED = frozenset({"403", "AccessDenied", "AllAccessDisabled"})


class Stored(NamedTuple, Generic[Content]):
    """A document in S3 and its ETag."""

    content: Content
    etag: str


@functools.cache
def s3_client() -> S3Client:
    """The S3 client of this process, made when first needed."""
    return boto3.client("s3", config=_config(attempts=5))


@functools.cache
def sagemaker_client() -> SageMakerClient:
    """The SageMaker client of this process, made when first needed."""
    return boto3.client("sagemaker", config=_config())


@functools.cache
def stepfunctions_client() -> SFNClient:
    """The Step Functions client of this process, made when first needed."""
    return boto3.client("stepfunctions", config=_config())


@functools.cache
def iam_client() -> IAMClient:
    """The IAM client of this process, made when first needed."""
    return boto3.client("iam", config=_config())


def _config(attempts: int = 3) -> Config:
    # A few quick attempts here, all within the function's own time-out; long waits are the state machine's, where
    # they cost nothing. Of ten thousand reads in a row hardly one may fail for good.
    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=PARALLEL_REQUESTS,
    )


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns AWS's errors into this application's.

    Args:
        what: what is being done, in words, with the name of the thing.

    Raises:
        ServiceThrottledError, ServiceUnavailableError: try again later.
        ServiceRefusedError: do not.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        text = f"{what}: {code}: {error.response.get('Error', {}).get('Message', '')}"
        if code in THROTTLES:
            raise ServiceThrottledError(text) from error
        if status_of(error) >= 500:
            raise ServiceUnavailableError(text) from error
        raise ServiceRefusedError(text) from error
    except BotoCoreError as error:
        raise ServiceUnavailableError(f"{what}: {error}") from error


def read_document(s3: S3Client, bucket: str, key: str, kind: type[Content]) -> Stored[Content] | None:
    """The document at `key`, or None if there is none.

    Raises:
        DataNotReadableError: it holds no such document.
    """
    found = _get(s3, bucket, key)
    if found is None:
        return None
    body, etag = found
    try:
        return Stored(documents.read_document(kind, body), etag)
    except ValueError as error:
        raise DataNotReadableError(f"s3://{bucket}/{key} cannot be read: {error}") from error


def read_bytes(s3: S3Client, bucket: str, key: str) -> bytes | None:
    """The object at `key` as it is, or None if there is none."""
    found = _get(s3, bucket, key)
    return found[0] if found else None


def _get(s3: S3Client, bucket: str, key: str) -> tuple[bytes, str] | None:
    with translated(f"reading s3://{bucket}/{key}"):
        try:
            answer = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise
        return answer["Body"].read(), answer["ETag"]


def write_document(
    s3: S3Client,
    bucket: str,
    key: str,
    content: BaseModel,
    *,
    only_if_absent: bool = False,
    only_if_etag: str | None = None,
) -> bool:
    """Writes the document as JSON; False if the condition did not hold and nothing was written."""
    body = documents.as_bytes(content)
    return write_bytes(s3, bucket, key, body, only_if_absent=only_if_absent, only_if_etag=only_if_etag)


def write_bytes(
    s3: S3Client,
    bucket: str,
    key: str,
    body: bytes,
    *,
    only_if_absent: bool = False,
    only_if_etag: str | None = None,
    metadata: dict[str, str] | None = None,
    content_type: str = "application/json",
) -> bool:
    """Writes `body`; False if the condition did not hold and nothing was written."""
    condition: dict[str, str] = {}
    if only_if_absent:
        condition["IfNoneMatch"] = "*"
    if only_if_etag is not None:
        condition["IfMatch"] = only_if_etag
    with translated(f"writing s3://{bucket}/{key}"):
        try:
            s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=metadata or {},
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if condition and status_of(error) == 412:
                return False
            raise
    return True


@contextmanager
def opened_object(s3: S3Client, bucket: str, key: str) -> Iterator[tuple[IO[bytes], int] | None]:
    """The object's content, to be read as a stream inside the block, and its bytes; None if there is none."""
    with translated(f"reading s3://{bucket}/{key}"):
        try:
            answer = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            yield None
            return
        # boto3's stubs do not say that it is a file.
        yield cast("IO[bytes]", answer["Body"]), answer["ContentLength"]


def find_metadata(s3: S3Client, bucket: str, key: str) -> dict[str, str] | None:
    """The user metadata of the object, or None if there is none."""
    found = _head(s3, bucket, key)
    return found["Metadata"] if found else None


def find_write(s3: S3Client, bucket: str, key: str) -> datetime | None:
    """When the object was written, to the second, or None if there is none."""
    found = _head(s3, bucket, key)
    return found["LastModified"] if found else None


def list_keys(s3: S3Client, bucket: str, prefix: str) -> list[str]:
    """All keys that begin with `prefix`."""
    with translated(f"listing s3://{bucket}/{prefix}"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def object_exists(s3: S3Client, uri: str) -> bool:
    """Whether there is an object of exactly this name."""
    return describe_object(s3, uri) is not None


def describe_object(s3: S3Client, uri: str) -> dict[str, Any] | None:
    """What HeadObject says of the object, or None if there is none of exactly this name."""
    return _head(s3, *layout.parse_uri(uri))


def _head(s3: S3Client, bucket: str, key: str) -> dict[str, Any] | None:
    with translated(f"looking for s3://{bucket}/{key}"):
        try:
            return dict(s3.head_object(Bucket=bucket, Key=key))
        except ClientError as error:
            # Of a bucket that is not there, too, HEAD says no more than 404.
            if status_of(error) == 404:
                return None
            raise


def look_at_bucket(s3: S3Client, bucket: str) -> str:
    """The bucket's Region, or `absent`, or `refused` where S3 does not let this function list it."""
    with translated(f"looking at bucket {bucket}"):
        try:
            return s3.head_bucket(Bucket=bucket)["BucketRegion"]
        except ClientError as error:
            # A HEAD's answer has no body, and so no other code.
            if status_of(error) == 404:
                return "absent"
            if status_of(error) == 403:
                return "refused"
            raise


def find_role(iam: IAMClient, name: str) -> dict[str, Any] | Literal["absent", "refused"]:
    """What IAM says of the role, or that there is none, or that IAM refuses to say."""
    with translated(f"looking at role {name}"):
        try:
            return dict(iam.get_role(RoleName=name)["Role"])
        except ClientError as error:
            if code_of(error) == "NoSuchEntity":
                return "absent"
            if code_of(error) in REFUSED:
                return "refused"
            raise


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


def execution_is_running(stepfunctions: SFNClient, arn: str) -> bool:
    """Whether the execution still runs; one that Step Functions has forgotten does not."""
    with translated(f"looking at execution {arn}"):
        try:
            return stepfunctions.describe_execution(executionArn=arn)["status"] in {"RUNNING", "PENDING_REDRIVE"}
        except ClientError as error:
            if code_of(error) == "ExecutionDoesNotExist":
                return False
            raise


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


def code_of(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
