"""Runs a container's command as a group of processes of its own, and ends all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from emulator.process_group import signal_group
from emulator.sagemaker.errors import JobFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emulator.sagemaker.control import JobControl

_CHUNK = 64 * 2**10
# For the pipe to run dry once the whole group is dead.
_DRAIN_SECONDS = 5.0


class ContainerProcess:
    """A running `train` or `serve`. Two threads serve it: one empties its pipe, one waits for its end."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: dict[str, str],
        folder: Path,
        output: Callable[[bytes], None],
        control: JobControl,
    ) -> None:
        """Start the command in a new session, with stdout and stderr in one pipe.

        Args:
            command: program and arguments.
            environment: all of its environment.
            folder: where it starts.
            output: takes what it prints, in chunks.
            control: is notified when it ends.

        Raises:
            JobFailedError: the command cannot be started.
        """
        self._control = control
        self._exit_code: int | None = None
        # Held while a signal is sent, so that the group cannot be reaped and its number given away meanwhile.
        self._alive_lock = threading.Lock()
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            output(f"[emulator] {error}\n".encode())
            raise JobFailedError(cannot_start(command[-1])) from error
        self._pump = threading.Thread(target=self._empty_pipe, args=(output,), name="sagemaker-log", daemon=True)
        self._reaper = threading.Thread(target=self._reap, name="sagemaker-reaper", daemon=True)
        self._pump.start()
        self._reaper.start()

    @property
    def exit_code(self) -> int | None:
        """As Docker counts it (128 + signal for a killed process); None while it runs."""
        return self._exit_code

    @property
    def ended(self) -> bool:
        """Whether its first process has ended, and with it all others of the group."""
        return self._exit_code is not None

    def wait(self, seconds: float, *, until_stop: bool = False) -> bool:
        """Sleep until it ends, `seconds` at most; whether it has ended.

        Args:
            seconds: the longest sleep.
            until_stop: wake as well when the job shall stop.
        """
        self._control.wait_for(lambda: self.ended or (until_stop and self._control.stopping), seconds)
        return self.ended

    def end(self, grace: float) -> None:
        """SIGTERM, `grace` seconds, SIGKILL; returns when it is gone and all it printed is read."""
        if not self.ended and grace > 0:
            self.send(signal.SIGTERM)
            deadline = time.monotonic() + grace
            self._control.wait_for(
                lambda: self.ended or self._control.abandoned or time.monotonic() >= deadline, grace
            )
        self.kill()
        self._reaper.join()
        self._pump.join(_DRAIN_SECONDS)

    def kill(self) -> None:
        """SIGKILL to the whole group, without waiting."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; nothing happens when it has ended."""
        with self._alive_lock:
            if not self.ended:
                signal_group(self._process.pid, number)

    def _reap(self) -> None:
        if hasattr(os, "waitid"):
            # The ended process is left in the table, so that its number still names this group.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        with self._alive_lock:
            signal_group(self._process.pid, signal.SIGKILL)
            code = self._process.wait()
            self._exit_code = code if code >= 0 else 128 - code
        self._control.notify()

    def _empty_pipe(self, output: Callable[[bytes], None]) -> None:
        if self._process.stdout is None:
            raise RuntimeError("the process was started without a pipe")
        with self._process.stdout as pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                output(chunk)


def cannot_start(role: str) -> str:
    """AWS's FailureReason for an image whose `train` or `serve` cannot be started."""
    return (
        "ClientError: CannotStartContainerError. Please make sure the container can be run with "
        f"'docker run <image> {role}'."
    )
