"""Sends a file to a server in pieces, several at once, as batch transform does."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

PAYLOAD = 6 * 1024 * 1024
REQUEST_TIMEOUT = 120


class AnswerError(Exception):
    """The server did not answer line for line."""


def cut_bodies(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """Yield the file in pieces of whole lines, each as large as possible.

    Args:
        file: lines, the last one with or without a line end.
        limit: largest size of a piece in bytes.

    Raises:
        ValueError: a line is longer than that.
    """
    rest = b""
    while piece := rest + file.read(limit - len(rest)):
        if len(piece) < limit:
            yield piece
            return
        end = piece.rfind(b"\n") + 1
        if not end:
            raise ValueError(f"a line is longer than {limit} bytes")
        yield piece[:end]
        rest = piece[end:]


def is_healthy(port: int) -> bool:
    """Return whether the server answers /ping with success."""
    try:
        return call(port, "GET", "/ping")[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def ask_concurrency(port: int) -> int:
    """Return the number of requests at once that the server asks for."""
    _, answer = call(port, "GET", "/execution-parameters")
    return int(json.loads(answer)["MaxConcurrentTransforms"])


def score(port: int, features: Path, connections: int, limit: int = PAYLOAD) -> int:
    """Send all lines of the file, and read the answers.

    Args:
        port: the server's port on 127.0.0.1.
        features: CSV with a header line.
        connections: number of requests at once.
        limit: largest size of a request in bytes.

    Returns:
        The number of answered rows, without the header.

    Raises:
        AnswerError: an answer was no success, or had another number of lines than its request.
    """
    with features.open("rb") as file:
        bodies = cut_bodies(file, limit)
        lock = threading.Lock()

        def send_all() -> int:
            lines = 0
            while True:
                with lock:
                    body = next(bodies, None)
                if body is None:
                    return lines
                lines += _score_one(port, body)

        with ThreadPoolExecutor(connections) as pool:
            senders = [pool.submit(send_all) for _ in range(connections)]
        return sum(sender.result() for sender in senders) - 1


def _score_one(port: int, body: bytes) -> int:
    status, answer = call(port, "POST", "/invocations", body)
    if status != http.client.OK:
        raise AnswerError(f"{status}: {' '.join(answer[:500].decode(errors='replace').split())}")
    sent, got = (text.count(b"\n") + (not text.endswith(b"\n")) for text in (body, answer))
    if sent != got:
        raise AnswerError(f"{sent} lines were answered with {got}")
    return sent


def call(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Send a request to a server on this machine; return the status and the body of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT)
    try:
        connection.request(method, path, body, {"Content-Type": "text/csv", "Accept": "text/csv"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
