"""Keeps S3's objects in little room: there are tens of thousands of them, most of them small.

Touches moto's private parts: the name `tempfile` in moto.s3.models, of which FakeKey uses SpooledTemporaryFile alone,
and `get_canned_acl`, whose answer nobody changes.
"""

from __future__ import annotations

import functools
import tempfile
from typing import IO, TYPE_CHECKING, Any

from moto.s3 import models

from emulator.moto_patches import replace

if TYPE_CHECKING:
    from emulator.endpoint import EmulatorSettings

# Up to this size an object is bytes, which take no more room than they have; moto's buffer takes a kilobyte for itself.
SMALL = 64 * 2**10


class ObjectValue:
    """A file as moto uses it for an object's bytes: written once as a whole, then read.

    Args:
        max_size: where a file on disk takes the place of memory.
    """

    __slots__ = ("_content", "_file", "_max_size", "_position")

    def __init__(self, max_size: int = 0) -> None:
        self._max_size = max_size
        self._content = b""
        self._position = 0
        self._file: IO[bytes] | None = None

    def write(self, chunk: bytes) -> int:
        """Put `chunk` at the position."""
        if self._file is None and self._position + len(chunk) > SMALL:
            self._file = tempfile.SpooledTemporaryFile(self._max_size)  # noqa: SIM115 - closed by close
            self._file.write(self._content)
            self._file.seek(self._position)
            self._content = b""
        if self._file is not None:
            return self._file.write(chunk)
        after = self._content[self._position + len(chunk) :]
        self._content = b"".join((self._content[: self._position], chunk, after))
        self._position += len(chunk)
        return len(chunk)

    def read(self, size: int = -1) -> bytes:
        """Return the bytes at the position, `size` at most."""
        if self._file is not None:
            return self._file.read(size)
        end = len(self._content) if size < 0 else self._position + size
        chunk = self._content[self._position : end]
        self._position += len(chunk)
        return chunk

    def seek(self, position: int) -> int:
        """Go to a position, counted from the start."""
        if self._file is not None:
            return self._file.seek(position)
        self._position = position
        return position

    def truncate(self) -> int:
        """Drop what comes at the position."""
        if self._file is not None:
            return self._file.truncate()
        self._content = self._content[: self._position]
        return self._position

    def close(self) -> None:
        """Drop it all."""
        if self._file is not None:
            self._file.close()
        self._content = b""


class _TemporaryFiles:
    """Stands for the module `tempfile` where only this of it is used."""

    SpooledTemporaryFile: Any = ObjectValue


# Every object has one, and all are the same few.
_canned_acl = functools.lru_cache(maxsize=16)(models.get_canned_acl)


def install(settings: EmulatorSettings) -> None:  # noqa: ARG001 - every part is installed the same way
    """Make moto's objects keep their bytes this way, and share their access lists."""
    replace(models, "tempfile", _TemporaryFiles)
    replace(models, "get_canned_acl", _canned_acl, expects=("acl",))
