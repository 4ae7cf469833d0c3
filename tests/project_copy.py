"""A copy of the project in which make runs, with this Python's packages as its own set-up."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.sam_build import copy_project


def copy_ready_project(folder: Path, *more: str) -> Path:
    """Copy what make and sam need, and `more`, to a new folder where `make dev` has nothing to do."""
    copy_project(folder, "Makefile", "uv.lock", *more)
    (folder / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    for name in ("run.stamp", "dev.stamp"):
        (folder / ".venv" / name).touch()
    return folder
