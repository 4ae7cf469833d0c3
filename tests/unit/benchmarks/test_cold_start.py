"""The measure of cold starts: that it measures what is deployed, and says so when it cannot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cold_start
from benchmarks.measure import Measure


def test_every_handler_is_measured_with_the_clients_it_makes(root: Path) -> None:
    used = {
        path.stem: tuple(re.findall(r"clients\.(\w+)_client\(\)", path.read_text()))
        for path in (root / "functions").glob("*.py")
    }
    assert used == cold_start.CLIENTS


def run_bare_handler(event: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Call the bare handler once, in a process of its own: Powertools keeps one logger for each service."""
    code = f"""{cold_start.BARE_HANDLER}
class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"


print(lambda_handler({event!r}, Context()))
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_the_bare_handler_is_one_that_works_with_logger_metrics_and_parser() -> None:
    done = run_bare_handler({"item": "a"})
    *emitted, answer = done.stdout.splitlines()
    assert answer == "{'item': 'a'}", done.stderr
    lines = [json.loads(line) for line in emitted]
    assert [line.get("message") for line in lines if "message" in line] == ["parsed"]
    assert [line["Items"] for line in lines if "_aws" in line] == [[1.0]]
    assert "validation error for Event" in run_bare_handler({}).stderr


def test_each_handler_is_held_against_the_bare_handler_with_the_same_clients(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compared: dict[str, tuple[str, str]] = {}

    def compare(_: cold_start.Runtime, codes: Mapping[str, tuple[str, str]]) -> list[Measure]:
        compared.update(codes)
        return []

    monkeypatch.setattr(cold_start, "_make_runtime", lambda work: work)
    monkeypatch.setattr(cold_start, "compare", compare)
    assert not list(cold_start.measure_cold_start(tmp_path))
    for handler, services in cold_start.CLIENTS.items():
        own, reference = compared[handler]
        assert own.startswith(f"import {handler}; ")
        assert tuple(re.findall(r"clients\.(\w+)_client\(\)", own)) == services
        assert tuple(re.findall(r"boto3\.client\('(\w+)'\)", reference)) == services
        assert reference.startswith(cold_start.BARE_HANDLER)


@pytest.fixture
def runtime(tmp_path: Path) -> cold_start.Runtime:
    """Return a package with one module, and no boto3."""
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
