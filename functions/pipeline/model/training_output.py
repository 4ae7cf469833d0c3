"""Takes the prediction input and the metrics out of what a training without a network has left, output.tar.gz.

SageMaker packs /opt/ml/output/data into that one object before the job is Completed, whether or not the container has a
network (docs/aws-evidence.md, output-of-a-training). Its checkpoints are copied while the job runs, and AWS says of none
that it is there once the job has ended.
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

# Of the archive and of each file: aws_create_model has 512 MB of memory and a minute. A line of our image's prediction
# input has some 150 bytes, so this is a file of more than half a million customers.
MAX_BYTES = 100_000_000
# In the order in which they are written: who sees the prediction input finds the metrics beside it.
CONTENT_TYPES = {layout.METRICS_FILE_NAME: "application/json", layout.SAMPLE_FILE_NAME: "text/csv"}


def hand_over(s3: S3Client, bucket: str, item: str, trained_in: str, training_job_name: str) -> None:
    """Writes the files to where a training with a network writes them itself; what is there already stays.

    Args:
        s3: the client.
        bucket: the stack's output bucket.
        item: the item.
        trained_in: the run whose training it was.
        training_job_name: its training job, which is Completed.

    Raises:
        DataNotFoundError: the training has left no prediction input.
        DataNotReadableError: what it has left is no archive.
        DataTooLargeError: the archive, or a file in it, has more than MAX_BYTES.
    """
    if s3_objects.object_exists(s3, layout.S3Location(bucket, layout.sample_key(item, trained_in)).uri):
        return
    archive = layout.S3Location(bucket, layout.output_archive_key(item, training_job_name))
    found: dict[str, bytes] = {}
    with s3_objects.opened_object(s3, archive.bucket, archive.key) as content:
        if content is not None:
            stream, size = content
            _require_small(size, archive.uri)
            found = _read_files(stream, archive.uri)
    if layout.SAMPLE_FILE_NAME not in found:
        raise DataNotFoundError(
            f"there is no {layout.SAMPLE_FILE_NAME} in {archive.uri}: without a network (parameter IsolateTraining),"
            f" training must write it to /opt/ml/output/data, and {layout.METRICS_FILE_NAME} beside it; an image that"
            " uploads them itself needs IsolateTraining=false"
        )
    folder = layout.sample_prefix(item, trained_in)
    for name, content_type in CONTENT_TYPES.items():
        if name in found:
            key = f"{folder}/{name}"
            s3_objects.write_bytes(s3, bucket, key, found[name], only_if_absent=True, content_type=content_type)


def _read_files(stream: IO[bytes], archive_uri: str) -> dict[str, bytes]:
    """Name to content of the files that are handed over."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for member in archive:
                # A packer may write `./name`.
                name = str(PurePosixPath(member.name))
                file = archive.extractfile(member) if name in CONTENT_TYPES and member.isreg() else None
                if file is None:
                    continue
                _require_small(member.size, f"{name} in {archive_uri}")
                found[name] = file.read()
                if found.keys() == CONTENT_TYPES.keys():
                    break
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataNotReadableError(f"{archive_uri} cannot be read: {error or type(error).__name__}") from error
    return found


def _require_small(size: int, what: str) -> None:
    if size > MAX_BYTES:
        raise DataTooLargeError(
            f"{what} has {size:,} bytes, and at most {MAX_BYTES:,} are handed over from a training without a network;"
            " let the item train with one (parameter IsolateTraining), or write less to /opt/ml/output/data"
        )
