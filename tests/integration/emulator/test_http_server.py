"""The server speaks HTTP/1.1 as AWS's clients expect: connections stay, bodies of any form are read, errors end well."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.address import listen
from emulator.http_server import HttpServer

SECONDS = 10.0


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Tells of the request; what the path says is left undone or done wrongly."""
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise ValueError("no")
    body = b"" if path == "/unread" else environ["wsgi.input"].read()
    start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"]), ("X-Length", str(len(body)))])
    return [] if path == "/empty" else [path.encode("latin-1"), b" ", body]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with listen("127.0.0.1", 0) as listener:
        made = HttpServer(listener, application)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    made.close_connections()
    thread.join(SECONDS)


@pytest.fixture
def client(server: HttpServer) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=SECONDS)
    yield made
    made.close()


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: Any = None, **more: Any
) -> tuple[int, bytes]:
    client.request(method, path, body=body, **more)
    answer = client.getresponse()
    return answer.status, answer.read()


def raw(server: HttpServer, sent: bytes) -> bytes:
    """All that the server says to `sent` until it ends the connection."""
    with socket.create_connection(("127.0.0.1", server.server_address[1]), SECONDS) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        told = b""
        while chunk := connection.recv(65536):
            told += chunk
    return told


def test_connection_stays_for_the_next_request(client: http.client.HTTPConnection) -> None:
    first = ask(client, "PUT", "/a", b"x")
    port = client.sock.getsockname()[1]
    second = ask(client, "POST", "/b")

    assert (first, second) == ((200, b"/a x"), (200, b"/b "))
    assert client.sock.getsockname()[1] == port


def test_body_that_nobody_read_is_not_taken_for_the_next_request(client: http.client.HTTPConnection) -> None:
    assert ask(client, "PUT", "/unread", b"GET / HTTP/1.1\r\n\r\n" * 1000)[0] == 200
    assert ask(client, "GET", "/a") == (200, b"/a ")


def test_chunked_body_is_read_to_its_end(client: http.client.HTTPConnection) -> None:
    chunks = iter([b"ab", b"c" * 100_000])

    assert ask(client, "PUT", "/a", chunks, encode_chunked=True, headers={"Transfer-Encoding": "chunked"}) == (
        200,
        b"/a ab" + b"c" * 100_000,
    )
    assert ask(client, "GET", "/b") == (200, b"/b ")


def test_large_body_comes_back_whole(client: http.client.HTTPConnection) -> None:
    body = b"0123456789" * 500_000

    assert ask(client, "PUT", "/a", body) == (200, b"/a " + body)


def test_head_has_no_body(client: http.client.HTTPConnection) -> None:
    assert ask(client, "HEAD", "/a") == (200, b"")
    assert ask(client, "GET", "/b") == (200, b"/b ")


def test_path_outside_ascii_arrives(client: http.client.HTTPConnection) -> None:
    assert ask(client, "GET", "/%E4%B8%AD") == (200, "/中 ".encode())


def test_application_that_raises_is_a_500_and_the_server_goes_on(
    client: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(client, "GET", "/raise") == (500, b"Internal Server Error")
    assert ask(client, "GET", "/a") == (200, b"/a ")
    assert "GET /raise failed" in caplog.text


def test_client_that_waits_for_leave_to_send_gets_it(server: HttpServer) -> None:
    told = raw(server, b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")

    assert told.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert told.endswith(b"/a hi")


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"],
    ids=["asked-for", "old-protocol"],
)
def test_connection_ends_when_it_shall(server: HttpServer, sent: bytes) -> None:
    told = raw(server, sent + b"GET /second HTTP/1.1\r\n\r\n")

    assert b"\r\nConnection: close\r\n" in told
    assert b"/second" not in told


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / SPDY\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 201 + b"\r\n",
    ],
    ids=["no-request", "protocol", "header", "length", "long-line", "many-headers"],
)
def test_what_is_no_request_is_refused(server: HttpServer, sent: bytes) -> None:
    assert raw(server, sent).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_connections_that_clients_keep_open_can_be_ended(
    server: HttpServer, client: http.client.HTTPConnection
) -> None:
    ask(client, "GET", "/a")
    server.close_connections()

    assert client.sock.recv(1) == b""
