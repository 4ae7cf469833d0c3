"""Texts that several subcommands print: the name of the command, and lists of items on one line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "automlops"
NAMED_IN_A_LINE = 5


def program() -> str:
    """Return the name of this command if the shell finds it, else the path it was started with."""
    typed = sys.argv[0]
    return typed if Path(typed).name == NAME and shutil.which(NAME) is None else NAME


def names_for_a_line(items: Sequence[str]) -> str:
    """Return the first of `items`, and the number of the others."""
    more = len(items) - NAMED_IN_A_LINE
    return ", ".join(map(repr, items[:NAMED_IN_A_LINE])) + (f" and {more:,} more" if more > 0 else "")
