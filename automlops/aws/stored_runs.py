"""Reads a run's manifest.json, which an earlier version may have written with fewer keys."""

from __future__ import annotations

from automlops.errors import RunBrokenError
from pipeline.documents import read_document
from pipeline.manifest import Manifest


def parse_manifest(content: bytes) -> Manifest:
    """The manifest that `content` is.

    Raises:
        RunBrokenError: it is none.
    """
    try:
        return read_document(Manifest, content)
    except ValueError as error:
        raise RunBrokenError(f"The run's manifest.json cannot be read: {error}") from error
