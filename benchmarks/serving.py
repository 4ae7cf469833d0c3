"""Measures rows a second through /invocations in requests of 6 MB, against the reference's server."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.batch_client import AnswerError, ask_concurrency, is_healthy, score
from benchmarks.measure import Goal, Measure
from benchmarks.pipelines import Pipeline, install_container, install_reference, train
from benchmarks.retail_data import TEN, find_data, without_data

ROWS = 1_000_000
RUNS = 5
START_TIMEOUT, END_TIMEOUT = 60, 30

SPEED = Measure("serving, 6 MB requests", "rows/s", None, goal=Goal(2.9, "ratio", at_least=True))
BATCH_SPEED = Measure("serving, as batch transform asks", "rows/s", None)
LONG_MEMORY = Measure("serving, ten million rows, memory against one", "MB", None, goal=Goal(1.1, "ratio"))


def measure_serving(work: Path) -> Iterator[Measure]:
    """Yield the speed of both servers, each with the repeated features file of its own training."""
    data = find_data(work)
    if data is None:
        yield from without_data((SPEED, BATCH_SPEED))
        return
    container, reference = install_container(work), install_reference(work)
    files = {pipeline.name: make_features_file(pipeline, data, work) for pipeline in (container, reference)}
    with serving(container, work) as own, serving(reference, work) as other:
        connections = ask_concurrency(own.port)
        ways = {
            "ours": (own.port, files[container.name], connections),
            "reference": (other.port, files[reference.name], connections),
            "reference, one at a time": (other.port, files[reference.name], 1),
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


def measure_long_serving(work: Path) -> Iterator[Measure]:
    """Yield the peak memory of our server's processes after ten million rows, against that after the first million."""
    data = find_data(work)
    if data is None or not Path("/proc").is_dir():
        yield from (
            without_data((LONG_MEMORY,)) if data is None else [replace(LONG_MEMORY, note="needs Linux's /proc")]
        )
        return
    container = install_container(work)
    features = make_features_file(container, data, work)
    with serving(container, work) as server:
        connections = ask_concurrency(server.port)
        score(server.port, features, connections)
        once = server.peak_megabytes()
        for _ in range(TEN - 1):
            score(server.port, features, connections)
        note = f"ten million rows: peak memory of all processes of our server, in {TEN} times {ROWS} rows"
        yield LONG_MEMORY.taken(server.peak_megabytes(), once, note)


def take_turns(ways: Mapping[str, tuple[int, Path, int]]) -> dict[str, float]:
    """Return the highest number of rows a second for each way of sending.

    Args:
        ways: by name, a server's port, the features file for it, and the number of requests at once.

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
    """Train, and return a file with the training's features, repeated until there are `ROWS`."""
    folder = _model_folder(pipeline, work)
    train(pipeline, data, folder)
    target = work / f"features-{pipeline.name}.csv"
    repeat_rows(pipeline.sample(folder), target, ROWS)
    return target


def repeat_rows(source: Path, target: Path, count: int) -> None:
    """Write header and rows of a CSV file, the rows repeated until there are `count`; the last line must have a line end."""
    header, *rows = source.read_bytes().splitlines(keepends=True)
    with target.open("wb") as file:
        file.write(header)
        for _ in range(count // len(rows)):
            file.writelines(rows)
        file.writelines(rows[: count % len(rows)])


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: its port on 127.0.0.1.
        pid: the id of its first process.
    """

    port: int
    pid: int

    def peak_megabytes(self) -> float:
        """Return the sum of the peak memory of the process and its children; on Linux."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return sum(_peak_megabytes(Path("/proc") / pid) for pid in (str(self.pid), *children))


def _peak_megabytes(process: Path) -> float:
    status = (process / "status").read_text(encoding="utf-8")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024 / 1e6


@contextmanager
def serving(pipeline: Pipeline, work: Path) -> Iterator[Server]:
    """Run a healthy server of the trained model during the block.

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
            yield Server(port, server.pid)
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
