"""The input of jobs is found in S3, or refused with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline.aws import s3_objects
from pipeline.aws.s3_objects import DataObject
from pipeline.data import input_data
from pipeline.errors import (
    DataAmbiguousError,
    DataEmptyError,
    DataNotFoundError,
    DataNotReadableError,
    DataTooLargeError,
    PipelineError,
    ServiceThrottledError,
)
from tests.unit.pipeline.in_memory_aws import WRITTEN, Objects

KEYS: dict[str, Any] = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
URI = "s3://data-bucket/analysis_predict/item1/Online_Retail.csv"
KEY = "analysis_predict/item1/Online_Retail.csv"
FOLDER = "s3://data-bucket/in/"


@pytest.fixture
def s3() -> Iterator[Stubber]:
    with Stubber(boto3.client("s3", **KEYS)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def found(*entries: tuple[str, int]) -> dict[str, Any]:
    return {
        "Contents": [{"Key": key, "Size": size, "ETag": '"e"', "LastModified": WRITTEN} for key, size in entries]
    }


@pytest.mark.parametrize(
    ("uri", "answer", "kind", "said"),
    [
        (URI, {}, DataNotFoundError, "there is no object s3://.*upload the item's data there"),
        (URI, found((KEY + ".bak", 5)), DataNotFoundError, "there is no object"),
        (URI, found((KEY, 0)), DataEmptyError, "is empty"),
        (URI, found((KEY, 5), (KEY + ".bak", 5)), DataAmbiguousError, r"would also read .*\.csv\.bak"),
        ("s3://data-bucket/in/", {}, DataNotFoundError, "no object under"),
        ("s3://data-bucket/in/", found(("in/", 0)), DataNotFoundError, "no object under"),
        ("s3://data-bucket/in/", found(("in/a.csv", 0)), DataEmptyError, "are empty"),
    ],
    ids=[
        "nothing",
        "longer name only",
        "no bytes",
        "two",
        "empty folder",
        "folder marker",
        "folder without bytes",
    ],
)
def test_data_that_a_job_could_not_read_as_intended_is_refused(
    s3: Any, uri: str, answer: dict[str, Any], kind: type[PipelineError], said: str
) -> None:
    s3.add_response("list_objects_v2", answer)
    with pytest.raises(kind, match=said):
        input_data.find_input(s3.client, uri)


@pytest.mark.parametrize(
    ("code", "status", "kind", "said"),
    [
        ("NoSuchBucket", 404, DataNotFoundError, "there is no bucket 'data-bucket'"),
        ("AccessDenied", 403, DataNotReadableError, "may not read"),
        ("SlowDown", 503, ServiceThrottledError, "looking for"),
    ],
)
def test_a_bucket_that_cannot_be_read_has_its_reason(
    s3: Any, code: str, status: int, kind: type[PipelineError], said: str
) -> None:
    s3.add_client_error("list_objects_v2", code, http_status_code=status)
    with pytest.raises(kind, match=said):
        input_data.find_input(s3.client, URI)


@pytest.mark.parametrize("uri", [URI, "s3://data-bucket/analysis_predict/item1/"], ids=["file", "folder"])
def test_existing_data_passes(s3: Any, uri: str) -> None:
    s3.add_response("list_objects_v2", found((KEY, 5)))
    input_data.find_input(s3.client, uri)


def test_every_object_of_a_folder_of_any_size_is_returned() -> None:
    s3 = Objects({f"in/{number}.csv": b"x" for number in range(7)}, page_size=2)
    found = input_data.find_input(s3, FOLDER)  # type: ignore[arg-type]
    assert [data.uri for data in found] == [f"{FOLDER}{number}.csv" for number in range(7)]
    assert s3.calls == {"list_objects_v2": 4}


def test_only_one_page_is_listed_for_a_file() -> None:
    s3 = Objects({KEY: b"x", **{f"{KEY}{number}": b"x" for number in range(7)}}, page_size=2)
    with pytest.raises(DataAmbiguousError):
        input_data.find_input(s3, URI)  # type: ignore[arg-type]
    assert s3.calls == {"list_objects_v2": 1}


def objects(**sizes: int) -> list[DataObject]:
    return [DataObject(f"{FOLDER}{name.replace('_', '.')}", "e", size, WRITTEN) for name, size in sizes.items()]


def test_the_one_file_with_bytes_can_be_sent_whole() -> None:
    assert input_data.whole_file(FOLDER, objects(SUCCESS=0, a_csv=100_000_000)) == f"{FOLDER}a.csv"


@pytest.mark.parametrize(
    ("found", "kind", "said"),
    [
        (objects(a_csv=1, b_csv=1), DataAmbiguousError, r"in/ holds 2 objects \(in/a.csv, in/b.csv\)"),
        (objects(a_csv=1, a_csv_bak=0), DataAmbiguousError, r"would also read in/a\.csv\.bak"),
        (objects(a_csv=100_000_001), DataTooLargeError, r"100 MB, and .*/a\.csv has 100,000,001 bytes"),
        (objects(a_csv_gz=1), DataNotReadableError, r"a\.csv\.gz is compressed; upload it unpacked"),
    ],
    ids=["two", "longer name", "large", "compressed"],
)
def test_what_cannot_be_sent_whole_is_refused(
    found: list[DataObject], kind: type[PipelineError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        input_data.whole_file(FOLDER, found)


@pytest.mark.parametrize(
    "found", [objects(a_csv=1, b_csv=1), objects(a_csv=2**30), objects(a_csv_gz=1)], ids=["two", "large", "gz"]
)
def test_the_error_says_what_to_do_instead(found: list[DataObject]) -> None:
    with pytest.raises(PipelineError, match=r"give predictInput, .* or run the item with mode train"):
        input_data.whole_file(FOLDER, found)


@pytest.mark.parametrize(
    ("uri", "there"),
    [(f"{FOLDER}a.csv", True), (f"{FOLDER}a", False), (FOLDER, True), ("s3://data-bucket/i/", False)],
)
def test_a_folder_exists_if_it_holds_an_object(uri: str, there: bool) -> None:
    assert input_data.exists(Objects({"in/a.csv": b"x"}), uri) is there  # type: ignore[arg-type]


def test_folders_are_listed_up_to_one_too_many() -> None:
    keys = {f"in/{name}/x.csv": b"x" for name in "abcdefg"} | {"in/file.csv": b"x", "in/a/deeper/y.csv": b"x"}
    s3 = Objects(keys, page_size=2)
    assert s3_objects.list_folders(s3, FOLDER, 100) == list("abcdefg")  # type: ignore[arg-type]
    s3.calls.clear()
    assert s3_objects.list_folders(s3, FOLDER, 2) == list("abc")  # type: ignore[arg-type]
    assert s3.calls == {"list_objects_v2": 2}
