"""The command against a deployed stack: exit codes, what it prints, and what it leaves on disk."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from typer.testing import CliRunner, Result

from automlops.main import app
from automlops.sample_data import write_transactions

Command = Callable[..., Result]


class Deployed(Protocol):
    """What the fixture `deployed` gives."""

    url: str
    outputs: dict[str, str]


@pytest.fixture
def command(deployed: Deployed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs `automlops` in an empty directory, as somebody who has typed the exports of `automlops up`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployed.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "emulator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulator")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small shop's transactions."""
    path = tmp_path / "shop.csv"
    write_transactions(path, ["France"], 1)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def manifest_in(out: Path) -> dict[str, Any]:
    [run] = out.iterdir()
    content: dict[str, Any] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert content["runId"] == run.name
    return content


def test_good_item_is_scored_and_broken_one_is_told(command: Command, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("this is,no table\nof transactions,1\n")
    result = command("run", "--item", f"台北 store={shop}", "--item", "broken=broken.csv", "--name", "night")
    assert result.exit_code == 1, result.output
    manifest = manifest_in(tmp_path / "out")
    assert manifest["runId"].endswith("-night")
    assert {item["item"]: item["status"] for item in manifest["items"]} == {
        "台北 store": "SUCCEEDED",
        "broken": "FAILED",
    }
    predictions = tmp_path / "out" / manifest["runId"] / "台北 store" / "predictions.csv"
    buyers = {row["CustomerID"] for row in rows_of(shop) if row["CustomerID"] and int(row["Quantity"]) > 0}
    assert len(rows_of(predictions)) == len(buyers)
    assert f"{len(buyers):,}" in result.stdout
    assert "StartTrainingJob" in result.stdout
    assert "1 of 2 items done" in result.stdout or "2 of 2 items done" in result.stdout
    assert str(predictions.relative_to(tmp_path)) in result.stdout


def test_run_that_prepare_run_refuses_lists_its_problems(command: Command, shop: Path, tmp_path: Path) -> None:
    settings = {f"setting{n}": "x" * 2500 for n in range(60)}
    event = {"itemList": [{"item": "a", "hyperparameters": settings}]}
    (tmp_path / "event.json").write_text(json.dumps(event))
    result = command("run", "--input", "event.json", "--item", f"a={shop}")
    assert result.exit_code == 2, result.output
    assert "The run was refused" in result.stderr
    assert "itemList[0]: the settings of item 'a' take" in result.stderr
    assert "stackTrace" not in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("--stack", "nowhere"), "There is no stack 'nowhere' in us-east-1", id="no stack"),
        pytest.param(("--region", "eu-west-1"), "There is no stack 'automlops' in eu-west-1", id="another Region"),
    ],
)
def test_stack_that_is_not_there_is_one_clear_line(
    command: Command, shop: Path, words: tuple[str, ...], message: str
) -> None:
    result = command("run", "--item", f"a={shop}", *words)
    assert result.exit_code == 3
    assert result.stderr.splitlines()[0].startswith(message)


def test_name_of_an_earlier_execution_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    assert command("run", "--item", "first=empty.csv", "--name", "twice").exit_code == 1
    result = command("run", "--item", "second=empty.csv", "--name", "twice")
    assert result.exit_code == 2
    assert "another --name" in result.stderr


@pytest.fixture
def emulator_process() -> Iterator[subprocess.Popen[str]]:
    """`automlops up` on a free port."""
    command = (str(Path(sys.executable).parent / "automlops"), "up", "--port", "0")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_up_tells_when_it_is_ready_and_ends_at_sigint(emulator_process: subprocess.Popen[str]) -> None:
    assert emulator_process.stdout is not None
    first = emulator_process.stdout.readline()
    found = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", first)
    assert found
    assert emulator_process.stdout.readline() == f"export AWS_ENDPOINT_URL={found[1]}\n"
    emulator_process.send_signal(signal.SIGINT)
    assert emulator_process.wait(30) == 0


def test_quickstart_goes_from_a_users_file_to_predictions_and_leaves_no_emulator(
    shop: Path, tmp_path: Path
) -> None:
    command = (
        str(Path(sys.executable).parent / "automlops"),
        *("quickstart", "--data", str(shop), "--items", "France", "--out", str(tmp_path / "out")),
    )
    # A profile and an endpoint of the user's must not reach the run on this machine.
    mine = {"AWS_PROFILE": "no such profile", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    variables = {**os.environ, **mine, "TMPDIR": str(scratch)}
    result = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=240, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    [run] = [path for path in (tmp_path / "out").iterdir() if path.name != "items"]
    assert rows_of(run / "France" / "predictions.csv")
    assert "What to type next" in result.stdout
    assert not any(scratch.iterdir())
