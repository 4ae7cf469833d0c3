"""The script of the bare machine says why it does not run, and leaves nothing behind, whatever ends it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

# What the script finds in place of the system's own. Only the last unshare runs anything, and there the commands fail.
PROGRAMS = {
    "id": "echo 0",
    "git": "case $* in *-z) printf 'README.md\\0' ;; *) echo README.md ;; esac",
    "unshare": 'case "$*" in *" bash "*) exit 7 ;; esac',
    "chroot": "exit 1",
    "mmdebstrap": 'for root; do :; done; mkdir --parents "$root/etc" "$root/root"',
}


@pytest.fixture
def bare(root: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the script with a folder of its own for temporary files."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "temporary files").mkdir()

    def run(*arguments: str, **programs: str) -> subprocess.CompletedProcess[str]:
        for name, body in {**PROGRAMS, **programs}.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path / "temporary files"),
        }
        return subprocess.run(
            [root / ".ci" / "bare", *arguments],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def left(tmp_path: Path) -> list[Path]:
    """Return the files that the script did not remove."""
    return list((tmp_path / "temporary files").iterdir())


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        pytest.param({"id": "echo 1000"}, "only root can make one", id="not root"),
        pytest.param({"unshare": "exit 1"}, "this kernel allows no private mount", id="no mounts"),
        pytest.param({"git": "exit 128"}, "git does not say which files are the project's", id="no checkout"),
        pytest.param(
            {"mmdebstrap": "echo 'W: slow' >&2; echo 'E: no mirror' >&2; exit 1"},
            "mmdebstrap could not make a root of bookworm: E: no mirror",
            id="no mirror",
        ),
    ],
)
def test_where_it_cannot_run_it_says_so_and_is_no_failure(
    bare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, programs: dict[str, str], reason: str
) -> None:
    ended = bare(**programs)
    assert (ended.returncode, ended.stdout) == (0, f"bare machine NOT run: {reason}\n"), ended.stderr
    assert left(tmp_path) == []


def test_an_unknown_release_is_refused(bare: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ended = bare("potato")
    assert ended.returncode == 2
    assert "bookworm, trixie or sid, not potato" in ended.stderr


def test_what_fails_inside_fails_and_leaves_nothing(
    bare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    ended = bare("trixie")
    assert ended.returncode == 7, ended.stderr
    assert left(tmp_path) == []


def test_a_root_that_has_a_compiler_is_not_bare(
    bare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    ended = bare(chroot='case "$*" in *" gcc") ;; *) exit 1 ;; esac')
    assert (ended.returncode, ended.stderr) == (1, "the root of bookworm is not bare: it has gcc\n")
    assert left(tmp_path) == []


def test_nothing_is_deleted_below_a_mount(
    bare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    # The system's list of mounts, as it would have a folder of the script's; spaces are octal numbers there.
    ended = bare(awk='echo "$TMPDIR"/*/root | sed "s/ /\\\\\\\\040/g"')
    [home] = left(tmp_path)
    assert (home / "root").is_dir()
    assert f"{home} is left, because something is mounted below it" in ended.stderr
