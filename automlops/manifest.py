"""Reads what a run's manifest.json says."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from automlops.errors import RunBrokenError


# Keys that these do not name are for readers of a later version.
class ManifestItem(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one item.

    Attributes:
        item: its name.
        status: its verdict.
        stage: the state it ended in.
        reason: why it did not succeed.
        predictions_uri: S3 URI of its predictions, or of a folder of them (ending in `/`).
        metrics: what training wrote into metrics.json.
        duration_seconds: from the start of its first job to its end.
        trained_in: the run in whose folder its training wrote; None if it was scored without.
        unchanged_since: the run whose predictions still hold; None if this one has made them.
    """

    item: str
    status: Literal["SUCCEEDED", "FAILED", "UNFINISHED"]
    stage: str | None = None
    reason: str | None = None
    predictions_uri: str | None = None
    metrics: dict[str, Any] | None = None
    duration_seconds: float | None = None
    trained_in: str | None = None
    unchanged_since: str | None = None


class Counts(Struct, frozen=True, kw_only=True, rename="camel"):
    """How many items the run had, and how many ended how; those unchanged are among those that succeeded."""

    total: int
    succeeded: int
    failed: int
    unfinished: int
    unchanged: int = 0


class MapRunError(Struct, frozen=True, kw_only=True, rename="pascal"):
    """Why the map run itself broke, in Step Functions' own spelling."""

    error: str = ""
    cause: str = ""


class Manifest(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a run."""

    run_id: str
    mode: str = "train"
    verdict: Literal["SUCCEEDED", "FAILED"]
    counts: Counts
    items: list[ManifestItem]
    map_run_error: MapRunError | None = None


def parse_manifest(content: bytes) -> Manifest:
    """The manifest that `content` is.

    Raises:
        RunBrokenError: it is none.
    """
    try:
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunBrokenError(f"The run's manifest.json cannot be read: {error}") from error
