"""`python -m emulator`: an emulator with the stack deployed, on one line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulator.address import EmulatorError
from emulator.endpoint import DEFAULT_REGION
from emulator.serve import (
    DEFAULT_PORT,
    DEFAULT_STACK,
    TEMPLATE,
    parse_images,
    parse_pairs,
    read_account,
    serve,
    stack_parameters,
)


def main(
    port: Annotated[int, typer.Option(help="TCP port; 0 for any free one.")] = DEFAULT_PORT,
    host: Annotated[
        str, typer.Option(help="Address to bind. Who reaches it and has its keys can run code here.")
    ] = "127.0.0.1",
    region: Annotated[str, typer.Option(help="Region the stack is deployed in.")] = DEFAULT_REGION,
    image: Annotated[
        list[str] | None,
        typer.Option(metavar="URI=COMMAND", help="Command for an image. A single one is the stack's ImageUri."),
    ] = None,
    template: Annotated[Path, typer.Option(help="SAM or CloudFormation template to deploy.")] = TEMPLATE,
    stack: Annotated[str, typer.Option(help="Name of the stack.")] = DEFAULT_STACK,
    parameter: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Stack parameter.")] = None,
    account: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The account's quotas, rates, faults and pace, as YAML or JSON."),
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Deploy nothing.")] = False,
) -> None:
    """Serve AWS's APIs on this machine with the stack deployed, until Ctrl-C or SIGTERM."""
    deployed = None if empty else template
    try:
        images = parse_images(image or [])
        given_parameters = parse_pairs("--parameter", parameter or [])
        serve(
            typer.echo,
            port=port,
            host=host,
            region=region,
            images=images,
            template=deployed,
            stack=stack,
            parameters=stack_parameters(given_parameters, images, deployed),
            conditions=read_account(account),
        )
    except EmulatorError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
