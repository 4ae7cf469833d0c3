"""The server as batch transform uses it, as processes or from an image: many requests, large ones, and its end."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.batch_client import call
from tests.unit.container.retail_data import make_shop, write_lines

from .containers import ProcessContainer
from .running import predict, run_to_end, serving

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from .containers import Container

HEADER = b"CustomerID,last_order_date,as_of,predicted_days,predicted_date,lower_days,upper_days,return_probability,overdue\n"


@pytest.fixture(scope="module")
def trained(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    write_lines(root / "input" / "data" / "training" / "Online_Retail.csv", make_shop(customers=300))
    run = run_to_end(container, root, "train")
    assert run.returncode == 0, run.output
    return root


@pytest.fixture(scope="module")
def sample(trained: Path) -> bytes:
    return (trained / "output" / "data" / "sample_prediction.csv").read_bytes()


@pytest.fixture(scope="module")
def port(container: Container, trained: Path) -> Iterator[int]:
    """Of a server that all tests share which do not end it."""
    with serving(container, trained) as (_, port):
        yield port


def test_served_chunks_joined_equal_the_whole(port: int, sample: bytes) -> None:
    lines = sample.splitlines(keepends=True)
    whole = predict(port, sample)
    with ThreadPoolExecutor(4) as pool:
        chunks = pool.map(
            lambda start: predict(port, b"".join(lines[start : start + 70])), range(0, len(lines), 70)
        )
        assert b"".join(chunks) == whole
    assert whole.startswith(HEADER + b"12000,")
    assert whole.count(b"\n") == 301


def test_transactions_are_answered_as_their_features_are(port: int, trained: Path, sample: bytes) -> None:
    transactions = (trained / "input" / "data" / "training" / "Online_Retail.csv").read_bytes()
    assert predict(port, transactions) == predict(port, sample)


def test_batch_transform_is_told_what_it_may_send(port: int) -> None:
    status, answer = call(port, "GET", "/execution-parameters")
    told = json.loads(answer)
    assert status == HTTPStatus.OK
    assert told["BatchStrategy"] == "MULTI_RECORD"
    assert 1 <= told["MaxConcurrentTransforms"] * told["MaxPayloadInMB"] <= 100


def test_a_request_without_a_line_and_a_bad_one_do_not_end_the_server(port: int, sample: bytes) -> None:
    assert call(port, "POST", "/invocations", b"")[0] == HTTPStatus.NO_CONTENT
    status, answer = call(port, "POST", "/invocations", sample + b"12000,soon")
    assert status == HTTPStatus.BAD_REQUEST
    assert answer.startswith(b"Line 302: 2 fields, ")
    assert predict(port, sample).startswith(HEADER)


def test_health_is_answered_while_all_requests_that_are_allowed_are_under_way(port: int, sample: bytes) -> None:
    allowed = json.loads(call(port, "GET", "/execution-parameters")[1])["MaxConcurrentTransforms"]
    requests = [_begin(port, sample) for _ in range(allowed)]
    assert call(port, "GET", "/ping")[0] == HTTPStatus.OK
    for request in requests:
        assert _finish(request, sample)[0] == HTTPStatus.OK


def test_health_is_answered_while_clients_that_send_nothing_are_connected(port: int) -> None:
    """More than there are workers, and for longer than a look at the health may take."""
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(40)]
    try:
        time.sleep(0.5)
        started = time.monotonic()
        assert call(port, "GET", "/ping")[0] == HTTPStatus.OK
        assert time.monotonic() - started < 2
        # They are served all the same, once they ask.
        silent[0].sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert silent[0].recv(100).startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in silent:
            connection.close()


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\nab\r\n0\r\n\r\n", b"-2\r\nab\r\n0\r\n\r\n", b"2\r\nabcd\r\n0\r\n\r\n"],
    ids=["no-number", "negative", "too-long"],
)
def test_a_bad_chunk_is_the_clients_fault(port: int, chunks: bytes) -> None:
    head = (
        b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head + chunks)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\n\r\nThe request's body is damaged or cut off: " in answer


def test_sigterm_lets_the_server_finish_what_is_in_hand(
    container: Container, trained: Path, sample: bytes
) -> None:
    header, *lines = sample.splitlines(keepends=True)
    body = header + b"".join(lines) * 200
    with serving(container, trained) as (server, port):
        expected = predict(port, body)
        request = _begin(port, body)
        server.terminate()
        # Time enough to end for a server that lets go of what it has in hand.
        time.sleep(1)
        assert server.poll() is None
        status, answer = _finish(request, body)
        assert server.wait(timeout=30) == 0
    assert status == HTTPStatus.OK
    assert answer == expected
    assert answer.count(b"\n") == len(lines) * 200 + 1


def test_the_process_that_loads_the_model_and_forks_has_one_thread(
    container: Container, trained: Path, sample: bytes
) -> None:
    """A thread that exists before the fork is missing behind it, and who waits for it waits forever."""
    with serving(container, trained) as (server, port):
        predict(port, sample)
        assert _children(container, server)
        assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1


def test_memory_does_not_grow_with_the_requests(container: Container, trained: Path, sample: bytes) -> None:
    header, *lines = sample.splitlines(keepends=True)
    body = header + b"".join(lines) * 110
    assert 2_500_000 < len(body) < 3_500_000
    with serving(container, trained) as (server, port), ThreadPoolExecutor(2) as pool:

        def send(requests: int) -> int:
            """Most memory in kB that the workers ever had, after so many more requests."""
            answers = list(pool.map(lambda _: len(predict(port, body)), range(requests)))
            assert len(set(answers)) == 1
            return sum(_peak(worker) for worker in _children(container, server))

        # A request has 3 MB and its answer 1.3 MB: 40 answers that were kept would be 52 MB.
        before = send(12)
        assert send(40) - before < 40_000


def _children(container: Container, server: subprocess.Popen[str]) -> list[int]:
    """Return the server's workers."""
    if not isinstance(container, ProcessContainer) or not sys.platform.startswith("linux"):
        pytest.skip("looks into processes, which only Linux shows, and no container")
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    return [int(child) for child in children.read_text(encoding="utf-8").split()]


def _peak(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0])


def _begin(port: int, body: bytes) -> http.client.HTTPConnection:
    """Send a request's head, and wait until a worker has it in hand and asks for the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        received = connection.sock.recv(1)
        assert received, asked
        asked += received
    assert asked.startswith(b"HTTP/1.1 100 ")
    return connection


def _finish(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
    """Send the body and take the answer."""
    connection.send(body)
    # http.client takes the interim answer for none, so the state it wants is that of a request that was sent.
    response = http.client.HTTPResponse(connection.sock, method="POST")
    response.begin()
    answer = response.read()
    response.close()
    connection.close()
    return response.status, answer
