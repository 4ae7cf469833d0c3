"""What of the entry point only a process can show: an image has one program for each command and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .containers import ENTRYPOINT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("arguments", [[], ["predict"]])
def test_an_unknown_command_is_refused(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, str(ENTRYPOINT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "train|serve" in run.stdout


@pytest.mark.parametrize("name", ["train", "serve"])
def test_a_link_named_after_the_command_needs_no_argument(tmp_path: Path, name: str) -> None:
    link = tmp_path / name
    link.symlink_to(ENTRYPOINT)
    run = subprocess.run(
        [sys.executable, str(link)],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "There is no data" in run.stdout if name == "train" else "no model.json" in run.stdout


def test_a_server_that_ends_by_a_fault_of_its_own_does_not_blame_the_user(tmp_path: Path) -> None:
    model = tmp_path / "model" / "model.json"
    model.parent.mkdir()
    # Deeper than Python's reader goes, which nobody foresaw.
    model.write_text("[" * 200_000, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(ENTRYPOINT), "serve"],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2, run.stdout
    assert "an internal error" in run.stdout
