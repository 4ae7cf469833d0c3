"""Moves files between S3 and a job's directory, as SageMaker names them on either side."""

from __future__ import annotations

import gzip
import posixpath
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from emulator.sagemaker.errors import JobFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

# No threads of its own: there is one per job already. Parts bound the memory a large upload takes.
_TRANSFER = TransferConfig(use_threads=False, multipart_threshold=64 * 2**20, multipart_chunksize=64 * 2**20)
_COPY_BYTES = 2**20


@dataclass(frozen=True)
class S3Place:
    """A bucket and a key or prefix in it."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> S3Place:
        """From `s3://bucket/key`."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return cls(bucket, key)

    def under(self, *parts: str) -> S3Place:
        """Return the place of `parts` below this one, joined by one slash each."""
        head = [self.key.rstrip("/")] if self.key.rstrip("/") else []
        return S3Place(self.bucket, "/".join([*head, *parts]))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class S3File:
    """An object that a prefix found.

    Attributes:
        place: where it is.
        relative: its path below the prefix, with slashes.
    """

    place: S3Place
    relative: str


def list_files(s3: Any, prefix: S3Place) -> Iterator[S3File]:
    """Every object whose key begins with the prefix, in key order; no folder: `item1` finds `item10/x` too.

    Objects that only stand for folders (a key that ends in a slash) are left out. A bucket that does not exist is
    empty.
    """
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key):
            for found in page.get("Contents", []):
                if not found["Key"].endswith("/"):
                    yield S3File(S3Place(prefix.bucket, found["Key"]), relative_path(found["Key"], prefix.key))
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise


def relative_path(key: str, prefix: str) -> str:
    """Return the name that SageMaker gives the object `key`, found by `prefix`, in a job's directory."""
    if key == prefix:
        return posixpath.basename(key)
    if prefix.endswith("/") or not prefix:
        return key.removeprefix(prefix)
    # `item1` as a folder first; what it matched only as letters keeps the name of its own folder.
    if key.startswith(f"{prefix}/"):
        return key.removeprefix(f"{prefix}/")
    return key.removeprefix(f"{posixpath.dirname(prefix)}/")


def missing_objects_message(uri: str, role: str | None, region: str) -> str:
    """AWS's words for a data source without objects."""
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
        f"exists in the selected region ({region}), that objects exist under that S3 prefix, and that the role "
        f'"{role or ""}" has "s3:ListBucket" permissions on bucket "{S3Place.parse(uri).bucket}".'
    )


def local_path(root: Path, relative: str) -> Path:
    """Where an object goes below `root`.

    Raises:
        JobFailedError: its key would lead outside (`..` in it) .
    """
    target = Path(root, relative.lstrip("/"))
    if ".." in target.relative_to(root).parts:
        raise JobFailedError(f"ClientError: Data download failed:The key {relative} leads out of its folder.")
    return target


def download(s3: Any, place: S3Place, target: Path) -> None:
    """One object to one file, folders made as needed.

    Raises:
        JobFailedError: the object is not there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"]
    except ClientError as error:
        raise JobFailedError(f"ClientError: Data download failed:{_told(error)}: {place}") from error
    with body, target.open("wb") as file:
        shutil.copyfileobj(body, file, _COPY_BYTES)


def upload(s3: Any, source: Path, place: S3Place) -> None:
    """One file to one object.

    Raises:
        JobFailedError: S3 refused it, the bucket does not exist for example.
    """
    try:
        s3.upload_file(str(source), place.bucket, place.key, Config=_TRANSFER)
    except S3UploadFailedError as error:
        cause = error.__cause__ or error.__context__
        told = _told(cause) if isinstance(cause, ClientError) else str(error)
        raise JobFailedError(f"ClientError: Artifact upload failed:{told}: {place}") from error
    except ClientError as error:
        raise JobFailedError(f"ClientError: Artifact upload failed:{_told(error)}: {place}") from error


def upload_folder(s3: Any, folder: Path, place: S3Place) -> None:
    """Every file below a folder, under the same relative names.

    Raises:
        JobFailedError: S3 refused one.
    """
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            upload(s3, file, place.under(file.relative_to(folder).as_posix()))


def unpack_gzip(file: Path) -> Path:
    """Replace a gzip file by its content, under its name without `.gz`; answers the new path.

    Raises:
        JobFailedError: it is no gzip file, or cut off.
    """
    target = file.with_suffix("") if file.suffix == ".gz" else file
    unpacked = file.with_name(f"{file.name}.unpacked")
    try:
        with gzip.open(file) as packed, unpacked.open("wb") as plain:
            shutil.copyfileobj(packed, plain, _COPY_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise JobFailedError(
            f"ClientError: Data download failed:{file.name} is not a gzip file: {error}"
        ) from error
    file.unlink()
    return unpacked.rename(target)


def pack_folder(folder: Path, archive: Path) -> bool:
    """Pack what is in a folder into a tar.gz; false, and nothing made, when it holds nothing."""
    entries = sorted(folder.iterdir())
    if entries:
        with tarfile.open(archive, mode="w:gz") as tar:
            for entry in entries:
                tar.add(entry, arcname=entry.name)
    return bool(entries)


def unpack_model(archive: Path, folder: Path) -> None:
    """Unpack model.tar.gz; nothing in it may lead outside of `folder`.

    Raises:
        JobFailedError: it is no tar.gz, or holds a name or link that leads outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            _extract(tar, folder)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise JobFailedError(
            "ClientError: Failed to extract model data archive. Please ensure that the object located at the URL "
            f"is a valid tar.gz archive: {error}"
        ) from error


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    # Python 3.11.4 brought the filter; Debian 12 has 3.11.2.
    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
        return
    for member in tar.getmembers():
        inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
        if not inside or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name!r} leads outside, or is neither a file nor a folder")
    tar.extractall(folder)  # noqa: S202 - every member was checked above


def _told(error: ClientError) -> str:
    told = error.response["Error"]
    return f"{told.get('Code', '')} ({told.get('Message', '')})"
