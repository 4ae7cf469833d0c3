"""An item's data on its way to S3."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from automlops.aws.stack import Stack
from automlops.errors import CommandError
from automlops.runs.request import ItemFile
from automlops.runs.upload import upload_data

STACK = Stack("mine", "arn:machine", "data", "output", "Retail.csv")


class Bucket:
    """Stands for an S3 client, and keeps what is uploaded."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def upload_fileobj(self, stream: BinaryIO, bucket: str, key: str, **_options: Any) -> None:
        """Reads all of the stream."""
        self.objects[f"{bucket}/{key}"] = stream.read()


def upload(path: Path) -> dict[str, bytes]:
    bucket = Bucket()
    # A stand-in of one method for a client of hundreds.
    client: Any = bucket
    upload_data(client, STACK, ItemFile("台北", path))
    return bucket.objects


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe not a table \x00", b"a,b\r\n1,2"], ids=["empty", "odd", "csv"]
)
def test_file_goes_up_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any name.txt"
    path.write_bytes(content)
    assert upload(path) == {"data/analysis_predict/台北/Retail.csv": content}


def test_packed_file_is_unpacked_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert list(upload(path).values()) == [b"a,b\n1,2\n"]


def test_damaged_packed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n" * 99)[:-9])
    with pytest.raises(CommandError, match="packed and damaged"):
        upload(path)
