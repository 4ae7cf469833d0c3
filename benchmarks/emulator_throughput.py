"""The emulator's throughput of items through the whole pipeline, with jobs that do nothing, and its memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from automlops.errors import CommandError
from benchmarks.emulated_runs import EmulatedStack, emulated_stack
from benchmarks.measure import Goal, Measure
from emulator.account.plan import Account, StandInJobs

SIZES = (100, 1_000, 10_000)
# Items of a first run that starts the functions' sandboxes, which is not to be measured.
WARM_UP = 20
CAP = 40
# The first items of a run wait for their turns; scaled time makes that short, and still leaves seconds before deadlines.
TIME_SCALE = 100.0
ACCOUNT = Account(jobs=StandInJobs(), time_scale=TIME_SCALE)
SLOWEST = 5.0
RATE_GOAL = Goal(40, "ours", at_least=True)
# The rates are measured at different times, so even those of a linear emulator differ.
LINEAR_GOAL = Goal(0.8, "ratio", at_least=True)
MEMORY_GOAL = Goal(1.0, "ours")
RATES = tuple(Measure(f"{size} items through the emulator", "items/s", None, goal=RATE_GOAL) for size in SIZES)
LINEARITY = Measure(
    f"{SIZES[-1]} items through the emulator, against {SIZES[0]}", "items/s", None, goal=LINEAR_GOAL
)
MEMORY = Measure(f"emulator's memory after {SIZES[-1]} items, at most", "GB", None, goal=MEMORY_GOAL)


def measure_throughput(work: Path) -> Iterator[Measure]:
    """Yield items a second at each size, the largest size against the smallest, and the emulator's peak memory.

    The time of a run is that of its execution, including PrepareRun and SummarizeRun.
    """
    note = (
        f"emulator: stand-in jobs of 0 s, time scaled by {TIME_SCALE:g}, a cap of {CAP}, one emulator in a process of "
        f"its own for all sizes after {WARM_UP} items to warm up; the functions run in processes of their own on the "
        f"same {os.cpu_count()} cores"
    )
    rates: list[float] = []
    memory: float | None = None
    try:
        with emulated_stack(ACCOUNT, work) as stack:
            _run(stack, WARM_UP, "warm-up")
            for size in SIZES:
                rates.append(_run(stack, size, f"throughput-{size}"))
            memory = _peak_memory()
    except (CommandError, LookupError, TimeoutError) as failed:
        note = f"emulator: not measured: {failed}"
    yield from judge(rates, memory, note)


def judge(rates: list[float], memory: float | None, note: str) -> Iterator[Measure]:
    """Yield the measures.

    Args:
        rates: items a second, for the first of SIZES that were measured.
        memory: peak memory in bytes.
        note: how the figures were measured, or why they were not.
    """
    for number, measure in enumerate(RATES):
        yield measure.taken(rates[number] if number < len(rates) else None, None, note)
    whole = len(rates) == len(SIZES)
    yield LINEARITY.taken(rates[-1] if whole else None, rates[0] if whole else None, note)
    yield MEMORY.taken(None if memory is None else memory / 1e9, None, note)


def _run(stack: EmulatedStack, size: int, name: str) -> float:
    """Return the items a second of one run.

    Raises:
        LookupError: an item did not succeed.
    """
    # Short names, since all are in the execution's input.
    items = [f"{size}-{number}" for number in range(size)]
    stack.upload(items)
    run = stack.run({"itemList": items, "maxConcurrency": CAP}, name, 60 + size / SLOWEST)
    lost = sum(status != "SUCCEEDED" for status in run.statuses.values())
    if lost:
        raise LookupError(f"{lost} of {size} items of {name} did not succeed")
    return size / run.seconds


def _peak_memory() -> float | None:
    """Return the peak memory in bytes of the emulator, a child of this process; None if the system does not show it."""
    found = [
        memory
        for children in Path("/proc/self/task").glob("*/children")
        for child in children.read_text(encoding="ascii").split()
        if (memory := peak_memory(Path("/proc", child))) is not None
    ]
    return max(found, default=None)


def peak_memory(process: Path) -> float | None:
    """Return the peak memory of an emulator's process in bytes; None for other processes.

    Args:
        process: the process's folder in /proc.
    """
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        status = (process / "status").read_text(encoding="utf-8")
    except OSError:
        return None
    if b"emulator" not in arguments:
        return None
    return next((float(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), None)
