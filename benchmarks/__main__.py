"""`python -m benchmarks`: measures, prints the table and writes build/bench.json (`make bench`)."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import (
    accuracy,
    cold_start,
    emulator_throughput,
    peers,
    rerun_jobs,
    retrying,
    sam_build,
    scale,
    serving,
    training,
    waves,
)
from benchmarks.measure import Measure
from benchmarks.report import as_json, as_markdown, as_others_table, as_table, verdict

ROOT = Path(__file__).parents[1]
# The name of a subject, and the function that measures it; all subjects of a run share a scratch folder.
SUBJECTS: dict[str, Callable[[Path], Iterator[Measure]]] = {
    "package": sam_build.measure_size,
    "build": sam_build.measure_time,
    "cold-start": cold_start.measure_cold_start,
    "training": training.measure_training,
    "training-tenfold": training.measure_tenfold,
    "serving": serving.measure_serving,
    "serving-long": serving.measure_long_serving,
    "accuracy": accuracy.measure_accuracy,
    "peers": peers.measure_peers,
    "retriers": retrying.measure_retriers,
    "waves": waves.measure_waves,
    "scale": scale.measure_scale,
    "emulator": emulator_throughput.measure_throughput,
    "reruns": rerun_jobs.measure_reruns,
}


def main(arguments: Sequence[str]) -> int:
    """Run the chosen subjects; return the exit code, which is 0 even if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", type=_subjects, default=list(SUBJECTS), help=f"of {','.join(SUBJECTS)}; commas between"
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md as well")
    chosen = parser.parse_args(arguments)
    if chosen.write and chosen.only != list(SUBJECTS):
        parser.error("--write takes all subjects: the document holds the whole table")
    console = Console()
    with tempfile.TemporaryDirectory() as work:
        try:
            measures = [measure for name in chosen.only for measure in SUBJECTS[name](Path(work))]
        except subprocess.CalledProcessError as failed:
            console.out(f"{' '.join(map(str, failed.cmd))} failed:\n{failed.stderr}", highlight=False)
            return 1
        except subprocess.TimeoutExpired as late:
            console.out(str(late), highlight=False)
            return 1
    console.print(as_table(measures))
    if others := as_others_table(measures):
        console.print(others)
    for note in dict.fromkeys(measure.note for measure in measures if measure.note):
        console.out(note, highlight=False)
    console.out(verdict(measures), highlight=False)
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(as_json(measures), encoding="utf-8")
    if chosen.write:
        text = as_markdown(measures, datetime.now(UTC), describe_machine())
        (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
    return 0


def describe_machine() -> str:
    """Return a description of this machine in one line."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "processor unknown"
    )
    return f"{platform.system()} {platform.machine()}, {model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _subjects(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - set(SUBJECTS)):
        raise argparse.ArgumentTypeError(f"no such subject: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
