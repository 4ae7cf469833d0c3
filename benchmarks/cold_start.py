"""Measures a handler's imports and clients in a new process, against a bare handler with the same clients."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Goal, Measure
from benchmarks.pythons import find_python
from benchmarks.sam_build import BUILD_TIMEOUT, ROOT, build
from benchmarks.uv import install, run_uv

GOAL = Goal(1.15, "ratio")
# Each handler's event model and its clients.
EVENTS = {
    "prepare_run": "PrepareRunEvent",
    "aws_training_job": "TrainingJobEvent",
    "aws_create_model": "CreateModelEvent",
    "aws_batch_transform": "BatchTransformEvent",
    "follow_job": "FollowJobEvent",
    "summarize_run": "SummarizeRunEvent",
}
CLIENTS = {
    "prepare_run": ("s3",),
    "aws_training_job": ("s3", "sagemaker"),
    "aws_create_model": ("s3", "sagemaker"),
    "aws_batch_transform": ("s3", "sagemaker"),
    "follow_job": ("sagemaker",),
    "summarize_run": ("s3", "sagemaker"),
}
# The cost of Powertools' Logger, Metrics and Parser alone: a handler with one model that does nothing else.
BARE_HANDLER = """
import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.parser import BaseModel, event_parser

logger = Logger(service="bare")
metrics = Metrics(namespace="Bare", service="bare")


class Event(BaseModel):
    item: str


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@event_parser(model=Event)
def lambda_handler(event, context):
    metrics.add_metric(name="Items", unit="Count", value=1)
    logger.info("parsed")
    return {"item": event.item}
"""
RUNS = 15
LAMBDAS_PYTHON = "3.13"


@dataclass(frozen=True)
class Runtime:
    """A stand-in for Lambda's runtime: an interpreter, a package without byte code, and boto3 with byte code.

    Attributes:
        python: the interpreter.
        package: folder of the functions' package.
        boto3: folder of the runtime's boto3.
        label: its description in the measure's name.
    """

    python: Path
    package: Path
    boto3: Path
    label: str

    def seconds(self, code: str) -> float:
        """Return the wall time of a whole process that runs the code.

        Raises:
            subprocess.CalledProcessError: the code failed; `stderr` says why.
        """
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{self.package}:{self.boto3}",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Every function has these; without them boto3 searches for others.
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
        }
        # Without the interpreter's installed packages and without the current folder on the path.
        command = [str(self.python), "-S", "-P", "-c", code]
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
        return time.perf_counter() - start


def measure_cold_start(work: Path) -> Iterator[Measure]:
    """Yield a measure for each handler."""
    yield from compare(_make_runtime(work), {handler: _codes(handler) for handler in CLIENTS})


def _codes(handler: str) -> tuple[str, str]:
    """Return the code of the handler with its clients and first event, and that of the bare handler with the same."""
    services = CLIENTS[handler]
    event = json.loads((ROOT / "events" / f"{handler}.json").read_text(encoding="utf-8"))
    own = [
        f"import {handler}",
        "from pipeline.aws import clients",
        *(f"clients.{service}_client()" for service in services),
    ]
    own.append(f"{handler}.parse_event({handler}.{EVENTS[handler]}, {event!r})")
    plain = [f"boto3.client({service!r})" for service in services]
    plain += [
        "from aws_lambda_powertools.utilities.parser import parse",
        "parse(event={'item': 'item1'}, model=Event)",
    ]
    return "; ".join(own), "\n".join([BARE_HANDLER, *plain])


def compare(runtime: Runtime, codes: Mapping[str, tuple[str, str]]) -> Iterator[Measure]:
    """Compare two pieces of code under each name, by the fastest run of each.

    All take turns, so that other load of the machine affects all alike, and the fastest run is the least disturbed. Code
    that is the reference of several names has the fastest of all its runs.
    """
    note = (
        f"cold start: fastest of {RUNS} whole processes by turns, import of the handler, its clients and its first event "
        "parsed, against a bare handler on Powertools' Logger, Metrics and Parser with one model and the same clients; "
        "the package without byte code and none written, boto3 with it"
    )
    seconds: dict[str, list[tuple[float, ...]]] = {name: [] for name in codes}
    broken: dict[str, str] = {}
    # The first run fills the file system's cache and is not counted.
    for _ in range(RUNS + 1):
        for name, pair in codes.items():
            if name not in broken:
                try:
                    seconds[name].append(tuple(runtime.seconds(code) for code in pair))
                except subprocess.CalledProcessError as failed:
                    broken[name] = (failed.stderr.strip().splitlines() or ["no message"])[-1]
    fastest: dict[str, float] = {}
    for name, runs in seconds.items():
        for code, times in zip(codes[name], zip(*runs[1:], strict=True), strict=False):
            fastest[code] = min(fastest.get(code, math.inf), *times)
    for name, (own, reference) in codes.items():
        measure = f"cold start, {runtime.label}: {name}"
        if name in broken:
            yield Measure(measure, "ms", None, goal=GOAL, note=f"cold start: not measured: {broken[name]}")
        else:
            yield Measure(measure, "ms", fastest[own] * 1000, fastest[reference] * 1000, GOAL, note)


def _make_runtime(work: Path) -> Runtime:
    """Return a runtime with Lambda's Python and sam's package if this machine has that Python; else with this Python."""
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    found = find_python(LAMBDAS_PYTHON) if sys.platform == "linux" else None
    python = found or Path(sys.executable)
    if found:
        package = build(work / architecture, architecture)
        label = f"Python {LAMBDAS_PYTHON}"
    else:
        package = work / "package"
        install(python, package, "--requirements", str(ROOT / "functions" / "requirements.txt"), "--no-deps")
        shutil.copytree(
            ROOT / "functions", package, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        label = f"Python {platform.python_version()}, not Lambda's"
    boto3 = work / "boto3"
    locked = work / "locked.txt"
    run_uv("export", "--frozen", "--no-emit-project", "--no-hashes", "--output-file", str(locked))
    install(python, boto3, "boto3", "--constraints", str(locked))
    subprocess.run([str(python), "-m", "compileall", "-q", str(boto3)], check=True, timeout=BUILD_TIMEOUT)
    return Runtime(python, package, boto3, label)
