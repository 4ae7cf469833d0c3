"""Recognises the format of a file by its first bytes, and decompresses it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import polars as pl

from next_purchase.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 1 << 20
_START_BYTES = 512
_TAR_MAGIC_AT = 257


class Packing(StrEnum):
    """The compression formats that can be read."""

    GZIP = "gzip"
    BZIP2 = "bz2"
    XZ = "xz"
    ZSTD = "zstd"
    ZIP = "zip"


_PACKINGS = {
    b"\x1f\x8b": Packing.GZIP,
    b"BZh": Packing.BZIP2,
    b"\xfd7zXZ\x00": Packing.XZ,
    b"\x28\xb5\x2f\xfd": Packing.ZSTD,
    b"PK\x03\x04": Packing.ZIP,
}
PARQUET_MAGIC = b"PAR1"
_SAVE_AS = "save it as CSV or Parquet"
_EXCEL = (
    "an Excel workbook, which this image does not read: give it to `automlops split` or `automlops run --item`, "
    f"which do, or {_SAVE_AS}"
)
_OTHERS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _EXCEL,
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it, or pack it with gzip",
    b"Rar!": "a rar archive: unpack it, or pack it with gzip",
    b"\x1f\x9d": "packed with compress (.Z): unpack it, or pack it with gzip",
    b"\x04\x22\x4d\x18": "an lz4 file: unpack it, or pack it with gzip",
    b"\xff\x06\x00\x00sNaPpY": "a snappy file: unpack it, or pack it with gzip",
    b"PK\x05\x06": "a zip file without a file in it",
    b"ORC": f"an ORC file: {_SAVE_AS}",
    b"Obj\x01": f"an Avro file: {_SAVE_AS}",
    b"ARROW1": f"an Arrow file: {_SAVE_AS}",
    b"SQLite format 3\x00": f"an SQLite database: {_SAVE_AS}",
    b"%PDF-": f"a PDF: {_SAVE_AS}",
}
# Files that macOS and Windows add to zip files.
_BESIDE = ("__MACOSX/", ".DS_Store", "Thumbs.db")
_DAMAGES = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True)
class DataFile:
    """A file or bytes, of any format."""

    name: str
    """For messages."""
    content: Path | bytes
    """The file's path, or the bytes themselves."""

    @contextmanager
    def open_bytes(self) -> Iterator[IO[bytes]]:
        """Open the bytes; those of a gzip file decompressed.

        Raises:
            DataError: while reading: the gzip file is damaged or cut off.
        """
        packed = self.packing() is Packing.GZIP
        with self.open_raw() as raw:
            if not packed:
                yield raw
                return
            with explaining_damage(self, Packing.GZIP), gzip.open(raw, "rb") as unpacked:
                yield cast("IO[bytes]", unpacked)

    @contextmanager
    def open_text(self, encoding: str = "utf-8-sig") -> Iterator[IO[str]]:
        """Open the text; bytes that are not valid in the encoding are replaced, and line ends stay as they are."""
        with (
            self.open_bytes() as unpacked,
            io.TextIOWrapper(unpacked, encoding=encoding, errors="replace", newline="\n") as text,
        ):
            yield text

    def open_raw(self) -> io.BufferedReader | io.BytesIO:
        """Open the bytes as they are."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    def packing(self) -> Packing | None:
        """Return the compression format by the first bytes; None if it is not compressed."""
        start = self.start()
        return next((packing for magic, packing in _PACKINGS.items() if start.startswith(magic)), None)

    def is_parquet(self) -> bool:
        """Return whether it begins as a Parquet file does."""
        return self.start().startswith(PARQUET_MAGIC)

    def start(self) -> bytes:
        """Return the first bytes as they are."""
        with self.open_raw() as raw:
            return raw.read(_START_BYTES)


def unpack(file: DataFile, scratch: Path) -> DataFile:
    """Decompress a file into `scratch`; gzip stays, since polars reads it in pieces.

    Raises:
        DataError: the file is damaged, or has a format that is not read, which the message names.
    """
    packing = file.packing()
    if packing is Packing.BZIP2:
        return _unpack_stream(file, bz2.open, packing, scratch)
    if packing is Packing.XZ:
        return _unpack_stream(file, lzma.open, packing, scratch)
    if packing is Packing.ZSTD:
        return _unpack_zstd(file, scratch)
    if packing is Packing.ZIP:
        return _unpack_zip(file, scratch)
    refuse_other_kinds(file.name, file.start())
    return file


def refuse_other_kinds(name: str, start: bytes) -> None:
    """Raise an error if the first bytes are those of a format that is not read.

    Raises:
        DataError: they are; the message names the format.
    """
    for magic, kind in _OTHERS.items():
        if start.startswith(magic):
            raise DataError(f"{name} is {kind}.")
    if start[_TAR_MAGIC_AT:].startswith(b"ustar"):
        raise DataError(f"{name} is a tar archive: take the file out of it.")


def explain_damage(name: str, kind: str, error: Exception) -> str:
    """Return that a file cannot be decompressed."""
    return f"{name} is a damaged or cut-off {kind} file: {error}."


@contextmanager
def explaining_damage(file: DataFile, packing: Packing) -> Iterator[None]:
    """Translate errors of damaged files in the block into DataError.

    Raises:
        DataError: reading it failed.
    """
    try:
        yield
    except _DAMAGES as error:
        raise DataError(explain_damage(file.name, packing, error)) from error
    except OSError as error:
        # bz2 raises OSError too; the system's errors have a number.
        if error.errno is not None:
            raise
        raise DataError(explain_damage(file.name, packing, error)) from error


def _unpack_stream(file: DataFile, opener: object, packing: Packing, scratch: Path) -> DataFile:
    open_packed = cast("type[bz2.BZ2File]", opener)
    with file.open_raw() as raw, explaining_damage(file, packing), open_packed(raw) as unpacked:
        return _copy(file.name, cast("IO[bytes]", unpacked), scratch)


def _unpack_zip(file: DataFile, scratch: Path) -> DataFile:
    with file.open_raw() as raw, explaining_damage(file, Packing.ZIP), zipfile.ZipFile(raw) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        if "[Content_Types].xml" in names:
            raise DataError(f"{file.name} is {_EXCEL}.")
        if {"mimetype", "content.xml"} <= names:
            raise DataError(f"{file.name} is an OpenDocument file: {_SAVE_AS}.")
        files = [member for member in members if not member.is_dir() and not _is_beside(member.filename)]
        if len(files) != 1:
            shown = ", ".join(member.filename for member in files[:5]) or "none"
            raise DataError(
                f"{file.name} is a zip file with {len(files)} files in it ({shown}): give the one that is meant."
            )
        try:
            with archive.open(files[0]) as unpacked:
                inner = _copy(f"{file.name} ({files[0].filename})", unpacked, scratch)
        except (RuntimeError, NotImplementedError) as error:
            # zipfile raises these if a password is needed, or if it does not know the compression method.
            raise DataError(f"{file.name} cannot be unpacked: {error}.") from error
    if inner.packing() is Packing.ZIP:
        raise DataError(f"{inner.name} is a workbook or a zip file inside a zip file: unpack it.")
    return unpack(inner, scratch)


def _is_beside(name: str) -> bool:
    return name.startswith(_BESIDE) or Path(name).name in _BESIDE


def _unpack_zstd(file: DataFile, scratch: Path) -> DataFile:
    """Decompress with polars, each line as one field; Python's own library has zstd only from 3.14 on."""
    with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as plain:
        pass
    # Text does not contain this separator, so no line is split.
    lines = pl.scan_csv(
        file.content, has_header=False, separator="\x1f", quote_char=None, infer_schema=False, glob=False
    )
    try:
        with explaining_damage(file, Packing.ZSTD):
            lines.sink_csv(plain.name, include_header=False, quote_style="never", separator="\x1f", null_value="")
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{file.name} is empty.") from error
    except pl.exceptions.ComputeError as error:
        raise DataError(
            f"{file.name} is a zstd file of text that is not UTF-8: unpack it, or pack it with gzip."
        ) from error
    return DataFile(file.name, Path(plain.name))


def _copy(name: str, unpacked: IO[bytes], scratch: Path) -> DataFile:
    with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as plain:
        shutil.copyfileobj(unpacked, plain, BLOCK_BYTES)
    return DataFile(name, Path(plain.name))
