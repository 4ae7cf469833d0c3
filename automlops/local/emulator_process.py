"""An emulator of one's own: a child process that lives as long as one command."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from automlops.errors import CommandError, EmulatorError

READY = re.compile(r"^ready (http://\S+)$")
READY_TIMEOUT = 120.0
STOP_TIMEOUT = 20.0
LINES_KEPT = 40
# One module of each distribution in the extra `local`.
LOCAL_MODULES = ("moto", "samtranslator", "awslambdaric", "yaml")
COMMAND = (sys.executable, "-P", "-m", "emulator", "--port", "0")


def require_local_extra() -> None:
    """Makes sure that what the emulator needs is installed.

    Raises:
        CommandError: something is missing; says how to install it.
    """
    missing = [name for name in LOCAL_MODULES if find_spec(name) is None]
    if missing:
        raise CommandError(
            f"The emulator is not installed ({', '.join(missing)} missing).",
            "Install it with: pip install 'automlops[local]'",
        )


def emulator_command(account: Path | None = None) -> tuple[str, ...]:
    """What starts an emulator on a free port.

    Args:
        account: file that describes the account to be played.

    Raises:
        CommandError: there is no such file.
    """
    if account is None:
        return COMMAND
    if not account.is_file():
        raise CommandError(f"--account: there is no file {account}.")
    return (*COMMAND, "--account", str(account))


@contextlib.contextmanager
def local_emulator(
    command: Sequence[str] = COMMAND, *, ready_timeout: float = READY_TIMEOUT, stop_timeout: float = STOP_TIMEOUT
) -> Iterator[str]:
    """Runs an emulator on a free port of this machine, and ends it, whatever happens inside.

    SIGTERM and SIGHUP end the block as an exit would, so that they end the emulator as well.

    Args:
        command: prints `ready URL` when it can be used, and ends at SIGTERM.
        ready_timeout: seconds to wait for that line.
        stop_timeout: seconds it may take to end before it is killed.

    Yields:
        Its URL.

    Raises:
        EmulatorError: it died, or was not ready in time; holds the last lines it printed.
    """
    # The user's profile, keys and endpoint are no business of the emulator.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with _exit_on_signals():
        # A session of its own: Ctrl-C reaches this process alone, which then ends the emulator in order.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
        try:
            yield _wait_until_ready(process, ready_timeout)
        finally:
            _stop(process, stop_timeout)


def _wait_until_ready(process: subprocess.Popen[str], timeout: float) -> str:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # It goes on reading to the end, so that the emulator never waits for somebody to take its output.
    threading.Thread(target=_read, args=(process, lines), name="emulator output", daemon=True).start()
    seen: deque[str] = deque(maxlen=LINES_KEPT)
    deadline = time.monotonic() + timeout
    while True:
        try:
            line = lines.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise EmulatorError(f"The emulator was not ready within {timeout:.0f} seconds.", *seen) from None
        if line is None:
            raise EmulatorError("The emulator ended before it was ready. Its last words:", *seen)
        if found := READY.match(line):
            return found[1]
        seen.append(line)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    if process.stdout is not None:
        with process.stdout:
            for line in process.stdout:
                lines.put(line.rstrip("\n"))
    lines.put(None)


def _stop(process: subprocess.Popen[str], timeout: float) -> None:
    """Asks the process to end; kills it and what shares its session if it does not."""
    process.terminate()
    try:
        process.wait(timeout)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        # A second Ctrl-C means now.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def _exit_on_signals() -> Iterator[None]:
    def leave(number: int, _frame: FrameType | None) -> None:
        # 128 and the signal's number is what a shell would report.
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored stays so: nohup means it.
    heeded = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, leave) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
