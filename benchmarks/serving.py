"""Rows a second through /invocations in requests of 6 MB, against the reference's server."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.batch_client import AnswerError, ask_concurrency, is_healthy, score
from benchmarks.measure import Goal, Measure
from benchmarks.pipelines import Pipeline, install_container, install_reference, train
from benchmarks.retail_data import find_data, without_data

ROWS = 1_000_000
RUNS = 5
START_TIMEOUT, END_TIMEOUT = 60, 30

SPEED = Measure("serving, 6 MB requests", "rows/s", None, goal=Goal(4, "ratio", at_least=True))
BATCH_SPEED = Measure("serving, as batch transform asks", "rows/s", None)


def measure_serving(work: Path) -> Iterator[Measure]:
    """Ours and the reference, each with the features file that its own training wrote, repeated."""
    data = find_data(work)
    if data is None:
        yield from without_data((SPEED, BATCH_SPEED))
        return
    container, reference = install_container(work), install_reference(work)
    files = {pipeline.name: make_features_file(pipeline, data, work) for pipeline in (container, reference)}
    with serving(container, work) as own_port, serving(reference, work) as port:
        connections = ask_concurrency(own_port)
        ways = {
            "ours": (own_port, files[container.name], connections),
            "reference": (port, files[reference.name], connections),
            "reference, one at a time": (port, files[reference.name], 1),
        }
        try:
            speeds = take_turns(ways)
        except AnswerError as wrong:
            for measure in (SPEED, BATCH_SPEED):
                yield replace(measure, note=f"serving: not measured: {wrong}")
            return
    note = (
        f"serving: {ROWS} rows of each side's own features file, {connections} requests at once as ours asks for, by "
        f"turns, the fastest of {RUNS}; the reference with a process for each core and OMP_NUM_THREADS=1"
    )
    yield SPEED.taken(speeds["ours"], speeds["reference"], note)
    asked = (
        "serving, as batch transform asks: the same, but the reference gets one request at a time, as a server without "
        "/execution-parameters does"
    )
    yield BATCH_SPEED.taken(speeds["ours"], speeds["reference, one at a time"], asked)


def take_turns(ways: Mapping[str, tuple[int, Path, int]]) -> dict[str, float]:
    """Rows a second that are answered at best in each way.

    Args:
        ways: by name, a server's port, the features that it gets, and how many requests are under way at once.

    Raises:
        AnswerError: a server did not answer line for line.
    """
    fastest = dict.fromkeys(ways, 0.0)
    for _ in range(RUNS):
        for name, (port, features, connections) in ways.items():
            start = time.perf_counter()
            rows = score(port, features, connections)
            fastest[name] = max(fastest[name], rows / (time.perf_counter() - start))
    return fastest


def make_features_file(pipeline: Pipeline, data: Path, work: Path) -> Path:
    """Trains, and repeats the features that come of it until there are `ROWS`; the file."""
    folder = _model_folder(pipeline, work)
    train(pipeline, data, folder)
    target = work / f"features-{pipeline.name}.csv"
    repeat_rows(pipeline.sample(folder), target, ROWS)
    return target


def repeat_rows(source: Path, target: Path, count: int) -> None:
    """Writes header and rows of a CSV file whose lines all end, the rows over and over until there are `count`."""
    header, *rows = source.read_bytes().splitlines(keepends=True)
    with target.open("wb") as file:
        file.write(header)
        for _ in range(count // len(rows)):
            file.writelines(rows)
        file.writelines(rows[: count % len(rows)])


@contextmanager
def serving(pipeline: Pipeline, work: Path) -> Iterator[int]:
    """A healthy server of the model that was trained; its port.

    Raises:
        subprocess.CalledProcessError: the server ended or did not become healthy; `stderr` has what it printed.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = pipeline.server(_model_folder(pipeline, work), port)
    with tempfile.TemporaryFile("w+") as printed:
        server = subprocess.Popen(
            command.words, env=command.environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed
        )
        try:
            if not _becomes_healthy(server, port):
                printed.seek(0)
                raise subprocess.CalledProcessError(server.poll() or 1, command.words, stderr=printed.read())
            yield port
        finally:
            _end(server)


def _becomes_healthy(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_TIMEOUT
    while server.poll() is None and time.monotonic() < deadline:
        if is_healthy(port):
            return True
        time.sleep(0.1)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(END_TIMEOUT)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _model_folder(pipeline: Pipeline, work: Path) -> Path:
    return work / f"served-{pipeline.name}"
