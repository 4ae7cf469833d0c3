"""An emulator for one command: a child process that ends with it."""

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
from emulator.keys import Keys, remember_keys

READY = re.compile(r"^ready (http://\S+)$")
EXPORT = re.compile(r"^export (AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY)=(\S+)$")
READY_TIMEOUT = 120.0
STOP_TIMEOUT = 20.0
LINES_KEPT = 40
# One module of each distribution in the extra `local`.
LOCAL_MODULES = ("moto", "samtranslator", "awslambdaric", "yaml")
COMMAND = (sys.executable, "-P", "-m", "emulator", "--port", "0")


def require_local_extra() -> None:
    """Raise an error unless the emulator's dependencies are installed.

    Raises:
        CommandError: some are missing; the message says how to install them.
    """
    missing = [name for name in LOCAL_MODULES if find_spec(name) is None]
    if missing:
        raise CommandError(
            f"The emulator is not installed ({', '.join(missing)} missing).",
            "Install it with: pip install 'automlops[local]'",
        )


def emulator_command(account: Path | None = None) -> tuple[str, ...]:
    """Return the command that starts an emulator on a free port.

    Args:
        account: file with the description of the emulated account.

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
    """Run an emulator on a free port of this machine during the block, and always end it.

    This process knows its keys: `connect_emulator` and `Clients` find them by its URL.

    SIGTERM and SIGHUP raise SystemExit in the block, so that they end the emulator as well.

    Args:
        command: prints `ready URL` and the exports of its keys when it is ready, and ends at SIGTERM.
        ready_timeout: seconds to wait for those lines.
        stop_timeout: seconds to wait for its end before it is killed.

    Yields:
        The emulator's URL.

    Raises:
        EmulatorError: the emulator ended, or was not ready in time; the message has the last lines that it printed.
    """
    # The emulator must not use the user's profile, keys or endpoint.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with _exit_on_signals():
        # In a session of its own, the emulator gets no Ctrl-C: this process does, and then ends the emulator.
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
    # The thread reads to the end, so that the emulator never blocks on a full pipe.
    threading.Thread(target=_read, args=(process, lines), name="emulator output", daemon=True).start()
    seen: deque[str] = deque(maxlen=LINES_KEPT)
    deadline = time.monotonic() + timeout
    url, keys = "", dict[str, str]()
    while True:
        try:
            line = lines.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise EmulatorError(f"The emulator was not ready within {timeout:.0f} seconds.", *seen) from None
        if line is None:
            raise EmulatorError("The emulator ended before it was ready. Its last lines:", *seen)
        if ready := READY.match(line):
            url = ready[1]
        if export := EXPORT.match(line):
            keys[export[1]] = export[2]
        if url and len(keys) == 2:
            remember_keys(url, Keys(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]))
            return url
        seen.append(line)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    if process.stdout is not None:
        with process.stdout:
            for line in process.stdout:
                lines.put(line.rstrip("\n"))
    lines.put(None)


def _stop(process: subprocess.Popen[str], timeout: float) -> None:
    """End the process; if it does not end in time, kill it and its session."""
    process.terminate()
    try:
        process.wait(timeout)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        # A second Ctrl-C asks for an immediate end.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def _exit_on_signals() -> Iterator[None]:
    def leave(number: int, _frame: FrameType | None) -> None:
        # Shells report 128 plus the signal's number.
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A signal that is ignored, as under nohup, stays ignored.
    handled = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, leave) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
