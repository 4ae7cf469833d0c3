"""Containers as groups of processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from emulator.sagemaker.control import JobControl
from emulator.sagemaker.errors import JobFailedError
from emulator.sagemaker.processes import ContainerProcess

# A parent and a child that ignore SIGTERM; each prints its number.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print(os.getpid(), flush=True)
time.sleep(600)
"""

# A parent that prints its child's number and ends; the child sleeps.
PARENT_OF_A_SLEEPER = """
import os, time
child = os.fork()
if child:
    print(child, flush=True)
else:
    time.sleep(600)
"""


def start(folder: Path, script: str) -> tuple[ContainerProcess, list[bytes], JobControl]:
    printed: list[bytes] = []
    control = JobControl()
    process = ContainerProcess(
        [sys.executable, "-c", script],
        environment={},
        folder=folder,
        output=printed.append,
        control=control,
    )
    return process, printed, control


def printed_numbers(printed: list[bytes], count: int) -> list[int]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and b"".join(printed).count(b"\n") < count:
        time.sleep(0.02)
    return [int(line) for line in b"".join(printed).split()]


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended but was not collected yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_dead(pids: list[int]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(map(is_alive, pids)):
        time.sleep(0.02)
    return not any(map(is_alive, pids))


@pytest.mark.parametrize(
    ("script", "code"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_exit_code_is_dockers(tmp_path: Path, script: str, code: int) -> None:
    process, _, _ = start(tmp_path, script)
    assert process.wait(10)
    assert process.exit_code == code
    process.end(0)


def test_all_that_was_printed_is_read(tmp_path: Path) -> None:
    process, printed, _ = start(
        tmp_path, "import sys; print('x' * 1_000_000, flush=True); print('end', file=sys.stderr)"
    )
    assert process.wait(10)
    process.end(0)
    assert b"".join(printed) == b"x" * 1_000_000 + b"\nend\n"


def test_end_kills_the_whole_group_after_the_grace(tmp_path: Path) -> None:
    process, printed, _ = start(tmp_path, STUBBORN)
    pids = printed_numbers(printed, 2)
    started = time.monotonic()
    process.end(0.3)
    assert 0.3 <= time.monotonic() - started < 5
    assert process.exit_code == 137
    assert len(pids) == 2
    assert wait_until_dead(pids)


@pytest.mark.parametrize("has_waitid", [True, False], ids=["waitid", "without waitid"])
def test_children_do_not_outlive_their_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_waitid: bool
) -> None:
    if not has_waitid:
        monkeypatch.delattr(os, "waitid")
    # The child writes nothing, so that only a signal can end it; the parent ends at once.
    process, printed, _ = start(tmp_path, PARENT_OF_A_SLEEPER)
    [child] = printed_numbers(printed, 1)
    try:
        assert process.wait(10)
        # Before `end`, which has nothing to do for a process that has ended.
        assert wait_until_dead([child])
        process.end(0)
    finally:
        if is_alive(child):
            os.kill(child, signal.SIGKILL)


def test_end_of_the_emulator_cuts_the_grace_short(tmp_path: Path) -> None:
    process, printed, control = start(tmp_path, STUBBORN)
    printed_numbers(printed, 2)
    threading.Timer(0.2, lambda: control.stop(abandon=True)).start()
    started = time.monotonic()
    process.end(60)
    assert time.monotonic() - started < 5


def test_wait_wakes_at_a_stop(tmp_path: Path) -> None:
    process, _, control = start(tmp_path, "import time; time.sleep(600)")
    threading.Timer(0.2, control.stop).start()
    started = time.monotonic()
    assert not process.wait(60, until_stop=True)
    assert time.monotonic() - started < 5
    process.end(0)


def test_command_that_cannot_be_started_fails_the_job(tmp_path: Path) -> None:
    with pytest.raises(JobFailedError, match=r"CannotStartContainerError.*docker run <image> train"):
        ContainerProcess(
            [str(tmp_path / "no-such-program"), "train"],
            environment={},
            folder=tmp_path,
            output=lambda _: None,
            control=JobControl(),
        )
