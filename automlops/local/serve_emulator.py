"""Runs the emulator with the stack deployed in the foreground."""

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
    """Serves until SIGINT or SIGTERM.

    Args:
        announce: receives `ready URL` and the exports.
        port: TCP port, 0 for any free one; None is the emulator's usual one.
        host: address to bind; None is 127.0.0.1.
        containers: listen where Docker's containers reach it, and keep the file that `sam local` gives them.
        images: URI=COMMAND words; if there is one, the stack's ImageUri is its URI.
        parameters: NAME=VALUE words, parameters of the stack.
        account: file that describes the account to be played.

    Raises:
        CommandError: the emulator is not installed, an image, a parameter or the account's file cannot be used, or
            Docker is not there.
        EmulatorError: the address is taken, or the stack cannot be deployed.
    """
    require_local_extra()
    from emulator import address, serve

    try:
        commands = serve.parse_images(images)
        told = serve.stack_parameters(serve.parse_pairs("--parameter", parameters), commands, serve.TEMPLATE)
        played = serve.read_account(account)
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
            parameters=told,
            account=played,
            meanwhile=(lambda url: _sam_local(announce, url, name)) if containers else nullcontext,
        )
    except address.EmulatorError as error:
        raise EmulatorError(f"The emulator cannot go on: {error}") from error


@contextmanager
def _sam_local(announce: Callable[[str], None], url: str, name: str) -> Iterator[None]:
    """Keeps the file for `sam local` while the emulator at `url`, called `name` in containers, runs."""
    from automlops.aws.connection import connect_emulator
    from automlops.local.sam_local import FILE, function_variables, variables_file
    from emulator.serve import DEFAULT_STACK, TEMPLATE

    path = TEMPLATE.parent / FILE
    seen_from_containers = f"http://{name}:{urlsplit(url).port}"
    with variables_file(path, function_variables(connect_emulator(url), DEFAULT_STACK, seen_from_containers)):
        announce(f"sam local finds it by {path}")
        yield
