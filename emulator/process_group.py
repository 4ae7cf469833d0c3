"""Sends a signal to a process and all that it started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send `number` to the group that the process `leader` began; do nothing if none of its processes is left."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        # No process is left; macOS answers EPERM for a group of which only an ended process remains.
        return
