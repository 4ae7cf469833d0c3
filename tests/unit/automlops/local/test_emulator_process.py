"""An emulator of one's own, tried with small programs in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from automlops.errors import CommandError, EmulatorError
from automlops.local import emulator_process as local
from automlops.local.emulator_process import local_emulator
from emulator.keys import Keys, keys_of

URL = "http://127.0.0.1:1"
READY = f"ready {URL}\nexport AWS_ACCESS_KEY_ID=an-id\nexport AWS_SECRET_ACCESS_KEY=a-secret"


def program(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(text))


def leaving(trace: Path, *, say: str = READY) -> tuple[str, ...]:
    """Return a program that says it is ready, and leaves its trace when SIGTERM ends it."""
    return program(f"""
        import pathlib, signal, sys, time
        def end(*_):
            pathlib.Path({str(trace)!r}).write_text("ended in order")
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("a line before", {say!r}, sep="\\n", flush=True)
        time.sleep(60)
    """)


def test_emulator_is_ready_inside_and_ended_after(tmp_path: Path) -> None:
    with local_emulator(leaving(tmp_path / "trace")) as url:
        assert url == URL
        assert keys_of(url) == Keys("an-id", "a-secret")
        assert not (tmp_path / "trace").exists()
    assert (tmp_path / "trace").read_text() == "ended in order"


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt])
def test_emulator_is_ended_when_the_block_fails(tmp_path: Path, raised: type[BaseException]) -> None:
    with pytest.raises(raised), local_emulator(leaving(tmp_path / "trace")):
        raise raised
    assert (tmp_path / "trace").exists()


def test_sigterm_ends_the_emulator_too(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as left, local_emulator(leaving(tmp_path / "trace")):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert left.value.code == 128 + signal.SIGTERM
    assert (tmp_path / "trace").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_last_words_of_an_emulator_that_dies_are_told() -> None:
    dying = program("import sys; print('port taken', file=sys.stderr); sys.exit(3)")
    with pytest.raises(EmulatorError, match=r"ended before it was ready[\s\S]*port taken"), local_emulator(dying):
        pytest.fail("it was never ready")


def test_emulator_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    waiting = leaving(tmp_path / "trace", say="still starting")
    with (
        pytest.raises(EmulatorError, match=r"not ready within 1 seconds[\s\S]*still starting"),
        local_emulator(waiting, ready_timeout=1),
    ):
        pytest.fail("it was never ready")
    assert (tmp_path / "trace").exists()


def test_emulator_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = program(f"""
        import os, pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
        print({READY!r}, flush=True)
        time.sleep(60)
    """)
    with local_emulator(deaf, stop_timeout=0.2):
        pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_emulator_that_prints_without_end_does_not_block() -> None:
    chatty = program(f"""
        print({READY!r}, flush=True)
        for number in range(100_000):
            print("more and more", number)
        print("done", flush=True)
        open("/dev/stdin").read()
    """)
    with local_emulator(chatty):
        pass


def test_users_aws_variables_stay_away_from_the_emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    trace = tmp_path / "variables"
    asking = program(f"""
        import os, pathlib
        pathlib.Path({str(trace)!r}).write_text(" ".join(name for name in os.environ if name.startswith("AWS_")))
        print({READY!r}, flush=True)
    """)
    with local_emulator(asking):
        assert trace.read_text() == ""


def test_missing_extra_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOCAL_MODULES", ("no_such_module", "json"))
    with pytest.raises(CommandError, match=r"no_such_module missing[\s\S]*automlops\[local\]"):
        local.require_local_extra()


def test_the_real_command_is_python_running_the_emulator() -> None:
    answer = subprocess.run(
        [*local.COMMAND[:4], "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "--port" in answer.stdout
