"""Serves the emulator's application over HTTP/1.1, with connections that stay open from one request to the next.

werkzeug's own server takes a new connection and a new thread for every request.
"""

from __future__ import annotations

import io
import logging
import socket
import socketserver
import threading
import time
from http import HTTPStatus
from typing import Any

from werkzeug.serving import DechunkedInput

from emulator.wsgi import Answer, ask, http_date, make_environ

_LOGGER = logging.getLogger(__name__)
LONGEST_LINE = 64 * 2**10
MOST_HEADERS = 200
# An answer up to this size goes out in one piece with its head.
_WHOLE_BODY = 2**20
# What the application leaves unread of a request is read up to this size; past it the connection ends.
_SKIPPED_BODY = 64 * 2**20
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class _BadRequestError(Exception):
    """What came is no HTTP request that this server understands."""


class HttpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One thread per connection; `close_connections` ends those that clients keep open.

    Args:
        listener: bound and listening; the server has a descriptor of its own for it.
        application: WSGI application.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, application: Any) -> None:
        super().__init__(listener.getsockname()[:2], _Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = listener.dup()
        self.application = application
        self.server_address = listener.getsockname()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Note what went wrong with a connection."""
        _LOGGER.exception("a connection broke")

    def close_connections(self) -> None:
        """End what is still connected; the threads that serve those connections end with them."""
        with self._connections_lock:
            remaining = list(self._connections)
        for connection in remaining:
            # A connection that its peer has just closed cannot be shut down again.
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Connection(socketserver.StreamRequestHandler):
    server: HttpServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            while self._serve_one():
                pass
        except ConnectionError:
            # The client went away.
            return

    def _serve_one(self) -> bool:
        """Answer the next request; whether another may follow."""
        try:
            request = self._read_head()
            if request is None:
                return False
            method, target, protocol, headers = request
            body = self._body(headers)
        except _BadRequestError as error:
            self._send(Answer("400 Bad Request", [], str(error).encode()), with_body=True, stay=False)
            return False
        if headers.get("expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = make_environ(
            method,
            target,
            headers.pairs,
            body,
            # Where the client has connected to, also if the server listens on every address.
            server=self.connection.getsockname()[:2],
            client=self.client_address[:2],
            protocol=protocol,
        )
        if isinstance(body, DechunkedInput):
            environ["wsgi.input_terminated"] = True
        try:
            answer = ask(self.server.application, environ)
        except Exception:
            # Whatever a handler raises is its own request's failure, and the server goes on.
            _LOGGER.exception("%s %s failed", method, target)
            answer = Answer(
                "500 Internal Server Error", [("Content-Type", "text/plain")], b"Internal Server Error"
            )
        stay = protocol != "HTTP/1.0" and headers.get("connection", "").strip().lower() != "close"
        stay = stay and _drain(body)
        self._send(answer, with_body=method != "HEAD", stay=stay)
        return stay

    def _read_head(self) -> tuple[str, str, str, _Headers] | None:
        """Request line and headers; None when the client has no more requests."""
        line = self._read_line()
        if line == "":
            # A line break between two requests is allowed, and the end of the stream reads the same.
            line = self._read_line()
        if not line:
            return None
        words = line.split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _BadRequestError("bad request line")
        method, target, protocol = words
        if not target.startswith("/"):
            # A proxy's form: scheme and host come before the path.
            target = "/" + target.partition("://")[2].partition("/")[2]
        elif target.startswith("//"):
            target = "/" + target.lstrip("/")
        pairs: list[tuple[str, str]] = []
        while header := self._read_line():
            name, colon, value = header.partition(":")
            if not colon or len(pairs) >= MOST_HEADERS:
                raise _BadRequestError("bad headers")
            pairs.append((name.strip(), value.strip()))
        return method, target, protocol, _Headers(pairs)

    def _read_line(self) -> str:
        line = self.rfile.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise _BadRequestError("a line is too long")
        return line.rstrip(b"\r\n").decode("latin-1")

    def _body(self, headers: _Headers) -> Any:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return DechunkedInput(self.rfile)  # type: ignore[arg-type]  # binary it is
        length = headers.get("content-length", "0") or "0"
        if not length.isdecimal():
            raise _BadRequestError("bad Content-Length")
        return _Body(self.rfile, int(length))

    def _send(self, answer: Answer, *, with_body: bool, stay: bool) -> None:
        code = int(answer.status.split(None, 1)[0])
        lines = [f"HTTP/1.1 {answer.status}"]
        names = set()
        for name, value in answer.headers:
            lines.append(f"{name}: {value}")
            names.add(name.lower())
        if "content-length" not in names and code not in _BODILESS:
            lines.append(f"Content-Length: {len(answer.body)}")
        if "date" not in names:
            lines.append(f"Date: {http_date(int(time.time()))}")
        if not stay:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        body = answer.body if with_body and code not in _BODILESS else b""
        # In one piece: two small writes would wait for the peer's delayed acknowledgement.
        self.connection.sendall(head + body if len(body) <= _WHOLE_BODY else head)
        if len(body) > _WHOLE_BODY:
            self.connection.sendall(body)


class _Headers:
    """A request's headers in their order, found by small names."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._values = {name.lower(): value for name, value in pairs}

    def get(self, name: str, default: str = "") -> str:
        return self._values.get(name, default)


class _Body(io.RawIOBase):
    """The next `length` bytes of a connection."""

    def __init__(self, stream: io.BufferedIOBase, length: int) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left]
        chunk = self._stream.read(len(view))
        # A client that went away in the middle leaves nothing to wait for.
        self._left = self._left - len(chunk) if chunk or not view else 0
        view[: len(chunk)] = chunk
        return len(chunk)

    def readall(self) -> bytes:
        whole = self._stream.read(self._left)
        self._left = 0
        return whole

    def skip(self) -> bool:
        """Read what the application did not; false if that is too much."""
        if self._left > _SKIPPED_BODY:
            return False
        self.readall()
        return True


def _drain(body: _Body | DechunkedInput) -> bool:
    """Read what is left of a request's body, for the next request comes after it; whether that could be done."""
    if isinstance(body, _Body):
        return body.skip()
    try:
        while body.read(_WHOLE_BODY):
            pass
    except OSError:
        return False
    return True
