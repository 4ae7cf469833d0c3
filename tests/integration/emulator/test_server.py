"""Starting and stopping emulators, in this process and as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from emulator.endpoint import Clients
from emulator.server import Emulator, EmulatorError

PATIENCE_IN_SECONDS = 120


def test_an_emulator_starts_empty_after_another_has_stopped() -> None:
    with Emulator() as first:
        Clients(first.url).get("s3").create_bucket(Bucket="left-over")
        folder = first.settings.work_dir
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(EndpointConnectionError):
        Clients(first.url).get("s3").list_buckets()
    with Emulator() as second:
        assert Clients(second.url).get("s3").list_buckets()["Buckets"] == []


def test_a_connection_that_asks_for_nothing_does_not_outlive_its_emulator() -> None:
    with Emulator() as emulator:
        idle = socket.create_connection(("127.0.0.1", emulator.settings.port), timeout=10)
        # Connections are taken in their order: this answer shows that the one above has been.
        Clients(emulator.url).get("s3").list_buckets()
    with idle:
        assert idle.recv(1) == b""


def test_one_process_runs_one_emulator_at_a_time() -> None:
    with (
        Emulator() as first,
        pytest.raises(EmulatorError, match=f"already running in this process at {first.url}"),
    ):
        Emulator().start()


def test_a_taken_port_is_said_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            Emulator(port=port).start()
    assert list(tmp_path.iterdir()) == []
    # The refusal does not stand in the way of the next.
    with Emulator(port=port) as emulator:
        assert emulator.settings.port == port


def test_the_users_environment_neither_breaks_nor_outlives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    monkeypatch.delenv("MOTO_PORT", raising=False)
    with Emulator() as emulator:
        assert Clients(emulator.url).get("sts").get_caller_identity()["Account"] == "123456789012"
        assert "AWS_PROFILE" not in os.environ
    assert os.environ["AWS_PROFILE"] == "not-there"
    assert os.environ["MOTO_ACCOUNT_ID"] == "999999999999"
    assert "MOTO_PORT" not in os.environ


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """`python -m emulator` with a function deployed, its URL, and the folder that its temporary files are in."""
    folder = tmp_path / "tmp"
    (tmp_path / "code").mkdir()
    folder.mkdir()
    (tmp_path / "code" / "app.py").write_text("import os\ndef handler(event, context):\n    return os.getpid()\n")
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {FunctionName: f, CodeUri: code/, Handler: app.handler, Runtime: python3.13}\n"
    )
    # A child inherits what is ignored, and under nohup SIGHUP is.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator", "--port", "0", "--template", str(tmp_path / "template.yaml")],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), line
        yield process, line.split()[1], folder
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_its_processes_and_folders(
    served: tuple[subprocess.Popen[str], str, Path], number: signal.Signals
) -> None:
    process, url, folder = served
    sandbox = int(Clients(url).get("lambda").invoke(FunctionName="f")["Payload"].read())
    assert [path.name for path in folder.iterdir() if path.name.startswith("automlops-emulator-")]
    os.kill(sandbox, 0)
    process.send_signal(number)
    assert process.wait(PATIENCE_IN_SECONDS) == 0
    assert list(folder.glob("automlops-emulator-*")) == []
    end = time.monotonic() + PATIENCE_IN_SECONDS
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(sandbox, 0)
            time.sleep(0.05)


def test_a_hangup_that_is_ignored_does_not_end_it(tmp_path: Path) -> None:
    # What nohup does; a child inherits it.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator", "--port", "0", "--empty"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert process.stdout is not None
    with process, process.stdout as lines:
        url = lines.readline().split()[1]
        process.send_signal(signal.SIGHUP)
        assert Clients(url).get("s3").list_buckets()["Buckets"] == []
        process.terminate()
        assert process.wait(PATIENCE_IN_SECONDS) == 0


def test_a_template_that_cannot_be_deployed_ends_it_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {Q: {Type: AWS::SQS::Queue}}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "emulator", "--port", "0", "--template", str(tmp_path / "template.yaml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_IN_SECONDS,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert ended.returncode == 1
    assert "Unrecognized resource types: [AWS::SQS::Queue (Q)]" in ended.stderr
    assert list(tmp_path.glob("automlops-emulator-*")) == []
