"""The emulator's figures follow from its runs; what could not be measured misses its goal and says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from automlops.errors import EmulatorError
from benchmarks import emulator_throughput
from benchmarks.emulator_throughput import SIZES, judge, measure_throughput, peak_memory


def test_goals_of_a_fast_and_small_emulator_are_met() -> None:
    measures = list(judge([44.0, 45.0, 41.0], 0.9e9, "note"))

    assert [measure.ours for measure in measures] == [44.0, 45.0, 41.0, 41.0, 0.9]
    assert all(measure.met for measure in measures)


@pytest.mark.parametrize(
    ("rates", "memory", "missed"),
    [
        pytest.param([39.0, 45.0, 45.0], 0.9e9, [0], id="slow"),
        pytest.param([80.0, 60.0, 41.0], 0.9e9, [3], id="not-linear"),
        pytest.param([45.0, 45.0, 45.0], 1.1e9, [4], id="large"),
        pytest.param([45.0], None, [1, 2, 3, 4], id="broken-off"),
    ],
)
def test_goal_that_is_not_reached_is_missed(rates: list[float], memory: float | None, missed: list[int]) -> None:
    measures = list(judge(rates, memory, "note"))

    assert [number for number, measure in enumerate(measures) if not measure.met] == missed


@pytest.mark.parametrize(
    ("command", "bytes_"),
    [(b"python\0-m\0emulator\0", 2048.0), (b"python\0-m\0other\0", None)],
    ids=["emulator", "another-program"],
)
def test_memory_is_that_of_the_emulator(tmp_path: Path, command: bytes, bytes_: float | None) -> None:
    (tmp_path / "cmdline").write_bytes(command)
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t       2 kB\nVmRSS:\t       1 kB\n", encoding="utf-8")

    assert peak_memory(tmp_path) == bytes_


def test_process_that_is_gone_has_no_memory(tmp_path: Path) -> None:
    assert peak_memory(tmp_path / "4711") is None


def test_every_figure_is_missing_with_the_reason_if_the_emulator_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def no_stack(*_: Any) -> Iterator[None]:
        raise EmulatorError("no port is free")
        yield

    monkeypatch.setattr(emulator_throughput, "emulated_stack", no_stack)

    measures = list(measure_throughput(tmp_path))

    assert len(measures) == len(SIZES) + 2
    assert {measure.met for measure in measures} == {False}
    assert all("no port is free" in measure.note for measure in measures)
