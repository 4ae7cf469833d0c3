"""The container as SageMaker runs it: processes, folders, exit codes, and HTTP on this machine."""

from __future__ import annotations

import http.client
import io
import json
import lzma
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.unit.container.retail_data import (
    FIRST_DAY,
    HEADER,
    Line,
    american_date,
    make_shop,
    return_all,
    whole_customer,
    write_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ENTRYPOINT = Path(__file__).resolve().parents[3] / "container" / "entrypoint.py"
RETAIL_TWO = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
SHOP = make_shop(customers=300)


def _environment(root: Path, **extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_"))}
    return kept | {"SAGEMAKER_BASE_DIR": str(root)} | extra


def _train(root: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ENTRYPOINT), "train"],
        env=_environment(root, **extra),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _channel(root: Path) -> Path:
    return root / "input" / "data" / "training" / "Online_Retail.csv"


def _failure(root: Path) -> str:
    return (root / "output" / "failure").read_text(encoding="utf-8")


def _sample(root: Path) -> bytes:
    return (root / "output" / "data" / "sample_prediction.csv").read_bytes()


@contextmanager
def _serving(root: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(ENTRYPOINT), "serve"],
        env=_environment(root, SAGEMAKER_BIND_TO_PORT=str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_until_healthy(server, port)
        yield server, port
    finally:
        server.terminate()
        try:
            server.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()
            raise


def _wait_until_healthy(server: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the server ended: {server.communicate()[0]}")
        try:
            if _call(port, "GET", "/ping")[0] == http.client.OK:
                return
        except ConnectionRefusedError:
            time.sleep(0.05)
    pytest.fail("the server did not become healthy in a minute")


def _call(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "text/csv", "Accept": "text/csv"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _predict(port: int, body: bytes) -> bytes:
    status, answer = _call(port, "POST", "/invocations", body)
    assert status == http.client.OK, answer
    return answer


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plain")
    write_lines(_channel(root), SHOP)
    run = _train(root)
    assert run.returncode == 0, run.stdout + run.stderr
    return root


def test_training_leaves_model_sample_and_metrics_and_logs_the_metrics(tmp_path: Path) -> None:
    write_lines(_channel(tmp_path), SHOP)
    run = _train(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["customers"] == 300
    assert _sample(tmp_path).count(b"\n") == 301
    assert f" mean_absolute_error={metrics['mean_absolute_error']};" in run.stdout
    assert not (tmp_path / "output" / "failure").exists()


def test_served_chunks_joined_equal_the_whole(trained: Path) -> None:
    sample = _sample(trained)
    lines = sample.splitlines(keepends=True)
    with _serving(trained) as (_, port):
        whole = _predict(port, sample)
        chunks = [_predict(port, b"".join(lines[start : start + 70])) for start in range(0, len(lines), 70)]
        assert _call(port, "GET", "/execution-parameters")[0] == http.client.OK
        assert _call(port, "POST", "/invocations", b"")[0] == http.client.NO_CONTENT
    assert b"".join(chunks) == whole
    assert whole.startswith(b"CustomerID,last_order_date,predicted_days,predicted_date\n12000,")


@pytest.mark.parametrize(
    ("header", "encoding", "change"),
    [
        pytest.param(HEADER, "latin-1", list, id="latin-1"),
        pytest.param(HEADER, "utf-8-sig", american_date, id="american-dates-and-byte-order-mark"),
        pytest.param(HEADER, "utf-8", whole_customer, id="integer-customers"),
        pytest.param(RETAIL_TWO, "utf-8", list, id="online-retail-ii"),
    ],
)
def test_every_form_gives_the_same_predictions_byte_for_byte(
    trained: Path,
    tmp_path: Path,
    header: Sequence[str],
    encoding: str,
    change: Callable[[list[str]], list[str]],
) -> None:
    write_lines(_channel(tmp_path), SHOP, header=header, encoding=encoding, change=change)
    assert _train(tmp_path).returncode == 0
    # Equal inputs of the transform and equal models leave nothing that could differ.
    assert _sample(tmp_path) == _sample(trained)
    for name in ("model.txt", "model.json", "metrics.json"):
        assert (tmp_path / "model" / name).read_bytes() == (trained / "model" / name).read_bytes()


def test_data_comes_from_file_path_when_there_is_no_channel(trained: Path, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "shop.csv.gz", SHOP)
    run = _train(tmp_path / "ml", file_path=str(data), time_series_length="5", model_backend="lightgbm")
    assert run.returncode == 0, run.stdout + run.stderr
    assert _sample(tmp_path / "ml") == _sample(trained)


def test_a_small_item_gets_the_mean_gap_and_no_judgement(tmp_path: Path) -> None:
    write_lines(_channel(tmp_path), [Line(str(day), 1, FIRST_DAY.replace(day=day)) for day in (1, 11, 31)])
    assert _train(tmp_path).returncode == 0
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["model_backend"], metrics["mean_absolute_error"]) == ("mean_gap", None)
    with _serving(tmp_path) as (_, port):
        assert _predict(port, _sample(tmp_path)).splitlines()[1] == b"1,2010-12-31,15.0,2011-01-15"


ONE_DAY = [Line(str(customer), customer, FIRST_DAY) for customer in (1, 2, 3)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "Online_Retail.csv is empty", id="empty"),
        pytest.param(b"536365,85123A,MUG,6,2010-12-01,2.5,1,UK\n", "no header line", id="no-header"),
        pytest.param(b"InvoiceNo,Quantity,InvoiceDate,CustomerID\n", "no column UnitPrice or Price", id="column"),
        pytest.param(ONE_DAY, "Of 3 customers none bought on two different days", id="nobody-came-back"),
        pytest.param(return_all(SHOP[:50]), "No line is a real purchase", id="returns-only"),
        pytest.param([], "No line is a real purchase", id="header-only"),
    ],
)
def test_bad_data_is_the_users_fault_and_explained(tmp_path: Path, content: bytes | list[Line], said: str) -> None:
    path = _channel(tmp_path)
    if isinstance(content, bytes):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    else:
        write_lines(path, content)
    assert _train(tmp_path).returncode == 1
    assert said in _failure(tmp_path)
    assert not (tmp_path / "model" / "model.txt").exists()


def test_a_date_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    def spoil(fields: list[str]) -> list[str]:
        return [*fields[:4], "gestern", *fields[5:]] if fields[0] == "2" else fields

    write_lines(_channel(tmp_path), ONE_DAY, change=spoil)
    assert _train(tmp_path).returncode == 1
    assert "Online_Retail.csv, line 3: InvoiceDate is 'gestern'" in _failure(tmp_path)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"model_backend": "xgboost"}, "model_backend 'xgboost' is unknown"),
        ({"time_series_length": "many"}, "time_series_length must be a whole number"),
        ({"file_path": "/none.csv"}, "file_path /none.csv is not a file"),
        ({}, "There is no data"),
    ],
)
def test_bad_settings_are_the_users_fault_and_explained(tmp_path: Path, extra: dict[str, str], said: str) -> None:
    assert _train(tmp_path, **extra).returncode == 1
    assert said in _failure(tmp_path)


