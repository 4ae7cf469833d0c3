"""Removes what is left of a live session that was killed: `python -m tests.live STACK test-0123abcd-`."""

from __future__ import annotations

import os
import sys

from automlops.aws.connection import connect
from automlops.errors import CommandError
from tests.live.removal import PREFIX, NotRemovedError, Remover
from tests.live.session import kept_line, removal_line
from tests.live.stack import open_stack


def main(words: list[str]) -> str | None:
    """Return what went wrong, if anything did."""
    if len(words) != 2 or not PREFIX.fullmatch(words[1]):
        return "usage: python -m tests.live STACK PREFIX, as the session printed them (test-0123abcd-)"
    try:
        stack, prefix = words
        remover = Remover(open_stack(connect(os.environ), stack, prefix))
        kept = remover.remove(_print)
    except (CommandError, NotRemovedError) as error:
        return str(error)
    _print(removal_line(remover))
    _print(kept_line(kept))
    return None


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
