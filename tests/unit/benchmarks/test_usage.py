"""What a command took: its own memory alone, and what it says when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.usage import run_measured

PYTHON = [sys.executable, "-I", "-S", "-c"]


def test_a_commands_memory_is_its_own_and_not_that_of_whoever_starts_it() -> None:
    here = b"1" * 200_000_000
    small = run_measured([*PYTHON, ""], {}, timeout=60)
    large = run_measured([*PYTHON, "there = b'1' * 100_000_000"], {}, timeout=60)
    assert len(here) > 150_000_000
    assert small.megabytes < 50
    assert 100 < large.megabytes < 150


def test_time_is_that_of_the_whole_process() -> None:
    assert 0.3 <= run_measured([*PYTHON, "import time; time.sleep(0.3)"], {}, timeout=60).seconds < 30


def test_a_command_has_only_the_environment_that_it_is_given(tmp_path: Path) -> None:
    code = f"import os; open({str(tmp_path / 'seen')!r}, 'w').write(' '.join(os.environ))"
    run_measured([*PYTHON, code], {"ONE": "1", "LC_ALL": "C.UTF-8"}, timeout=60)
    assert set((tmp_path / "seen").read_text().split()) >= {"ONE"}
    assert "HOME" not in (tmp_path / "seen").read_text().split()


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("print('to stdout', flush=True); import sys; sys.exit('no such data')", 1),
        ("print('to stdout', 'no such data', flush=True); import os; os.kill(os.getpid(), 9)", 137),
    ],
    ids=["exit code", "signal"],
)
def test_a_command_that_fails_is_quoted(code: str, exit_code: int) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_measured([*PYTHON, code], {}, timeout=60)
    assert failed.value.returncode == exit_code
    assert failed.value.cmd == [*PYTHON, code]
    assert "to stdout" in failed.value.stderr
    assert "no such data" in failed.value.stderr


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired):
        run_measured([*PYTHON, code], {}, timeout=2)
    process = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _runs(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(process)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    # Whoever is to collect it may be slow; what is dead does not run.
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
