"""Decides where a command works: on an emulator of its own, or on which deployed stack."""

from __future__ import annotations

from collections.abc import Mapping

from automlops.errors import CommandError

ENDPOINT = "AWS_ENDPOINT_URL"


def place_of(environment: Mapping[str, str], *, local: bool, stack: str | None, region: str | None) -> str | None:
    """The stack that the options name; None is an emulator of one's own.

    Args:
        environment: the process's variables.
        local: --local.
        stack: --stack.
        region: --region.

    Raises:
        CommandError: they name none, or two.
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
        "Where should it run? --local runs it on this machine, --stack NAME on a stack that is deployed on AWS.",
    )


def stack_name(
    environment: Mapping[str, str], stack: str | None, question: str = "Which stack? Give --stack NAME."
) -> str:
    """The stack that is named; without a name, on an emulator, the one that is there.

    Args:
        environment: the process's variables.
        stack: --stack.
        question: what is asked if neither tells.

    Raises:
        CommandError: the question.
    """
    if stack is not None:
        return stack
    if environment.get(ENDPOINT):
        from automlops.aws.stack import DEFAULT_NAME

        return DEFAULT_NAME
    raise CommandError(question)
