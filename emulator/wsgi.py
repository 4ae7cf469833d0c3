"""Calls the emulator's application inside this process, and builds the WSGI request for it.

Touches moto's private parts: its request's environ key for header names that WSGI cannot tell apart.
"""

from __future__ import annotations

import email.utils
import functools
import sys
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# URL of an emulator → the application that answers there, all the account's middleware around it.
_applications: dict[str, Any] = {}


class Answer(NamedTuple):
    """What the application answered."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def publish(url: str, application: Any) -> None:
    """Let those in this process ask `application` where others would ask `url`."""
    _applications[url] = application


def withdraw(url: str) -> None:
    """Remove the application that answers under `url`."""
    _applications.pop(url, None)


def application_at(url: str) -> Any:
    """Return the application that answers under `url`; None if that is not in this process."""
    return _applications.get(url)


def make_environ(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body: Any,
    *,
    server: tuple[str, int],
    client: tuple[str, int],
    protocol: str = "HTTP/1.1",
) -> dict[str, Any]:
    """Return a WSGI environ (PEP 3333) as moto wants it.

    Args:
        method: GET, PUT, …
        target: path and query as they came, still percent-encoded.
        headers: names and values; equal names are joined by commas.
        body: what is read of it is the request's body.
        server: address and port it was sent to.
        client: address and port it came from.
        protocol: version of HTTP.
    """
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "SERVER_SOFTWARE": "emulator",
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        # The path as it was sent: an encoded slash is not a separator.
        "RAW_URI": target,
        "REQUEST_URI": target,
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": client[1],
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": protocol,
    }
    preserved: dict[str, str] = {}
    odd: list[tuple[str, str]] = []
    for name, value in headers:
        if "_" in name:
            odd.append((name, value))
            continue
        key = environ_key_for_header(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    for name, value in odd:
        # Such a name must not pass for the one with dashes, but S3's metadata keeps it.
        key = environ_key_for_header(name)
        if should_preserve_original_header_name(name) and (key not in environ or key in preserved):
            environ[key] = f"{environ[key]},{value}" if key in environ else value
            preserved.setdefault(key, name)
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = preserved
    return environ


def ask(application: Any, environ: dict[str, Any]) -> Answer:
    """Return the application's answer to a request; what it raises passes through."""
    response_start: list[Any] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        del exc_info
        response_start[:] = [status, headers]
        return written.append

    written: list[bytes] = []
    parts = application(environ, start_response)
    try:
        written.extend(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return Answer(response_start[0], response_start[1], written[0] if len(written) == 1 else b"".join(written))


@functools.lru_cache(maxsize=8)
def http_date(second: int) -> str:
    """Return a moment, in seconds since 1970, in the form of HTTP's Date header."""
    return email.utils.formatdate(second, usegmt=True)
