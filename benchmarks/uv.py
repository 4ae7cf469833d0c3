"""Runs uv, the project's own if there is one, and makes environments with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT = 600


def run_uv(*arguments: str) -> None:
    """Runs uv in the project's folder.

    Raises:
        subprocess.SubprocessError: it failed, and `stderr` says why, or took too long.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else "uv"
    subprocess.run(
        [uv, "--quiet", *arguments], cwd=ROOT, check=True, capture_output=True, text=True, timeout=TIMEOUT
    )


def install(python: Path, target: Path, *arguments: str) -> None:
    """Installs what the arguments name into a plain folder."""
    run_uv("pip", "install", "--no-config", "--python", str(python), "--target", str(target), *arguments)


def make_environment(folder: Path, requirements: Path) -> Path:
    """A virtual environment of this Python with exactly the listed packages and their byte code; its interpreter."""
    run_uv("venv", "--no-config", "--no-project", "--python", sys.executable, str(folder))
    python = folder / "bin" / "python"
    listed = ("--no-deps", "--requirements", str(requirements))
    run_uv("pip", "install", "--no-config", "--python", str(python), "--compile-bytecode", *listed)
    return python
