"""The measure of cold starts: that it measures what is deployed, and says so when it cannot."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks import cold_start


def test_every_handler_is_measured_with_the_clients_it_makes(root: Path) -> None:
    used = {
        path.stem: tuple(re.findall(r"aws\.(\w+)_client\(\)", path.read_text()))
        for path in (root / "functions").glob("*.py")
    }
    assert used == cold_start.CLIENTS


@pytest.fixture
def runtime(tmp_path: Path) -> cold_start.Runtime:
    """A package with one module, and no boto3."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "handler.py").touch()
    return cold_start.Runtime(Path(sys.executable), tmp_path / "package", tmp_path / "boto3", "this Python")


def test_both_sides_are_timed_and_nothing_is_written(
    runtime: cold_start.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "RUNS", 1)
    (measure,) = cold_start.compare(runtime, {"handler": ("import handler", "import time; time.sleep(0.2)")})
    assert measure.name == "cold start, this Python: handler"
    assert measure.ours
    assert measure.reference
    assert measure.reference >= 200
    assert [path.name for path in runtime.package.iterdir()] == ["handler.py"]


def test_a_handler_that_does_not_load_is_reported_and_the_others_are_measured(
    runtime: cold_start.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "RUNS", 1)
    codes = {"absent": ("import absent", "import handler"), "handler": ("import handler", "import handler")}
    absent, handler = cold_start.compare(runtime, codes)
    assert absent.ours is None
    assert absent.met is False
    assert absent.note == "cold start: not measured: ModuleNotFoundError: No module named 'absent'"
    assert handler.ratio is not None
