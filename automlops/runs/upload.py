"""Puts an item's data where its training looks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automlops.aws.connection import service_errors
from automlops.tables.table_file import open_table
from pipeline.layout import S3Location, data_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from automlops.aws.stack import Stack
    from automlops.runs.request import ItemFile


def upload_data(s3: S3Client, stack: Stack, file: ItemFile) -> S3Location:
    """Uploads the item's file to the stack's data bucket, replacing what was there.

    The bytes go up as they are; what is packed with gzip or xz is unpacked on the way, and a workbook becomes CSV.

    Returns:
        Where it is now.

    Raises:
        CommandError: the file cannot be read.
        ServiceError: S3 does not take it.
    """
    place = S3Location(stack.data_bucket, data_key(file.item, stack.dataset_file_name))
    with open_table(file.path) as stream, service_errors(f"upload {file.path} to {place.uri}"):
        s3.upload_fileobj(stream, place.bucket, place.key, ExtraArgs={"ContentType": "text/csv"})
    return place
