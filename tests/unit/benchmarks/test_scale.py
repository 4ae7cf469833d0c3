"""A run's figures are computed from what it left behind; what could not be measured misses its goal and says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automlops.errors import EmulatorError
from benchmarks import rerun_jobs, scale
from benchmarks.child_history import Child
from benchmarks.emulated_runs import Job, Run, most_at_once
from benchmarks.scale import BOUND_SECONDS, CAP, ITEMS, QUOTA, Finding, judge

START = datetime(2026, 1, 1, tzinfo=UTC)
SMOOTH = Child(6, calls=2, jobs=2, seconds=20.5, job_seconds=20.2, function_seconds=0.1)
REFUSED = Child(9, calls=3, jobs=2, seconds=21.5, job_seconds=20.2, refused_seconds=1, function_seconds=0.1)

TURN = replace(SMOOTH, transitions=7, turn_seconds=0.2)


def finding(seconds: float, lost: int = 0, in_use: int = QUOTA) -> Finding:
    statuses = {f"item-{n}": "FAILED" if n < lost else "SUCCEEDED" for n in range(ITEMS)}
    run = Run("arn", "run", START, START + timedelta(seconds=seconds), statuses)
    return Finding(run, seconds - 2, [SMOOTH] * (ITEMS - 50) + [REFUSED] * 40 + [TURN] * 10, in_use)


def test_figures_of_a_run_that_reaches_them() -> None:
    makespan, calls, lost, in_use, transitions = judge(finding(BOUND_SECONDS * 1.14))
    assert makespan.ours == pytest.approx(1.14)
    assert calls.ours == pytest.approx(1.1)
    assert (lost.ours, in_use.ours, transitions.ours) == (0, QUOTA, 6)
    assert all(measure.met for measure in (makespan, calls, lost, in_use, transitions))


def test_transitions_are_those_of_items_that_wait_for_nothing() -> None:
    *_, transitions = judge(finding(200))
    assert transitions.ours == 6
    assert f"the most of {ITEMS - 50} items of {ITEMS}" in transitions.note
    assert "10 that waited for theirs" in transitions.note
    found = finding(200)
    *_, transitions = judge(replace(found, children=[REFUSED] * ITEMS))
    assert transitions.ours is None
    assert transitions.met is False


def test_figures_of_a_run_that_misses_them() -> None:
    makespan, _, lost, in_use, _ = judge(finding(BOUND_SECONDS * 1.16, lost=1, in_use=QUOTA + 1))
    assert (lost.ours, in_use.ours) == (1, QUOTA + 1)
    assert not any(measure.met for measure in (makespan, lost, in_use))


def test_the_note_says_whose_the_time_is() -> None:
    note = next(judge(finding(210))).note
    assert "The run took 210 s, 2.0 s of them in PrepareRun and SummarizeRun." in note
    assert "Of 20.70 s an item on average, 20.20 s were in jobs, which last 20 s" in note
    assert "0.20 s between a refused call and the next" in note
    assert "0.01 s in waiting for the first turn, 0.10 s in functions, and 0.19 s" in note
    assert f"{208 - 20.7 * ITEMS / CAP:.1f} s of the map had fewer items under way" in note


@pytest.mark.parametrize(
    ("jobs", "most"),
    [
        ([], 0),
        ([(0, 5), (5, 9)], 1),
        ([(0, 5), (4, 9), (4, 6), (8, 9)], 3),
        ([(0, None), (1, 2), (3, 4)], 2),
    ],
    ids=["none", "one after the other", "overlapping", "one under way"],
)
def test_most_at_once(jobs: list[tuple[int, int | None]], most: int) -> None:
    def at(seconds: int) -> datetime:
        return START + timedelta(seconds=seconds)

    assert most_at_once([Job("", at(begin), None if end is None else at(end)) for begin, end in jobs]) == most


@pytest.mark.parametrize("subject", [scale, rerun_jobs], ids=["scale", "reruns"])
def test_an_emulator_that_does_not_start_is_told(
    subject: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def broken(*_: object) -> Iterator[None]:
        raise EmulatorError("no room")
        yield

    monkeypatch.setattr(subject, "emulated_stack", broken)
    measure = scale.measure_scale if subject is scale else rerun_jobs.measure_reruns
    for found in measure(tmp_path):
        assert found.ours is None
        assert found.met is False
        assert found.note.endswith("not measured: no room")
