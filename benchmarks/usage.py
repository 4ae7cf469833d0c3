"""Runs a command to its end; says how long it took and how much memory its largest process had.

This file is also the program that starts the command. Linux counts the memory of whoever starts a process as the
process's own until it has more itself, so a small one has to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """What a command took.

    Attributes:
        seconds: wall time of the whole process.
        megabytes: most memory that one of its processes had at once, shared and file pages included; in units of
            1,000,000 bytes.
    """

    seconds: float
    megabytes: float


def run_measured(command: Sequence[str | Path], environment: Mapping[str, str], timeout: float) -> Usage:
    """Runs a command with nothing but this environment.

    Raises:
        subprocess.CalledProcessError: the command failed; `stderr` has all that it printed.
        subprocess.TimeoutExpired: it took longer than `timeout` seconds, and was ended.
    """
    words = [str(word) for word in command]
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *words]
    with subprocess.Popen(
        launcher,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            told, printed = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, stderr=printed)
    return Usage(**json.loads(told))


def launch(command: list[str]) -> int:
    """Runs the command, what it prints going to stderr; prints its usage as JSON; its exit code."""
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": usage.ru_maxrss * unit / 1e6}))
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
