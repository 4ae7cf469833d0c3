"""Runs a command, and measures its time and the memory of its largest process.

This file is also the program that starts the command. Linux counts the memory of the starting process as the started
one's own until that has more, so a small process must start it.
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
    """Time and memory of a command.

    Attributes:
        seconds: wall time of the whole process.
        megabytes: peak memory of its largest process, shared and file pages included; in units of 1,000,000 bytes.
    """

    seconds: float
    megabytes: float


def run_measured(command: Sequence[str | Path], environment: Mapping[str, str], timeout: float) -> Usage:
    """Run a command with only this environment.

    Raises:
        subprocess.CalledProcessError: the command failed; `stderr` has all that it printed.
        subprocess.TimeoutExpired: the command took longer than `timeout` seconds, and was ended.
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
            usage, printed = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, stderr=printed)
    return Usage(**json.loads(usage))


def launch(command: list[str]) -> int:
    """Run the command with its output on stderr, print its usage as JSON, and return its exit code."""
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
