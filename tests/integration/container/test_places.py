"""Where data may lie and results may go, and whose fault it is when they cannot: the user's, or the platform's."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.unit.container.retail_data import csv_bytes, make_shop

from .running import model_files, predict, run_to_end, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .containers import Container

SHOP = make_shop(customers=300)
HALF = len(SHOP) // 2
SAMPLE = "output/data/sample_prediction.csv"


def _channel(root: Path) -> Path:
    folder = root / "input" / "data" / "training"
    folder.mkdir(parents=True)
    return folder


def _failure(root: Path) -> str:
    return (root / "output" / "failure").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what one plain file in the channel gives."""
    root = tmp_path_factory.mktemp("one-file")
    (_channel(root) / "a.csv").write_bytes(csv_bytes(SHOP))
    run = run_to_end(container, root, "train")
    assert run.returncode == 0, run.output
    return root


def test_several_files_of_a_channel_are_one_data_set(container: Container, trained: Path, tmp_path: Path) -> None:
    folder = _channel(tmp_path)
    # The later half first, packed, below a folder; without customers' order of names or days.
    (folder / "1").mkdir()
    (folder / "1" / "late.csv.gz").write_bytes(gzip.compress(csv_bytes(SHOP[HALF:])))
    (folder / "2.csv").write_bytes(csv_bytes(SHOP[:HALF]))
    (folder / ".hidden.csv").write_bytes(b"not for us")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "2.csv").write_bytes(b"not for us")
    run = run_to_end(container, tmp_path, "train")
    assert run.returncode == 0, run.output
    assert model_files(tmp_path) == model_files(trained)
    assert (tmp_path / SAMPLE).read_bytes() == (trained / SAMPLE).read_bytes()


def test_the_file_of_several_that_cannot_be_read_is_named(container: Container, tmp_path: Path) -> None:
    folder = _channel(tmp_path)
    (folder / "good.csv").write_bytes(csv_bytes(SHOP[:100]))
    (folder / "later.csv").write_bytes(b"")
    assert run_to_end(container, tmp_path, "train").returncode == 1
    assert _failure(tmp_path).startswith("later.csv is empty")


@pytest.mark.parametrize(
    ("prepare", "file_path", "said"),
    [
        pytest.param(lambda _: None, "", "has no file and file_path is not set", id="no-channel"),
        pytest.param(_channel, "", "has no file and file_path is not set", id="empty-channel"),
        pytest.param(_channel, "/none.csv", "file_path /none.csv is not a file", id="no-such-file"),
        pytest.param(lambda _: None, "/tmp", "file_path /tmp is a folder, not a file", id="folder"),  # noqa: S108
        pytest.param(lambda _: None, "s3://bucket/folder/", "is not the address of one object", id="s3-folder"),
        pytest.param(
            lambda _: None, "s3://Bucket Name/a.csv", "Could not read s3://Bucket Name/a.csv", id="s3-name"
        ),
    ],
)
def test_no_data_is_the_users_fault(
    container: Container, tmp_path: Path, prepare: Callable[[Path], object], file_path: str, said: str
) -> None:
    prepare(tmp_path)
    run = run_to_end(container, tmp_path, "train", file_path=file_path, **_credentials("http://127.0.0.1:1"))
    assert run.returncode == 1, run.output
    assert said in _failure(tmp_path)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"file_path": "s3://bucket/a.csv"}, id="data"),
        pytest.param({"upload_sample_to_s3": "true", "sample_s3_bucket": "bucket"}, id="results"),
    ],
)
def test_s3_in_an_unknown_region_is_the_users_to_mend(
    container: Container, tmp_path: Path, asked: dict[str, str]
) -> None:
    environment = {**_credentials("http://127.0.0.1:1"), "AWS_REGION": ""}
    run = run_to_end(container, tmp_path, "train", **environment, **asked)
    assert run.returncode == 1, run.output
    assert _failure(tmp_path).startswith("AWS_REGION and AWS_DEFAULT_REGION are both unset")


def _credentials(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }


@pytest.fixture
def s3_that_answers(container: Container) -> Iterator[Callable[[int, str], dict[str, str]]]:
    """Start an S3 that gives every request one status and error code; return the environment that leads to it."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(status: int, code: str) -> dict[str, str]:
        body = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = _answer  # noqa: N815 - as the standard library calls them

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
                """Nothing: the log is the container's."""

        server = http.server.ThreadingHTTPServer((container.listen, 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return _credentials(f"http://{container.host}:{server.server_port}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        pytest.param(403, "AccessDenied", 1, id="denied"),
        pytest.param(404, "NoSuchBucket", 1, id="no-bucket"),
        pytest.param(500, "InternalError", 3, id="internal"),
        pytest.param(503, "SlowDown", 3, id="slow-down"),
    ],
)
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({"file_path": "s3://bucket/a.csv"}, "Could not read s3://bucket/a.csv: ", id="data"),
        pytest.param(
            {"upload_sample_to_s3": "true", "sample_s3_bucket": "bucket", "sample_s3_prefix": "run"},
            "Could not write s3://bucket/run/metrics.json: ",
            id="results",
        ),
    ],
)
def test_whose_fault_it_is_that_s3_refuses(
    container: Container,
    tmp_path: Path,
    s3_that_answers: Callable[[int, str], dict[str, str]],
    asked: dict[str, str],
    said: str,
    status: int,
    code: str,
    exit_code: int,
) -> None:
    local = tmp_path / "a.csv"
    local.write_bytes(csv_bytes(SHOP[:500]))
    environment = {"file_path": container.inside(tmp_path, local), **asked, **s3_that_answers(status, code)}
    run = run_to_end(container, tmp_path, "train", **environment)
    assert run.returncode == exit_code, run.output
    assert _failure(tmp_path).startswith(said)


@pytest.mark.parametrize("name", ["model/model.json", "output/data/sample_prediction.csv"])
def test_a_full_disk_is_told_from_a_fault_of_our_own(container: Container, tmp_path: Path, name: str) -> None:
    (_channel(tmp_path) / "a.csv").write_bytes(csv_bytes(SHOP[:500]))
    full = tmp_path / name
    full.parent.mkdir(parents=True)
    full.symlink_to("/dev/full")
    run = run_to_end(container, tmp_path, "train")
    assert run.returncode == 1, run.output
    assert _failure(tmp_path).startswith("The disk is full: give the training job a larger volume")


@pytest.mark.parametrize("backend", ["median_gap", "mbg_nbd", "log_normal", "mbg_nbd+weibull_cure"])
def test_every_backend_trains_and_serves(container: Container, tmp_path: Path, backend: str) -> None:
    (_channel(tmp_path) / "a.csv").write_bytes(csv_bytes(SHOP))
    run = run_to_end(container, tmp_path, "train", model_backend=backend)
    assert run.returncode == 0, run.output
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["model_backend"] == backend
    with serving(container, tmp_path) as (_, port):
        answer = predict(port, (tmp_path / SAMPLE).read_bytes())
    assert answer.count(b"\n") == 301
