"""Decides whether a subcommand uses an emulator of its own or a deployed stack, and which."""

from __future__ import annotations

from collections.abc import Mapping

from automlops.errors import CommandError

ENDPOINT = "AWS_ENDPOINT_URL"


def place_of(environment: Mapping[str, str], *, local: bool, stack: str | None, region: str | None) -> str | None:
    """Return the stack that the options name; None is an emulator for this command alone.

    Args:
        environment: the process's environment variables.
        local: --local.
        stack: --stack.
        region: --region.

    Raises:
        CommandError: the options name no place, or two.
    """
    if local and stack is not None:
        raise CommandError("Give --local or --stack, not both.")
    if local and region is not None:
        raise CommandError("--region is for a deployed stack; the emulator of --local has its own.")
    if local:
        return None
    return stack_name(
        environment,
        stack,
        "Add --local to run on this machine, or --stack NAME to run on a stack that is deployed on AWS.",
    )


def stack_name(
    environment: Mapping[str, str], stack: str | None, hint: str = "No stack is named. Add --stack NAME."
) -> str:
    """Return the stack that --stack names; without --stack, on an emulator, the emulator's only stack.

    Args:
        environment: the process's environment variables.
        stack: --stack.
        hint: the message if there is neither --stack nor an emulator.

    Raises:
        CommandError: there is neither.
    """
    if stack is not None:
        return stack
    if environment.get(ENDPOINT):
        from automlops.aws.stack import DEFAULT_NAME

        return DEFAULT_NAME
    raise CommandError(hint)
