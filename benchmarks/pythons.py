"""Finds Python interpreters on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def find_python(version: str) -> Path | None:
    """Return a working interpreter of this version ("3.13"), from the PATH or pyenv; None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    for path in found:
        # A pyenv shim is on the PATH whether or not its Python is in use.
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False, timeout=30).returncode == 0:
            return Path(path)
    return None
