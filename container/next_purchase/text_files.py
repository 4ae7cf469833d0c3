"""Opens a CSV file in any form people have (gzip, byte order mark, Latin-1), on disk or in memory, as plain text."""

from __future__ import annotations

import codecs
import gzip
import io
import shutil
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from next_purchase.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class TextFile:
    """Text that was given as a file or as bytes, plain or gzip."""

    name: str
    """For messages."""
    content: Path | bytes
    """Where it lies, or the bytes themselves."""

    @contextmanager
    def open_bytes(self) -> Iterator[io.BufferedReader | io.BytesIO | gzip.GzipFile]:
        """Open the unpacked bytes.

        Raises:
            DataError: While reading, where the gzip file is damaged or cut off.
        """
        packed = self.is_packed()
        with self._open_raw() as raw:
            if not packed:
                yield raw
                return
            try:
                with gzip.open(raw, "rb") as unpacked:
                    yield unpacked
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise DataError(self.explain_damage(error)) from error

    @contextmanager
    def open_text(self, encoding: str = "utf-8-sig") -> Iterator[IO[str]]:
        """Open the text; bytes that are none in the encoding are replaced, and line ends stay as they are."""
        with (
            self.open_bytes() as unpacked,
            io.TextIOWrapper(unpacked, encoding=encoding, errors="replace", newline="\n") as text,
        ):
            yield text

    def is_packed(self) -> bool:
        """Whether it is gzip, whatever its name."""
        with self._open_raw() as raw:
            return raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC

    def explain_damage(self, error: Exception) -> str:
        """Say that it cannot be unpacked."""
        return f"{self.name} is a damaged or cut-off gzip file: {error}."

    def _open_raw(self) -> io.BufferedReader | io.BytesIO:
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


def check_text(file: TextFile) -> None:
    """Look at the first bytes.

    Raises:
        DataError: The file is empty, damaged, or not text at all.
    """
    with file.open_bytes() as unpacked:
        start = unpacked.read(_BLOCK_BYTES)
    if not start.strip(b"\xef\xbb\xbf\r\n\t ,;"):
        raise DataError(f"{file.name} is empty.")
    if start.startswith(_ZIP_MAGIC):
        raise DataError(f"{file.name} is a zip or Excel file, not CSV text: save it as CSV first.")
    if start.startswith(_ZSTD_MAGIC):
        raise DataError(f"{file.name} is a zstd file: unpack it, or pack it with gzip.")
    if start.startswith(_UTF16_MARKS):
        raise DataError(f"{file.name} is UTF-16 text: save it as CSV in UTF-8.")
    if b"\0" in start:
        raise DataError(f"{file.name} is not a text file.")


def is_utf8(file: TextFile) -> bool:
    """Whether all of the file can be read as UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open_bytes() as unpacked:
        try:
            while block := unpacked.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def recode_latin(file: TextFile, scratch: Path) -> TextFile:
    """Copy a file that is not UTF-8 into a new one in `scratch` that is."""
    with (
        # Windows-1252 is Latin-1 with letters in place of unused control codes; most "Latin-1" files are that.
        file.open_text("cp1252") as text,
        tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=scratch, delete=False) as plain,
    ):
        shutil.copyfileobj(text, plain, _BLOCK_BYTES)
    return TextFile(file.name, Path(plain.name))
