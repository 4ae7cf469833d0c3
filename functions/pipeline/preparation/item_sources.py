"""Reads a run's items from their source: a list in the request, a list in S3, or the folders under a prefix."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from aws_lambda_powertools.utilities.parser import ValidationError

from pipeline import layout, naming
from pipeline.aws import s3_objects
from pipeline.contracts import MAX_ITEMS, ItemRequest, ListedItem, problems_of
from pipeline.documents import parse_body
from pipeline.errors import DataNotFoundError, InvalidRequestError
from pipeline.fields import check_data_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.contracts import RunRequest

# Ten thousand entries of 10 KB each.
MAX_LIST_BYTES = 100 * 1024 * 1024
# The state of a child execution, at most 256 KiB, holds the line, results of its tasks and up to 32 KiB of a Cause.
MAX_LINE_BYTES = 128 * 1024
# Problems that the error message names for one line of a list.
PROBLEMS_SHOWN_OF_A_LINE = 5


class Entry(NamedTuple):
    """A requested item.

    Attributes:
        place: its place in the source, for error messages.
        request: the item and its settings.
    """

    place: str
    request: ItemRequest


def read_entries(request: RunRequest, s3: S3Client, data_bucket: str) -> list[Entry]:
    """Return the items of a request that is not a rerun, in their order.

    Raises:
        InvalidRequestError: the list has invalid entries, an item twice, or too many items; the message lists every
            problem.
        DataNotFoundError, DataNotReadableError, DataTooLargeError: the list or the folder cannot be read.
    """
    if request.items_uri is not None:
        body = s3_objects.read_data(s3, request.items_uri, MAX_LIST_BYTES)
        return parse_list(body, request.items_uri)
    if request.item_prefix is not None:
        return _folders(s3, request.item_prefix, data_bucket)
    return [Entry(f"itemList[{index}]", entry) for index, entry in enumerate(request.item_list or [])]


def parse_list(body: bytes, uri: str) -> list[Entry]:
    """Return the entries of a list of items: JSON Lines, one entry of itemList on each line; empty lines are skipped.

    Args:
        body: the list, UTF-8.
        uri: its URI, for error messages.

    Raises:
        InvalidRequestError: lines are wrong; the message names every one.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    line_numbers: dict[str, list[int]] = {}
    count = 0
    for number, line in _lines(body):
        count += 1
        if count > MAX_ITEMS:
            raise InvalidRequestError(
                [f"itemsUri: {uri} has more than {MAX_ITEMS:,} items; split it into several runs"]
            )
        place = f"itemsUri, line {number}"
        try:
            entry = _parse_line(line)
        except InvalidRequestError as error:
            problems += [f"{place}: {problem}" for problem in error.problems[:PROBLEMS_SHOWN_OF_A_LINE]]
            continue
        entries.append(Entry(place, entry))
        line_numbers.setdefault(entry.item, []).append(number)
    if not count:
        raise InvalidRequestError([f"itemsUri: {uri} has no items; write one entry on each line, as in itemList"])
    problems += [
        f"itemsUri: {name!r} is on lines {', '.join(map(str, numbers[:-1]))} and {numbers[-1]};"
        " each item may be listed once"
        for name, numbers in line_numbers.items()
        if len(numbers) > 1
    ]
    if problems:
        raise InvalidRequestError(problems)
    return entries


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, each with its number, from 1."""
    for number, line in enumerate(io.BytesIO(body.removeprefix(b"\xef\xbb\xbf")), start=1):
        if stripped := line.strip():
            yield number, stripped


def _parse_line(line: bytes) -> ItemRequest:
    if len(line) > MAX_LINE_BYTES:
        raise InvalidRequestError([f"an entry has at most {MAX_LINE_BYTES:,} bytes, not {len(line):,}"])
    try:
        return parse_body(ListedItem, line)
    except UnicodeDecodeError as error:
        raise InvalidRequestError(["must be UTF-8 text"]) from error
    except ValidationError as error:
        problems = problems_of(error)
        if error.errors()[0]["type"] == "json_invalid":
            problems = [f"must be JSON, an item's name in quotes or an object: {problems[0]}"]
        raise InvalidRequestError(problems) from error


def _folders(s3: S3Client, prefix: str, data_bucket: str) -> list[Entry]:
    """Return an item for each folder directly under `prefix`; the folder holds its data."""
    uri = prefix if prefix.startswith("s3://") else f"s3://{data_bucket}/{prefix}"
    names = s3_objects.list_folders(s3, uri, MAX_ITEMS)
    if len(names) > MAX_ITEMS:
        raise InvalidRequestError(
            [f"itemPrefix: there are more than {MAX_ITEMS:,} folders under {uri}; list the items in several runs"]
        )
    if not names:
        raise DataNotFoundError(
            f"there is no folder under {uri}; each item needs a folder of its own there, with its data"
        )
    # In this prefix, the item's data is one file in its folder, which may hold other files, too.
    own_layout = uri == f"s3://{data_bucket}/{layout.DATA_PREFIX}/"
    entries: list[Entry] = []
    problems: list[str] = []
    for name in names:
        place = f"itemPrefix: folder {uri}{name}/"
        if problem := naming.item_problem(name):
            problems.append(f"{place}: {problem}")
            continue
        try:
            folder = None if own_layout else check_data_uri(f"{uri}{name}/")
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        entries.append(Entry(place, ItemRequest(item=name, input=folder)))
    if problems:
        raise InvalidRequestError(problems)
    return entries
