"""Runs the emulator in the foreground, with the stack deployed on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from automlops.errors import CommandError, EmulatorError
from automlops.local.emulator_process import require_local_extra

DEFAULT_HOST = "127.0.0.1"


def serve_emulator(
    announce: Callable[[str], None],
    *,
    port: int | None,
    host: str | None = None,
    containers: bool = False,
    images: Sequence[str] = (),
    parameters: Sequence[str] = (),
    account: Path | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        announce: receives `ready URL` and the exports.
        port: TCP port, 0 for any free one; None is the emulator's default.
        host: address to bind; None is 127.0.0.1.
        containers: listen on an address that Docker's containers reach, and write the variables for `sam local`.
        images: URI=COMMAND words; a single one also becomes the stack's ImageUri.
        parameters: NAME=VALUE words, parameters of the stack.
        account: file with the description of the emulated account.

    Raises:
        CommandError: the emulator is not installed, an image, a parameter or the account's file is not valid, or there
            is no Docker.
        EmulatorError: the address is in use, or the stack cannot be deployed.
    """
    require_local_extra()
    from emulator import address, serve

    try:
        commands = serve.parse_images(images)
        stack_parameters = serve.stack_parameters(
            serve.parse_pairs("--parameter", parameters), commands, serve.TEMPLATE
        )
        conditions = serve.read_account(account)
    except address.EmulatorError as error:
        raise CommandError(f"{error}.") from error
    name = ""
    if containers:
        if host is not None:
            raise CommandError("Give --host or --containers, not both: --containers finds the address itself.")
        from automlops.local.docker_route import find_route

        route = find_route()
        host, name = route.bind, route.name
    try:
        serve.serve(
            announce,
            port=serve.DEFAULT_PORT if port is None else port,
            host=host or DEFAULT_HOST,
            images=commands,
            parameters=stack_parameters,
            conditions=conditions,
            meanwhile=(lambda url: _sam_local(announce, url, name)) if containers else nullcontext,
        )
    except address.EmulatorError as error:
        raise EmulatorError(f"The emulator cannot run: {error}") from error


@contextmanager
def _sam_local(announce: Callable[[str], None], url: str, name: str) -> Iterator[None]:
    """Keep the variables file for `sam local` during the block.

    Args:
        announce: receives the file's path.
        url: the emulator's URL.
        name: the emulator's host name in containers.
    """
    from automlops.aws.connection import connect_emulator
    from automlops.local.sam_local import FILE, function_variables, variables_file
    from emulator.serve import DEFAULT_STACK, TEMPLATE

    path = TEMPLATE.parent / FILE
    seen_from_containers = f"http://{name}:{urlsplit(url).port}"
    with variables_file(path, function_variables(connect_emulator(url), DEFAULT_STACK, seen_from_containers)):
        announce(f"sam local finds it by {path}")
        yield
