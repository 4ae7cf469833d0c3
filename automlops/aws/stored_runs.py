"""Reads what the runs of a stack have left in its output bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automlops.aws.connection import service_errors
from automlops.errors import RunBrokenError, ServiceError
from pipeline.documents import read_document
from pipeline.layout import RUNS_PREFIX, manifest_key
from pipeline.manifest import Manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def list_runs(s3: S3Client, bucket: str) -> list[str]:
    """Return the ids of all runs in the output bucket, the earliest first.

    Raises:
        ServiceError: the bucket may not be listed.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{RUNS_PREFIX}/", Delimiter="/")
    with service_errors(f"list the runs in {bucket}"):
        folders = [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", [])]
    # A run's id begins with the time at which it started.
    return sorted(folder.removeprefix(f"{RUNS_PREFIX}/").removesuffix("/") for folder in folders)


def read_manifest(s3: S3Client, bucket: str, run_id: str) -> bytes | None:
    """Return the content of a run's manifest.json, or None if the run has none.

    Raises:
        ServiceError: the manifest may not be read.
    """
    try:
        with service_errors(f"read the manifest of run {run_id}"):
            return s3.get_object(Bucket=bucket, Key=manifest_key(run_id))["Body"].read()
    except ServiceError as error:
        if error.code != "NoSuchKey":
            raise
        return None


def parse_manifest(content: bytes) -> Manifest:
    """Return the manifest in `content`; an earlier version may have written it with fewer keys.

    Raises:
        RunBrokenError: `content` is no manifest.
    """
    try:
        return read_document(Manifest, content)
    except ValueError as error:
        raise RunBrokenError(f"The run's manifest.json cannot be read: {error}") from error
