"""Runs the commands of docs/deploy.md in a fresh clone and writes what they printed below each (`make transcript`).

The page is the script: every ```bash block runs, in order and in one shell, and the ```text block behind it is
replaced by its output. A block that fails ends the run, and the page stays as it was.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "deploy.md"
COMMANDS = re.compile(r"^```bash\n(?P<commands>.*?)^```\n(?:\n^```text\n.*?^```\n)?", re.DOTALL | re.MULTILINE)
RECORDED = re.compile(r"(<!-- recorded -->\n).*?(<!-- end -->)", re.DOTALL)
KEYS = re.compile(r"^(export AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY)=).*")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# A longer output is cut in its middle.
LONGEST_OUTPUT = 44
LONGEST_BLOCK_IN_SECONDS = 1800.0
END = "--- end of block"


class Shell:
    """One bash that keeps its folder, variables and background jobs from block to block."""

    def __init__(self, home: Path) -> None:
        # Neither the caller's account nor the make that started this has a part in it.
        left_out = ("AWS_", "MAKE", "MFLAGS", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        self._home = home
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            start_new_session=True,
            env=kept | {"HOME": str(home), "COLUMNS": "100", "NO_COLOR": "1", "SAM_CLI_TELEMETRY": "0"},
        )
        if self._bash.stdin is None or self._bash.stdout is None:
            raise RuntimeError("bash was started without pipes")
        self._input, self._output = self._bash.stdin, self._bash.stdout
        self.run("set -eo pipefail")

    def run(self, commands: str) -> list[str]:
        """Return the lines that the commands printed.

        Raises:
            RuntimeError: one of them failed, or they took too long.
        """
        self._input.write(f"{commands}\necho '{END}'\n")
        self._input.flush()
        printed: list[str] = []
        limit = threading.Timer(LONGEST_BLOCK_IN_SECONDS, os.killpg, (self._bash.pid, signal.SIGKILL))
        limit.start()
        try:
            for line in self._output:
                if line.rstrip("\n").endswith(END):
                    return [*printed, *filter(None, [line.rstrip("\n").removesuffix(END)])]
                printed.append(self._plain(line))
                sys.stdout.write(line)
        finally:
            limit.cancel()
        raise RuntimeError("this block failed:\n" + commands + "\n".join(printed))

    def _plain(self, line: str) -> str:
        """As a reader sees it: the last state of a line that was drawn over, without colours and keys, the folder as ~."""
        drawn = ESCAPES.sub("", line).rstrip("\n").split("\r")[-1].replace(str(self._home), "~").rstrip()
        return KEYS.sub(r"\1…", drawn)

    def close(self) -> None:
        """End the shell and whatever it has started."""
        # A block that fails ends the shell, but not what runs in the background.
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGTERM)
        try:
            self._bash.wait(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._bash.pid, signal.SIGKILL)


def main() -> None:
    """Run the page and write it anew."""
    text = PAGE.read_text(encoding="utf-8")
    origin = recorded()
    with tempfile.TemporaryDirectory(prefix="automlops-transcript-") as folder:
        home = Path(folder).resolve()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), "automlops"], cwd=home, check=True)
        shell = Shell(home)
        try:
            written = COMMANDS.sub(
                lambda block: with_output(block["commands"], shell.run(block["commands"])), text
            )
        finally:
            shell.close()
    PAGE.write_text(RECORDED.sub(lambda block: block[1] + origin + "\n" + block[2], written), encoding="utf-8")


def with_output(commands: str, printed: list[str]) -> str:
    """Return a block of commands and, if they printed anything, the block of their output."""
    block = f"```bash\n{commands}```\n"
    while printed and not printed[-1]:
        printed.pop()
    if not printed:
        return block
    if len(printed) > LONGEST_OUTPUT:
        left_out = len(printed) - LONGEST_OUTPUT
        half = LONGEST_OUTPUT // 2
        printed = [*printed[:half], f"… {left_out} lines left out …", *printed[-half:]]
    return block + "\n```text\n" + "\n".join(printed) + "\n```\n"


def recorded() -> str:
    """When, of what and where the page was recorded."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.platform()
    return (
        f"Recorded on {datetime.now(UTC):%Y-%m-%d} (UTC) from commit {commit}: {system}, {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}."
    )


if __name__ == "__main__":
    main()
