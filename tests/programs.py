"""Runs programs that must succeed, as processes of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

# Enough for sam on a busy machine.
TIMEOUT_IN_SECONDS = 240


def run_program(
    *words: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    umask: int = -1,
) -> subprocess.CompletedProcess[str]:
    """Run a program without a terminal; return its output.

    Args:
        words: the program and its arguments.
        folder: where it runs.
        environment: its variables; None is this process's.
        umask: its umask; -1 is this process's.
    """
    ended = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=dict(os.environ if environment is None else environment),
        umask=umask,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_IN_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended
