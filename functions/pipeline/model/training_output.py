"""Unpacks the prediction input and the metrics of a training without a network from its output.tar.gz.

SageMaker packs /opt/ml/output/data into that object before the job is Completed, whether or not the container has a
network (docs/aws-evidence.md, output-of-a-training). The files are not written as checkpoints, because AWS does not
guarantee that all checkpoints are in S3 once the job has ended.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from pipeline import layout
from pipeline.aws import s3_objects
from pipeline.errors import DataNotFoundError, DataNotReadableError, DataTooLargeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Limit for the archive and for each file: aws_create_model has 512 MB of memory and a minute. The image's prediction
# input has some 150 bytes a line, so the limit allows more than half a million customers.
MAX_BYTES = 100_000_000
# The order in which they are written: once the prediction input exists, so do the metrics.
CONTENT_TYPES = {layout.METRICS_FILE_NAME: "application/json", layout.SAMPLE_FILE_NAME: "text/csv"}


def unpack_output(s3: S3Client, bucket: str, item: str, trained_in: str, training_job_name: str) -> None:
    """Write the files to the keys to which a training with a network uploads them; keep files that exist already.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        item: the item.
        trained_in: the run whose training it was.
        training_job_name: its training job, which is Completed.

    Raises:
        DataNotFoundError: the training has written no prediction input.
        DataNotReadableError: output.tar.gz is not an archive.
        DataTooLargeError: the archive, or a file in it, has more than MAX_BYTES.
    """
    if s3_objects.object_exists(s3, layout.S3Location(bucket, layout.sample_key(item, trained_in)).uri):
        return
    archive = layout.S3Location(bucket, layout.output_archive_key(item, training_job_name))
    files: dict[str, bytes] = {}
    with s3_objects.open_object(s3, archive.bucket, archive.key) as content:
        if content is not None:
            stream, size = content
            _require_small(size, archive.uri)
            files = _read_files(stream, archive.uri)
    if layout.SAMPLE_FILE_NAME not in files:
        raise DataNotFoundError(
            f"there is no {layout.SAMPLE_FILE_NAME} in {archive.uri}: without a network (parameter IsolateTraining),"
            f" training must write it to /opt/ml/output/data, and {layout.METRICS_FILE_NAME} beside it; an image that"
            " uploads them itself needs IsolateTraining=false"
        )
    folder = layout.sample_prefix(item, trained_in)
    for name, content_type in CONTENT_TYPES.items():
        if name in files:
            key = f"{folder}/{name}"
            s3_objects.write_bytes(s3, bucket, key, files[name], only_if_absent=True, content_type=content_type)


def _read_files(stream: IO[bytes], archive_uri: str) -> dict[str, bytes]:
    """Return name to content of the files in CONTENT_TYPES that the archive holds."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for member in archive:
                # Members may be named `./name`.
                name = str(PurePosixPath(member.name))
                file = archive.extractfile(member) if name in CONTENT_TYPES and member.isreg() else None
                if file is None:
                    continue
                _require_small(member.size, f"{name} in {archive_uri}")
                files[name] = file.read()
                if files.keys() == CONTENT_TYPES.keys():
                    break
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataNotReadableError(f"{archive_uri} cannot be read: {error or type(error).__name__}") from error
    return files


def _require_small(size: int, what: str) -> None:
    if size > MAX_BYTES:
        raise DataTooLargeError(
            f"{what} has {size:,} bytes, and at most {MAX_BYTES:,} are taken over from a training without a network;"
            " let the item train with one (parameter IsolateTraining), or write less to /opt/ml/output/data"
        )