def test_a_fault_of_our_own_has_another_code_and_says_so(tmp_path: Path) -> None:
    write_lines(_channel(tmp_path), SHOP[:200])
    (tmp_path / "model").write_text("a file where the folder should be", encoding="utf-8")
    assert _train(tmp_path).returncode == 2
    assert _failure(tmp_path).startswith("Internal error, not your data's fault: FileExistsError")


def test_an_unreachable_s3_has_its_own_code(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        run = _train(
            tmp_path,
            file_path="s3://bucket/a.csv",
            AWS_ENDPOINT_URL=endpoint,
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
            AWS_REGION="us-east-1",
            AWS_MAX_ATTEMPTS="1",
        )
    assert run.returncode == 3
    assert "Could not read s3://bucket/a.csv" in _failure(tmp_path)


def test_serving_without_a_model_ends_at_once_with_the_reason(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(ENTRYPOINT), "serve"],
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "has no model.json" in run.stdout


@pytest.mark.parametrize("arguments", [[], ["predict"], ["train", "now"]])
def test_an_unknown_command_is_refused(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, str(ENTRYPOINT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "train|serve" in run.stdout


@pytest.mark.parametrize("name", ["train", "serve"])
def test_a_link_named_after_the_command_needs_no_argument(tmp_path: Path, name: str) -> None:
    link = tmp_path / name
    link.symlink_to(ENTRYPOINT)
    run = subprocess.run(
        [sys.executable, str(link)],
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "There is no data" in run.stdout if name == "train" else "no model.json" in run.stdout


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, dict[str, str]]]:
    """A client of a local S3 with an empty bucket named `bucket`, and the environment that leads to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client, environment
    client.close()
    server.stop()


def test_data_comes_from_s3_and_results_go_there(
    trained: Path, tmp_path: Path, s3: tuple[Any, dict[str, str]]
) -> None:
    client, environment = s3
    client.upload_file(str(_channel(trained)), "bucket", "in/United Kingdom/Online_Retail.csv")
    run = _train(
        tmp_path,
        **environment,
        file_path="s3://bucket/in/United Kingdom/Online_Retail.csv",
        upload_sample_to_s3="true",
        sample_s3_bucket="bucket",
        sample_s3_prefix="out/United Kingdom/run",
        upload_model_to_s3="true",
        model_s3_bucket="bucket",
        model_s3_prefix="model",
    )
    assert run.returncode == 0, run.stdout + run.stderr

    def read(key: str) -> bytes:
        return cast("bytes", client.get_object(Bucket="bucket", Key=key)["Body"].read())

    assert read("out/United Kingdom/run/sample_prediction.csv") == _sample(trained)
    assert read("out/United Kingdom/run/metrics.json") == (trained / "model" / "metrics.json").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(read("model/model.tar.gz"))) as archive:
        assert sorted(archive.getnames()) == ["metrics.json", "model.json", "model.txt"]


@pytest.mark.parametrize("uri", ["s3://bucket/none.csv", "s3://nobucket/a.csv"])
def test_data_that_is_not_in_s3_is_the_users_fault(
    tmp_path: Path, s3: tuple[Any, dict[str, str]], uri: str
) -> None:
    assert _train(tmp_path, **s3[1], file_path=uri).returncode == 1
    assert f"Could not read {uri}" in _failure(tmp_path)


def test_every_customer_of_online_retail_gets_a_prediction(tmp_path: Path) -> None:
    source = os.environ.get("AUTOMLOPS_ONLINE_RETAIL")
    if not source:
        pytest.skip("AUTOMLOPS_ONLINE_RETAIL does not name the data set")
    opener = lzma.open if source.endswith(".xz") else open
    _channel(tmp_path).parent.mkdir(parents=True)
    with opener(source, "rb") as packed, _channel(tmp_path).open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    assert _train(tmp_path).returncode == 0
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["customers"] == 4338
    assert metrics["mean_absolute_error"] < 0.9 * metrics["baseline_mean_absolute_error"]
    with _serving(tmp_path) as (_, port):
        assert _predict(port, _sample(tmp_path)).count(b"\n") == 4339


def test_sigterm_lets_the_server_finish_what_is_in_hand(trained: Path) -> None:
    header, *lines = _sample(trained).splitlines(keepends=True)
    body = header + b"".join(lines) * 1500
    answers: list[tuple[int, bytes]] = []
    with _serving(trained) as (server, port):
        request = threading.Thread(target=lambda: answers.append(_call(port, "POST", "/invocations", body)))
        request.start()
        # Long enough for the request to have arrived, far less than its answer takes.
        time.sleep(0.3)
        assert request.is_alive()
        server.send_signal(signal.SIGTERM)
        request.join(timeout=60)
        assert server.wait(timeout=30) == 0
    (status, answer) = answers[0]
    assert status == http.client.OK
    assert answer.count(b"\n") == len(lines) * 1500 + 1
