"""Binds the address that the emulator serves on; loads nothing else, so that a port in use is reported at once."""

from __future__ import annotations

import socket


class EmulatorError(Exception):
    """The emulator could not carry out a command; the message says what to change."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, made here because werkzeug's own ends the process when the port is taken.

    Args:
        host: address or name of this machine.
        port: TCP port, 0 for any free one.

    Raises:
        EmulatorError: it is no port, or the address cannot be bound.
    """
    if not 0 <= port <= 65535:
        raise EmulatorError(f"{port} is no TCP port: choose 1 to 65535, or 0 for any free one")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise EmulatorError(f"cannot listen on {host!r}: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise EmulatorError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what uses it or choose another port (0 = any free one)"
        ) from error
    return listener
