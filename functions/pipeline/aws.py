"""The one module that talks to AWS: S3 objects and SageMaker's create calls, with AWS's errors translated."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline import layout
from pipeline.errors import (
    DataAmbiguousError,
    DataEmptyError,
    DataNotFoundError,
    DataNotReadableError,
    NameTakenError,
    ServiceRefusedError,
    ServiceThrottledError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

Request = dict[str, Any]

# Requests under way at once when a run's objects are read; S3 itself takes thousands a second.
PARALLEL_REQUESTS = 32

THROTTLES = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
    "SlowDown", "ResourceLimitExceeded", "ConditionalRequestConflict", "RequestTimeout",
})  # fmt: skip
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
# When AWS describes, it leaves out what is empty or a default.
_UNSET: tuple[object, ...] = (None, "", "None", 0, False, {}, [])
# Whole in themselves: a key more is another request.
_USERS_MAPS = frozenset({"HyperParameters", "Environment"})
_REFUSED = frozenset({"403", "AccessDenied", "AllAccessDisabled"})


class Stored(NamedTuple):
    """A JSON object in S3 and its ETag."""

    content: Any
    etag: str


@functools.cache
def s3_client() -> S3Client:
    """The S3 client of this process, made when first needed."""
    return boto3.client("s3", config=_config())


@functools.cache
def sagemaker_client() -> SageMakerClient:
    """The SageMaker client of this process, made when first needed."""
    return boto3.client("sagemaker", config=_config())


def _config() -> Config:
    # A few quick attempts here, all within the function's own time-out; long waits are the state machine's, where
    # they cost nothing.
    return Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
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
        code = _code(error)
        text = f"{what}: {code}: {error.response.get('Error', {}).get('Message', '')}"
        if code in THROTTLES:
            raise ServiceThrottledError(text) from error
        if _status(error) >= 500:
            raise ServiceUnavailableError(text) from error
        raise ServiceRefusedError(text) from error
    except BotoCoreError as error:
        raise ServiceUnavailableError(f"{what}: {error}") from error


def read_json(s3: S3Client, bucket: str, key: str) -> Stored | None:
    """The JSON object at `key`, or None if there is none."""
    with translated(f"reading s3://{bucket}/{key}"):
        try:
            answer = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        body = answer["Body"].read()
    try:
        return Stored(json.loads(body), answer["ETag"])
    except ValueError as error:
        raise ServiceRefusedError(f"s3://{bucket}/{key} is not JSON: {error}") from error


def write_json(
    s3: S3Client,
    bucket: str,
    key: str,
    content: object,
    *,
    only_if_absent: bool = False,
    only_if_etag: str | None = None,
    metadata: dict[str, str] | None = None,
) -> bool:
    """Writes `content` as JSON; False if the condition did not hold and nothing was written."""
    condition: dict[str, str] = {}
    if only_if_absent:
        condition["IfNoneMatch"] = "*"
    if only_if_etag is not None:
        condition["IfMatch"] = only_if_etag
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    with translated(f"writing s3://{bucket}/{key}"):
        try:
            s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
                Metadata=metadata or {},
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if condition and _status(error) == 412:
                return False
            raise
    return True


def read_metadata(s3: S3Client, bucket: str, key: str) -> dict[str, str]:
    """The user metadata of an object that exists."""
    with translated(f"reading s3://{bucket}/{key}"):
        return s3.head_object(Bucket=bucket, Key=key)["Metadata"]


def list_keys(s3: S3Client, bucket: str, prefix: str) -> list[str]:
    """All keys that begin with `prefix`."""
    with translated(f"listing s3://{bucket}/{prefix}"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def read_all_json(s3: S3Client, bucket: str, keys: list[str]) -> list[Any]:
    """The JSON objects at `keys`, in their order; one that vanished meanwhile is None."""

    def read(key: str) -> Any:
        stored = read_json(s3, bucket, key)
        return stored.content if stored else None

    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        return list(pool.map(read, keys))


def check_input(s3: S3Client, uri: str) -> None:
    """Checks that a job given `uri` would read exactly what is meant.

    A file must exist, have bytes, and be alone under its name, since SageMaker takes every URI as a prefix; a
    folder (ending in `/`) must hold an object with bytes.

    Raises:
        DataNotFoundError, DataEmptyError, DataNotReadableError, DataAmbiguousError: it would not; the message
            says what to do.
    """
    bucket, key = layout.parse_uri(uri)
    with translated(f"looking for {uri}"):
        try:
            answer = s3.list_objects_v2(Bucket=bucket, Prefix=key)
        except ClientError as error:
            if _code(error) == "NoSuchBucket":
                raise DataNotFoundError(
                    f"there is no bucket {bucket!r}; check the URI {uri} or create it"
                ) from error
            if _code(error) in _REFUSED:
                raise DataNotReadableError(
                    f"this stack may not list {uri}; put the data into the stack's data bucket, or allow its roles"
                ) from error
            raise
    found = [entry for entry in answer.get("Contents", []) if not entry["Key"].endswith("/")]
    if key.endswith("/"):
        if not found:
            raise DataNotFoundError(f"there is no object under {uri}; upload the item's data there")
        if not any(entry["Size"] for entry in found):
            raise DataEmptyError(f"the objects under {uri} are empty (0 bytes); upload the item's data again")
        return
    if not any(entry["Key"] == key for entry in found):
        raise DataNotFoundError(f"there is no object {uri}; upload the item's data there")
    others = [entry["Key"] for entry in found if entry["Key"] != key]
    if others:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise DataAmbiguousError(
            f"SageMaker takes {uri} as a prefix and would also read {', '.join(others[:5])}{more}; rename or remove these"
        )
    if not found[0]["Size"]:
        raise DataEmptyError(f"{uri} is empty (0 bytes); upload the item's data again")


def object_exists(s3: S3Client, uri: str) -> bool:
    """Whether there is an object of exactly this name."""
    bucket, key = layout.parse_uri(uri)
    with translated(f"looking for {uri}"):
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # Of a bucket that is not there, too, HEAD says no more than 404.
            if _status(error) == 404:
                return False
            raise
    return True


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
            if _code(error) != "ResourceInUse":
                raise
        described = describe(**name)
    _require_same(request, described, what)
    return str(described[f"{kind}JobArn"])


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
            if _code(refusal) not in {"ValidationException", "ResourceInUse"}:
                raise
            try:
                described = sagemaker.describe_model(ModelName=name)
            except ClientError as error:
                # There is none, so the refusal meant something else; a throttle or a fault says nothing.
                raise (refusal if _code(error) == "ValidationException" else error) from None
    _require_same(request, described, f"model {name}")
    return described["ModelArn"]


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


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
