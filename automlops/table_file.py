"""Opens a table that somebody keeps on this machine: plain, or packed with gzip or xz."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from automlops.errors import CommandError

GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"


def check_file(path: Path) -> None:
    """Makes sure that `path` is a file that can be read.

    Raises:
        CommandError: it is missing, something else than a file, or not readable.
    """
    if not path.exists():
        raise CommandError(f"There is no file {path}.")
    if not path.is_file():
        raise CommandError(f"{path} is not a file.")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def open_table(path: Path) -> Iterator[BinaryIO]:
    """The bytes of the table at `path`, unpacked; what packs it is known by its first bytes, not by its name.

    Raises:
        CommandError: it cannot be read, or what packs it is damaged (found while reading).
    """
    check_file(path)
    with path.open("rb") as head:
        magic = head.read(len(XZ_MAGIC))
    try:
        if magic.startswith(GZIP_MAGIC):
            with gzip.open(path, "rb") as stream:
                yield cast("BinaryIO", stream)
        elif magic == XZ_MAGIC:
            with lzma.open(path, "rb") as stream:
                yield cast("BinaryIO", stream)
        else:
            with path.open("rb") as stream:
                yield stream
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise CommandError(f"{path} is packed and damaged: {error}.") from error
