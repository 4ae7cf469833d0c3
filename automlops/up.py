"""Runs the emulator with the stack deployed in the foreground."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from automlops.errors import CommandError, EmulatorError
from automlops.local import require_local_extra


def serve_emulator(announce: Callable[[str], None], *, port: int | None, host: str, images: Sequence[str]) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        announce: receives `ready URL` and the exports.
        port: TCP port, 0 for any free one; None is the emulator's usual one.
        host: address to bind.
        images: URI=COMMAND words.

    Raises:
        CommandError: the emulator is not installed, or an image is not URI=COMMAND.
        EmulatorError: the address is taken, or the stack cannot be deployed.
    """
    require_local_extra()
    from emulator import deployment, serve, server

    try:
        commands = serve.parse_images(images)
    except server.EmulatorError as error:
        raise CommandError(f"{error}.") from error
    try:
        serve.serve(
            announce,
            port=serve.DEFAULT_PORT if port is None else port,
            host=host,
            images=commands,
        )
    except (server.EmulatorError, deployment.DeploymentError) as error:
        raise EmulatorError(f"The emulator cannot go on: {error}") from error
