"""Runs the emulator with the stack deployed in the foreground."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from automlops.errors import CommandError, EmulatorError
from automlops.local import require_local_extra


def serve_emulator(
    announce: Callable[[str], None],
    *,
    port: int | None,
    host: str,
    images: Sequence[str],
    parameters: Sequence[str] = (),
) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        announce: receives `ready URL` and the exports.
        port: TCP port, 0 for any free one; None is the emulator's usual one.
        host: address to bind.
        images: URI=COMMAND words; if there is one, the stack's ImageUri is its URI.
        parameters: NAME=VALUE words, parameters of the stack.

    Raises:
        CommandError: the emulator is not installed, or an image or a parameter cannot be used.
        EmulatorError: the address is taken, or the stack cannot be deployed.
    """
    require_local_extra()
    from emulator import address, serve

    try:
        commands = serve.parse_images(images)
        told = serve.stack_parameters(serve.parse_pairs("--parameter", parameters), commands, serve.TEMPLATE)
    except address.EmulatorError as error:
        raise CommandError(f"{error}.") from error
    try:
        serve.serve(
            announce,
            port=serve.DEFAULT_PORT if port is None else port,
            host=host,
            images=commands,
            parameters=told,
        )
    except address.EmulatorError as error:
        raise EmulatorError(f"The emulator cannot go on: {error}") from error
