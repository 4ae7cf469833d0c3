"""Makes the manifest of a run that never got one, by the function behind `automlops manifest`."""

from __future__ import annotations

import io
from typing import NamedTuple

from rich.console import Console

from automlops.runs.close_run import close_run
from tests.live.stack import Run, Stack


class Closed(NamedTuple):
    """A run that was closed.

    Attributes:
        run: the run, with its manifest.
        shown: what the command printed.
    """

    run: Run
    shown: str


def close(stack: Stack, run: Run, run_id: str) -> Closed:
    """Make the run's manifest of its records, and remove what it has left."""
    shown = io.StringIO()
    close_run(Console(file=shown, width=200), stack.connection, stack.name, run_id)
    content = stack.read(f"runs/{run_id}/manifest.json")
    return Closed(Run(run.arn, run.description, content), shown.getvalue())
