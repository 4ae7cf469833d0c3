"""Gives one process a /opt/ml of its own, where the kernel lets an ordinary user do that."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

# $1 = the directory that becomes /opt/ml, $2 = an empty directory for what /opt held; the rest is the command.
# What was in /opt stays there, because an interpreter may be installed in it.
_SCRIPT = """
set -e
folder=$1; before=$2; shift 2
if [ ! -d /opt/ml ]; then
    mount --rbind /opt "$before"
    mount -t tmpfs tmpfs /opt
    for entry in "$before"/* "$before"/.[!.]*; do
        name=/opt/$(basename "$entry")
        if [ -L "$entry" ]; then cp -P "$entry" "$name"
        elif [ -d "$entry" ]; then mkdir "$name"; mount --rbind "$entry" "$name"
        elif [ -e "$entry" ]; then : > "$name"; mount --bind "$entry" "$name"
        fi
    done
    mkdir /opt/ml
fi
mount --rbind "$folder" /opt/ml
exec "$@"
"""
_PROBE_SECONDS = 10.0


def mount_command(command: list[str], folder: Path, empty: Path) -> list[str] | None:
    """Return the command with `folder` as its /opt/ml, or None where this machine does not allow that.

    Args:
        command: program and arguments.
        folder: what the command shall see as /opt/ml.
        empty: an empty directory, where the mount keeps what /opt held; other processes see nothing in it.
    """
    unshare = _working_unshare()
    return None if unshare is None else _wrapped(unshare, command, folder, empty)


def _wrapped(unshare: tuple[str, ...], command: list[str], folder: Path, empty: Path) -> list[str]:
    return [*unshare, "sh", "-c", _SCRIPT, "sh", str(folder), str(empty), *command]


@lru_cache(maxsize=1)
def _working_unshare() -> tuple[str, ...] | None:
    """Return the first way to make a mount namespace that works here, found by trying once."""
    if shutil.which("unshare") is None:
        return None
    ways: list[tuple[str, ...]] = [("unshare", "--user", "--map-root-user", "--mount")]
    if os.geteuid() == 0:
        # Root needs no user namespace, in which files of other users would be out of its reach.
        ways.insert(0, ("unshare", "--mount"))
    with tempfile.TemporaryDirectory(prefix="automlops-mount-") as scratch:
        folder, empty = Path(scratch, "ml"), Path(scratch, "before")
        folder.mkdir()
        empty.mkdir()
        (folder / "here").touch()
        for way in ways:
            probe = _wrapped(way, ["test", "-e", "/opt/ml/here"], folder, empty)
            try:
                done = subprocess.run(probe, capture_output=True, timeout=_PROBE_SECONDS, check=False)
            except (OSError, subprocess.TimeoutExpired):
                continue
            if done.returncode == 0:
                return way
    return None
