"""Copies a run's manifest and predictions to this machine."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from automlops.aws.connection import service_errors
from automlops.aws.stored_runs import parse_manifest, read_manifest
from automlops.errors import CommandError, CopyError, ServiceError
from automlops.tables.file_names import FileNames
from pipeline.layout import S3Location, parse_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.manifest import Manifest

PARALLEL_COPIES = 8


@dataclass(frozen=True)
class Results:
    """A run's results on this machine.

    Attributes:
        folder: directory with manifest.json and a directory for each item.
        manifest: the run's manifest.
        predictions: item → files with its predictions.
        problems: a sentence for each item whose predictions could not be copied.
    """

    folder: Path
    manifest: Manifest
    predictions: Mapping[str, list[Path]]
    problems: list[str] = field(default_factory=list)


@contextlib.contextmanager
def results_folder(out: Path) -> Iterator[None]:
    """Create `out` and check before the block that it can be written; remove it after the block if it is empty.

    Raises:
        CommandError: `out` cannot be created or written.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=out):
                pass
        except OSError as error:
            raise CommandError(f"Cannot write into {out}: {error.strerror}.", "Give another --out.") from error
        yield
    finally:
        for folder in made:
            # A directory that is not empty stays.
            with contextlib.suppress(OSError):
                folder.rmdir()


def fetch_results(
    s3: S3Client, bucket: str, run_id: str, out: Path, announce: Callable[[Manifest], None]
) -> Results | None:
    """Copy manifest.json and all predictions of a run to `out`/<run id>/.

    Predictions that cannot be read are listed in the result's `problems`, since the verdict and the others still count.

    Args:
        s3: S3 client.
        bucket: the stack's output bucket.
        run_id: the run.
        out: directory that gets a directory for the run.
        announce: receives the manifest before anything is copied.

    Returns:
        The copied results; None if the run has no manifest.

    Raises:
        CopyError: `out` cannot be written.
        ServiceError: the manifest may not be read.
    """
    content = read_manifest(s3, bucket, run_id)
    if content is None:
        return None
    manifest = parse_manifest(content)
    announce(manifest)
    folder = out / run_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "manifest.json", content)
        return _copy_predictions(s3, manifest, folder)
    except OSError as error:
        raise CopyError(
            f"The results could not be copied: cannot write into {folder}: {error.strerror}."
        ) from error


def _copy_predictions(s3: S3Client, manifest: Manifest, folder: Path) -> Results:
    names = FileNames("manifest.json")
    targets = {item.item: folder / names.take(item.item) for item in manifest.items}
    sources = {item.item: parse_uri(item.predictions_uri) for item in manifest.items if item.predictions_uri}
    predictions: dict[str, list[Path]] = {}
    problems = []
    with ThreadPoolExecutor(PARALLEL_COPIES) as pool:
        copies = {item: pool.submit(_copy_item, s3, place, targets[item]) for item, place in sources.items()}
        try:
            for item, copy in copies.items():
                try:
                    predictions[item] = copy.result()
                except ServiceError as error:
                    problems.append(f"{item}: {' '.join(error.lines)}")
        finally:
            # After Ctrl-C, copies that have not started are dropped.
            pool.shutdown(wait=False, cancel_futures=True)
    return Results(folder, manifest, predictions, problems)


def _copy_item(s3: S3Client, place: S3Location, folder: Path) -> list[Path]:
    """Copy the item's predictions: predictions.csv, or a file for each file that was scored."""
    with service_errors(f"copy {place.uri}"):
        if not place.key.endswith("/"):
            return [_download(s3, place, folder / "predictions.csv")]
        return [
            _download(s3, source, folder / _inside(source.key.removeprefix(place.key)))
            for source in _list(s3, place)
        ]


def _list(s3: S3Client, folder: S3Location) -> Iterator[S3Location]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=folder.key)
    for page in pages:
        for found in page.get("Contents", []):
            if not found["Key"].endswith("/"):
                yield S3Location(folder.bucket, found["Key"])


def _inside(key: str) -> PurePosixPath:
    """Return `key` as a relative path that stays inside its directory."""
    return PurePosixPath(*(part for part in PurePosixPath(key).parts if part not in {"/", ".."}))


def _download(s3: S3Client, source: S3Location, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    # boto3 writes to a temporary file and renames it, so that the target is never incomplete.
    s3.download_file(source.bucket, source.key, os.fspath(target))
    return target


def _write(target: Path, content: bytes) -> None:
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(content)
    part.replace(target)
