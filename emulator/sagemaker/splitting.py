"""Cuts an input file into requests, as SplitType, BatchStrategy and MaxPayloadInMB say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class PayloadTooLargeError(Exception):
    """A record, or an unsplit file, is larger than MaxPayloadInMB."""


@dataclass(frozen=True)
class Payload:
    """The body of one request: bytes, or a whole file that is never read into memory.

    Attributes:
        content: the bytes, when the file is split.
        file: the file, when it is not.
    """

    content: bytes = b""
    file: Path | None = None


class BatchStrategy(Protocol):
    """Puts records together into requests."""

    def batch(self, records: Iterable[bytes]) -> Iterator[bytes]:
        """Bodies of requests, in order.

        Raises:
            PayloadTooLargeError: a record does not fit into a request.
        """
        ...


class SingleRecord:
    """One record per request."""

    def __init__(self, max_bytes: int | None) -> None:
        """Set the largest request; None is without bound."""
        self._max_bytes = max_bytes

    def batch(self, records: Iterable[bytes]) -> Iterator[bytes]:
        """See BatchStrategy."""
        for record in records:
            _check_size(len(record), self._max_bytes)
            yield record


class MultiRecord:
    """As many records per request as fit."""

    # A request without a limit of its own is still bounded by memory.
    _UNBOUNDED_BYTES = 100 * 2**20

    def __init__(self, max_bytes: int | None) -> None:
        """Set the largest request; None is without bound for a record, but requests still end somewhere."""
        self._max_bytes = max_bytes

    def batch(self, records: Iterable[bytes]) -> Iterator[bytes]:
        """See BatchStrategy."""
        room = self._max_bytes or self._UNBOUNDED_BYTES
        batch = bytearray()
        for record in records:
            _check_size(len(record), self._max_bytes)
            if batch and len(batch) + len(record) > room:
                yield bytes(batch)
                batch.clear()
            batch += record
        if batch:
            yield bytes(batch)


def line_records(file: BinaryIO, max_bytes: int | None) -> Iterator[bytes]:
    """Lines with their own ends; a header is a record like any other, and so is an empty line.

    Raises:
        PayloadTooLargeError: a line is longer than `max_bytes`, found without reading all of it.
    """
    # One byte more than allowed is enough to know.
    limit = -1 if max_bytes is None else max_bytes + 1
    while line := file.readline(limit):
        _check_size(len(line), max_bytes)
        yield line


def split_file(file: Path, split_type: str, strategy: str, max_bytes: int | None) -> Iterator[Payload]:
    """Return the requests of one input file; an empty file has none.

    Args:
        file: on disk, unpacked.
        split_type: `None` or `Line`.
        strategy: `SingleRecord` or `MultiRecord`, for `Line`.
        max_bytes: MaxPayloadInMB in bytes; None is without bound.

    Raises:
        PayloadTooLargeError: a record, or an unsplit file, does not fit into a request.
    """
    size = file.stat().st_size
    if split_type == "None":
        _check_size(size, max_bytes)
        if size:
            yield Payload(file=file)
        return
    batching: BatchStrategy = SingleRecord(max_bytes) if strategy == "SingleRecord" else MultiRecord(max_bytes)
    with file.open("rb") as opened:
        for content in batching.batch(line_records(opened, max_bytes)):
            yield Payload(content=content)


def _check_size(size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise PayloadTooLargeError
