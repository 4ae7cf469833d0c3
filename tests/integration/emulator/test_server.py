"""Starting and stopping emulators, in this process and as a process of its own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError

from emulator.endpoint import Clients, isolated_session
from emulator.server import Emulator, EmulatorError
from tests.emulated import read_ready

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
        url = read_ready(process.stdout)
        assert url.startswith("http://127.0.0.1:")
        yield process, url, folder
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
        url = read_ready(lines)
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


def test_the_address_that_a_client_has_reached_is_served_where_every_address_is_bound() -> None:
    with Emulator(host="0.0.0.0") as emulator:  # noqa: S104 - what is tried
        for host, status in (("127.0.0.2", 200), ("127.0.0.3", 403)):
            connection = http.client.HTTPConnection("127.0.0.2", emulator.settings.port, timeout=30)
            name = f"{host}:{emulator.settings.port}"
            request = AWSRequest("GET", f"http://{name}/", {"Host": name})
            keys = emulator.settings.keys
            credentials = Credentials(keys.access_key_id, keys.secret_access_key)
            S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
            connection.request("GET", "/", headers=dict(request.headers.items()))
            assert connection.getresponse().status == status
            connection.close()


def test_each_start_has_keys_of_its_own() -> None:
    with Emulator() as first:
        before = first.settings.keys
    with Emulator() as second:
        assert second.settings.keys != before
        make: Any = isolated_session(keys=before).client
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            make("s3", endpoint_url=second.url).list_buckets()
