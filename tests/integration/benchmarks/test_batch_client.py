"""The client of the serving benchmark, against a server: every line goes there once, and wrong answers are noticed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.batch_client import AnswerError, ask_concurrency, is_healthy, score

HEADER = "CustomerID,gap"
ROWS = [f"{number},{number % 7}" for number in range(1000)]


class EchoServer(ThreadingHTTPServer):
    """Answers a request with its own lines, and keeps them.

    Attributes:
        bodies: the lines of each request.
        most_at_once: how many requests were under way at most.
        status: of the answers.
        dropped: how many of the lines are left out of an answer.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EchoHandler)
        self.bodies: list[bytes] = []
        self.under_way = self.most_at_once = self.dropped = 0
        self.status = 200
        self.lock = threading.Lock()
        self.pair = threading.Barrier(2)


class EchoHandler(BaseHTTPRequestHandler):
    """One request of it."""

    server: EchoServer

    def do_GET(self) -> None:
        """Health and parameters."""
        self._answer(self.server.status, json.dumps({"MaxConcurrentTransforms": 3}).encode())

    def do_POST(self) -> None:
        """Return the lines."""
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            server.under_way += 1
            server.most_at_once = max(server.most_at_once, server.under_way)
            server.bodies.append(body)
            first_pair = len(server.bodies) <= 2
        if first_pair:
            # Each of the first two waits for the other, so that they are under way together.
            server.pair.wait(timeout=30)
        with server.lock:
            server.under_way -= 1
        lines = body.splitlines(keepends=True)
        self._answer(server.status, b"".join(lines[server.dropped :]))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[EchoServer]:
    """Return a server that listens already."""
    with EchoServer() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """Return a header and a thousand rows."""
    path = tmp_path / "features.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return path


def test_every_line_is_sent_once_two_requests_at_a_time(server: EchoServer, features: Path) -> None:
    assert score(server.server_port, features, connections=2, limit=500) == len(ROWS)
    assert sorted(b"".join(server.bodies).decode().splitlines()) == sorted([HEADER, *ROWS])
    assert max(map(len, server.bodies)) <= 500
    assert server.most_at_once == 2


@pytest.mark.parametrize(
    ("status", "dropped", "message"), [(500, 0, "500: CustomerID,gap"), (200, 1, "lines were answered with")]
)
def test_wrong_answers_are_no_speed(
    server: EchoServer, features: Path, status: int, dropped: int, message: str
) -> None:
    server.status, server.dropped = status, dropped
    with pytest.raises(AnswerError, match=message):
        score(server.server_port, features, connections=2, limit=500)


def test_a_server_is_asked_for_its_health_and_its_concurrency(server: EchoServer) -> None:
    assert is_healthy(server.server_port)
    assert ask_concurrency(server.server_port) == 3
    server.status = 503
    assert not is_healthy(server.server_port)


def test_nobody_there_is_not_healthy(server: EchoServer) -> None:
    port = server.server_port
    server.shutdown()
    server.server_close()
    assert not is_healthy(port)
