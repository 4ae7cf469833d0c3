"""Where a run's items come from, and how a list that is wrong is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.contracts import RunRequest, as_requested, parse_event
from pipeline.errors import DataNotFoundError, DataTooLargeError, InvalidRequestError, PipelineError
from pipeline.preparation import item_sources
from tests.unit.pipeline.in_memory_aws import Objects

LIST = "s3://data-bucket/lists/items.jsonl"


def read(request: dict[str, Any], objects: dict[str, bytes]) -> list[Any]:
    entries = item_sources.read_entries(
        parse_event(RunRequest, request),
        Objects(objects),  # type: ignore[arg-type]
        "data-bucket",
    )
    return [as_requested(entry.request) for entry in entries]


def read_list(body: bytes) -> list[Any]:
    return read({"itemsUri": LIST}, {"lists/items.jsonl": body})


def test_items_of_the_request_keep_their_order() -> None:
    assert read({"itemList": ["b", {"item": "a", "hyperparameters": {"seed": "1"}}]}, {}) == [
        {"item": "b"},
        {"item": "a", "hyperparameters": {"seed": "1"}},
    ]


@pytest.mark.parametrize(
    "body",
    [
        '"a"\n{"item": "台北", "transform": {"splitType": "None"}}\n',
        '\n\n"a"\r\n   \r\n  {"item": "台北", "transform": {"splitType": "None"}}',
        '\ufeff"a"\n{"item":"台北","transform":{"splitType":"None"}}\n\n',
    ],
    ids=["plain", "spaces and carriage returns", "byte order mark"],
)
def test_a_list_in_s3_has_an_entry_a_line(body: str) -> None:
    assert read_list(body.encode()) == [{"item": "a"}, {"item": "台北", "transform": {"splitType": "None"}}]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"item1", "must be JSON, an item's name in quotes or an object: "),
        (b"[" * 100_000, "must be JSON, an item's name in quotes or an object: "),
        (b"5", "item: an item's name must be a string, not 5"),
        (b'["a"]', "item: an item's name must be a string, not"),
        (b'{"item": "a/b"}', "item: an item's name is one folder in S3"),
        (b'{"item": "a", "colour": 1}', "colour: unknown key"),
        ('"é"'.encode("latin-1"), "must be UTF-8 text"),
        (b'"' + b"x" * 131_072 + b'"', "an entry has at most 131,072 bytes, not 131,074"),
    ],
    ids=["no quotes", "brackets", "number", "list", "name", "key", "latin-1", "long"],
)
def test_every_bad_line_of_a_list_is_named(line: bytes, said: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_list(b"\n".join([b'"a"', line, b"", b'"c"', line]))
    assert [problem.split(": ")[0] for problem in refused.value.problems] == [
        "itemsUri, line 2",
        "itemsUri, line 5",
    ]
    assert all(problem.split(": ", 1)[1].startswith(said) for problem in refused.value.problems)


def test_only_the_first_problems_of_a_line_are_listed() -> None:
    line = json.dumps({"item": "a", **{f"key {number}": 1 for number in range(1000)}})
    with pytest.raises(InvalidRequestError) as refused:
        read_list(f"{line}\n{{}}".encode())
    assert [problem.split(": ")[0] for problem in refused.value.problems] == [
        *["itemsUri, line 1"] * 5,
        "itemsUri, line 2",
    ]


def test_an_item_that_is_listed_twice_is_named_with_its_lines() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_list(b'"a"\n\n"b"\n{"item": "a"}\n"c"\n"a"\n"b"')
    assert refused.value.problems == [
        "itemsUri: 'a' is on lines 1, 4 and 6; each item may be listed once",
        "itemsUri: 'b' is on lines 3 and 7; each item may be listed once",
    ]


def test_ten_thousand_items_are_read_and_one_more_is_refused() -> None:
    lines = [json.dumps(f"item{number}") for number in range(10_000)]
    assert len(read_list("\n".join(lines).encode())) == 10_000
    with pytest.raises(InvalidRequestError, match=r"items\.jsonl has more than 10,000 items"):
        read_list("\n".join([*lines, '"one more"']).encode())


@pytest.mark.parametrize("body", [b"", b"\n \n", b"\xef\xbb\xbf"], ids=["nothing", "empty lines", "mark alone"])
def test_an_empty_list_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match=r"items\.jsonl has no items"):
        read_list(body)


def test_a_missing_list_raises() -> None:
    with pytest.raises(DataNotFoundError, match=f"there is no object {LIST}; upload it there"):
        read({"itemsUri": LIST}, {})


def test_a_list_of_more_than_100_mb_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert item_sources.MAX_LIST_BYTES == 100 * 1024 * 1024
    monkeypatch.setattr(item_sources, "MAX_LIST_BYTES", 10)
    assert read_list(b'"12345678"') == [{"item": "12345678"}]
    with pytest.raises(DataTooLargeError, match=r"has 11 bytes; at most 10 are read"):
        read_list(b'"123456789"')


def folders(prefix: str, *names: str) -> dict[str, bytes]:
    return {f"{prefix}{name}/Online_Retail.csv": b"rows" for name in names}


@pytest.mark.parametrize("prefix", ["analysis_predict/", "s3://data-bucket/analysis_predict/"])
def test_every_folder_of_the_data_bucket_is_an_item_with_its_file(prefix: str) -> None:
    found = folders("analysis_predict/", "b", "台北", "a b") | {"analysis_predict/notes.txt": b"x"}
    assert read({"itemPrefix": prefix}, found) == [{"item": "a b"}, {"item": "b"}, {"item": "台北"}]


@pytest.mark.parametrize(
    ("prefix", "key", "folder"),
    [
        ("2026/11/", "2026/11/", "s3://data-bucket/2026/11/a/"),
        ("s3://elsewhere/", "", "s3://elsewhere/a/"),
        ("s3://elsewhere/analysis_predict/", "analysis_predict/", "s3://elsewhere/analysis_predict/a/"),
    ],
    ids=["other prefix", "whole bucket", "other bucket"],
)
def test_elsewhere_everything_in_a_folder_is_the_items_data(prefix: str, key: str, folder: str) -> None:
    assert read({"itemPrefix": prefix}, folders(key, "a")) == [{"item": "a", "input": folder}]


def test_folders_that_cannot_be_items_are_all_named() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read({"itemPrefix": "in/"}, folders("in/", "a", "..", " b", "x" * 129) | {"in//x.csv": b"x"})
    assert [problem.split(":/")[0] for problem in refused.value.problems] == ["itemPrefix: folder s3"] * 4
    told = "\n".join(refused.value.problems)
    for name in ("data-bucket/in//: an item's name must not be empty", "in/../: ", "in/ b/: ", "has at most 128"):
        assert name in told


def test_a_folder_whose_uri_does_not_fit_into_a_job_is_named() -> None:
    prefix = "in/" + "x" * 490 + "/"
    with pytest.raises(InvalidRequestError, match=r"/abc/: must have at most 512 characters, not 515"):
        read({"itemPrefix": prefix}, folders(prefix, "abc"))


@pytest.mark.parametrize(
    ("objects", "kind", "said"),
    [
        ({"in/file.csv": b"x"}, DataNotFoundError, "there is no folder under s3://data-bucket/in/"),
        (folders("in/", *map(str, range(10_001))), InvalidRequestError, "more than 10,000 folders"),
    ],
    ids=["none", "too many"],
)
def test_a_prefix_with_no_folder_or_too_many_is_refused(
    objects: dict[str, bytes], kind: type[PipelineError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        read({"itemPrefix": "in/"}, objects)
