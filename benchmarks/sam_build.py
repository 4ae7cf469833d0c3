"""Measures the size of the Lambda functions' package, and the time of `sam build`."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from samcli.lib.package.utils import make_zip_with_lambda_permissions, zip_folder

from benchmarks.measure import Goal, Measure

ROOT = Path(__file__).parents[1]
ARCHITECTURES = ("x86_64", "arm64")
LARGEST_ZIP = Goal(5.0, "ours")
RUNS = 3
BUILD_TIMEOUT = 600


def copy_project(project: Path, *more: str) -> Path:
    """Copy what `sam build` reads, and `more`, to a new folder, without anything built or cached."""
    project.mkdir(parents=True)
    for name in ("template.yaml", "samconfig.toml", "pyproject.toml", "functions", "statemachine", *more):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, project)
    return project


def build(project: Path, architecture: str) -> Path:
    """Copy the project to the folder and build it there, unless it exists; return the package's folder.

    Raises:
        subprocess.SubprocessError: `sam build` failed or took too long.
    """
    if not project.exists():
        run_build(copy_project(project), architecture)
    (package,) = [entry for entry in (project / ".aws-sam" / "build").iterdir() if entry.is_dir()]
    return package


def run_build(project: Path, architecture: str) -> float:
    """Run `sam build` as `make build` does; return the seconds that it took."""
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}
    command = ["sam", "build", "--parameter-overrides", f"Architecture={architecture}"]
    start = time.perf_counter()
    subprocess.run(
        command, cwd=project, env=environment, check=True, capture_output=True, text=True, timeout=BUILD_TIMEOUT
    )
    return time.perf_counter() - start


def measure_size(work: Path) -> Iterator[Measure]:
    """Yield the size of the zip file that `sam deploy` makes, for each processor architecture."""
    for architecture in ARCHITECTURES:
        package = build(work / architecture, architecture)
        with zip_folder(str(package), zip_method=make_zip_with_lambda_permissions) as (path, _):
            size = Path(path).stat().st_size / 1e6
        note = "package: the zip that sam deploy uploads, in units of 1,000,000 bytes"
        yield Measure(f"package for {architecture}, zipped", "MB", size, goal=LARGEST_ZIP, note=note)


def measure_time(work: Path) -> Iterator[Measure]:
    """Yield the time of `sam build` in a new folder, and again with sam's cache."""
    build(work / ARCHITECTURES[0], ARCHITECTURES[0])  # uv has the wheels from here on
    first, cached = [], []
    for number in range(RUNS):
        project = copy_project(work / f"time-{number}")
        first.append(run_build(project, ARCHITECTURES[0]))
        cached.append(run_build(project, ARCHITECTURES[0]))
    note = f"sam build: wall time, medians of {RUNS}; first has no cache of sam's, but uv's of the wheels"
    middle = statistics.median(first)
    yield Measure("sam build, first", "s", middle, note=note)
    yield Measure("sam build, cached, against first", "s", statistics.median(cached), middle, note=note)
