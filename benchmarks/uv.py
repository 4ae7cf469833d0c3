"""Runs uv, the one of the project's environment if there is one, and creates environments with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT = 600


def run_uv(*arguments: str) -> None:
    """Run uv in the project's folder.

    Raises:
        subprocess.SubprocessError: uv failed, and `stderr` says why, or took too long.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else "uv"
    subprocess.run(
        [uv, "--quiet", *arguments], cwd=ROOT, check=True, capture_output=True, text=True, timeout=TIMEOUT
    )


def install(python: Path, target: Path, *arguments: str) -> None:
    """Install the packages that the arguments name into a plain folder."""
    run_uv("pip", "install", "--no-config", "--python", str(python), "--target", str(target), *arguments)


def make_environment(folder: Path, requirements: Path) -> Path:
    """Create an environment of this Python with exactly the listed packages and their byte code; return its interpreter."""
    run_uv("venv", "--no-config", "--no-project", "--python", sys.executable, str(folder))
    python = folder / "bin" / "python"
    listed = ("--no-deps", "--requirements", str(requirements))
    run_uv("pip", "install", "--no-config", "--python", str(python), "--compile-bytecode", *listed)
    return python
