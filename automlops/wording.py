"""Words that several commands print: how to type this command, and lists of names that fit a line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "automlops"
NAMED_IN_A_LINE = 5


def program() -> str:
    """How to type this command: its name where the shell finds it, else the path it was typed with."""
    typed = sys.argv[0]
    return typed if Path(typed).name == NAME and shutil.which(NAME) is None else NAME


def names_for_a_line(items: Sequence[str]) -> str:
    """The first of `items`, and how many more there are."""
    more = len(items) - NAMED_IN_A_LINE
    return ", ".join(map(repr, items[:NAMED_IN_A_LINE])) + (f" and {more:,} more" if more > 0 else "")
