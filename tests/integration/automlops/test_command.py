"""The command against a deployed stack: exit codes, what it prints, and what it leaves on disk."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from typer.testing import CliRunner, Result

from automlops.aws.connection import connect_emulator
from automlops.aws.stack import find_stack
from automlops.errors import CommandError
from automlops.main import app
from automlops.runs.request import ItemFile
from automlops.runs.run_order import upload_data
from automlops.tables.sample_data import write_transactions
from emulator.endpoint import Clients
from emulator.keys import keys_of
from tests.emulated import read_ready
from tests.unit.automlops.tables.workbooks import Cell, write_workbook

Command = Callable[..., Result]
PROGRAM = str(Path(sys.executable).parent / "automlops")


class Deployed(Protocol):
    """What the fixture `deployed` gives."""

    url: str
    outputs: dict[str, str]


@pytest.fixture
def command(deployed: Deployed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run `automlops` in an empty directory, as somebody who has typed the exports of `automlops up`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployed.url)
    for name, value in keys_of(deployed.url).variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a small shop's transactions."""
    path = tmp_path / "shop.csv"
    write_transactions(path, ["France"], 1)
    return path


@pytest.fixture
def without_data(tmp_path: Path) -> tuple[str, str]:
    """Options for a run of an item that has no data and fails at once."""
    (tmp_path / "event.json").write_text('{"itemList": ["nothing there"]}')
    return ("--input", "event.json")


@pytest.fixture
def versions(deployed: Deployed) -> Callable[[], list[tuple[str, str]]]:
    """Return what lies in the stack's buckets: key and version of everything that was ever written."""
    s3 = Clients(deployed.url).get("s3")

    def read() -> list[tuple[str, str]]:
        return [
            (version["Key"], version["VersionId"])
            for bucket in ("DataBucketName", "OutputBucketName")
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=deployed.outputs[bucket])
            for version in page.get("Versions", [])
        ]

    return read


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


def test_workbook_of_two_sheets_gives_the_predictions_of_its_csv(
    command: Command, shop: Path, tmp_path: Path
) -> None:
    with shop.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    numbers = {header.index(name) for name in ("Quantity", "UnitPrice", "CustomerID")}
    day = header.index("InvoiceDate")

    def cell(column: int, text: str) -> Cell:
        if not text:
            return None
        if column == day:
            return datetime.fromisoformat(text)
        return float(text) if column in numbers else text

    cells = [[cell(column, text) for column, text in enumerate(row)] for row in rows]
    middle = len(cells) // 2
    notes: list[list[Cell]] = [["Name", "Meaning"], ["Returns", "begin with C"]]
    workbook = write_workbook(
        tmp_path / "two_sheets.xlsx",
        {"Notes": notes, "2010": [header, *cells[:middle]], "2011": [header, *cells[middle:]]},
    )
    result = command("run", "--item", f"text={shop}", "--item", f"workbook={workbook}")
    assert result.exit_code == 0, result.output
    assert f"{workbook}: the sheet 'Notes' is left out: it has no column of '2010'." in result.stdout
    [run] = (tmp_path / "out").iterdir()
    assert (run / "workbook" / "predictions.csv").read_bytes() == (run / "text" / "predictions.csv").read_bytes()


def test_failed_item_is_rerun_by_its_run_and_the_manifest_shown(
    command: Command, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text('{"itemList": ["mended", "waiting"]}')
    words = ("run", "--input", "event.json", "--item", f"mended={shop}")
    assert command(*words, "--name", "before").exit_code == 1
    run_id = manifest_in(tmp_path / "out")["runId"]
    assert command("run", "--item", f"waiting={shop}", "--name", "mending", "--out", "mending").exit_code == 0
    rerun = command("run", "--rerun-of", run_id, "--name", "after", "--out", "after")
    assert rerun.exit_code == 0, rerun.output
    after = manifest_in(tmp_path / "after")
    assert (after["rerunOf"], [item["item"] for item in after["items"]]) == (run_id, ["waiting"])
    again = command("run", "--rerun-of", run_id, "--out", "again")
    assert again.exit_code == 2
    assert "has no items left to rerun" in again.stderr
    shown = command("manifest", run_id)
    assert shown.exit_code == 1
    assert "1 of 2 items succeeded, 1 failed" in shown.stdout
    copied = command("manifest", after["runId"], "--out", "copied")
    assert copied.exit_code == 0
    assert manifest_in(tmp_path / "copied") == after


def test_run_that_scores_and_run_of_what_has_not_changed(command: Command, shop: Path, tmp_path: Path) -> None:
    item = ("--item", f"steady={shop}")
    first = command("run", *item, "--out", "first")
    assert first.exit_code == 0, first.output
    skipped = command("run", *item, "--skip-unchanged", "--out", "skipped")
    run_id = manifest_in(tmp_path / "first")["runId"]
    assert f"unchanged since {run_id}" in skipped.stdout
    scored = command("run", *item, "--mode", "score", "--out", "scored")
    assert scored.exit_code == 0, scored.output
    assert "scored with each item's last accepted model" in scored.stdout
    [copy, same] = [
        rows_of(tmp_path / out / manifest_in(tmp_path / out)["runId"] / "steady" / "predictions.csv")
        for out in ("first", "skipped")
    ]
    assert copy == same


def test_manifest_of_no_run_names_the_latest(
    command: Command, without_data: tuple[str, str], tmp_path: Path
) -> None:
    assert command("run", *without_data, "--name", "latest").exit_code == 1
    result = command("manifest", "20200101T000000000Z-x")
    assert result.exit_code == 2
    assert manifest_in(tmp_path / "out")["runId"] in result.stderr


def test_quotas_of_the_stacks_instance_types_are_shown(command: Command) -> None:
    result = command("quotas")
    assert result.exit_code == 0, result.output
    for words in ("ml.m5.large", "training", "transform", "The stack 'automlops' has 5."):
        assert words in result.stdout


def test_run_that_is_refused_lists_its_problems_and_leaves_s3_as_it_was(
    command: Command, versions: Callable[[], list[tuple[str, str]]], shop: Path, tmp_path: Path
) -> None:
    before = versions()
    settings = {f"setting{n}": "x" * 2500 for n in range(60)}
    event = {"itemList": [{"item": "a", "hyperparameters": settings}]}
    (tmp_path / "event.json").write_text(json.dumps(event))
    result = command("run", "--input", "event.json", "--item", f"a={shop}")
    assert result.exit_code == 2, result.output
    assert "The run was refused" in result.stderr
    assert "itemList[0]: the settings of item 'a' take" in result.stderr
    assert "stackTrace" not in result.stderr
    assert not (tmp_path / "out").exists()
    assert versions() == before


def test_run_that_prepare_run_alone_can_refuse_lists_its_problems(command: Command, tmp_path: Path) -> None:
    result = command("run", "--rerun-of", "20200101T000000000Z-x")
    assert result.exit_code == 2, result.output
    assert result.stderr.splitlines()[0] == "The run was refused, nothing was started:"
    assert "there is no run 20200101T000000000Z-x" in result.stderr
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


def test_name_of_an_earlier_execution_is_refused_and_s3_left_as_it_was(
    command: Command,
    without_data: tuple[str, str],
    versions: Callable[[], list[tuple[str, str]]],
    shop: Path,
) -> None:
    assert command("run", *without_data, "--name", "twice").exit_code == 1
    before = versions()
    result = command("run", "--item", f"second={shop}", "--name", "twice")
    assert result.exit_code == 2
    assert "another --name" in result.stderr
    assert versions() == before


def test_files_that_are_no_tables_are_told_at_once_and_s3_left_as_it_was(
    command: Command, versions: Callable[[], list[tuple[str, str]]], shop: Path, tmp_path: Path
) -> None:
    before = versions()
    packed = gzip.compress(shop.read_bytes())
    contents = {"empty": b"", "header": b"Id,Country\n", "text": b"a,b\n1,\0\n", "cut": packed[: len(packed) // 2]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    words = [word for name in contents for word in ("--item", f"{name}={name}")]
    result = command("run", "--item", f"good={shop}", *words)
    assert result.exit_code == 2
    assert [line.split(" ")[0] for line in result.stderr.splitlines()] == list(contents)
    assert versions() == before


def test_packed_data_that_is_damaged_while_it_is_uploaded_leaves_nothing_behind(
    deployed: Deployed, shop: Path, tmp_path: Path
) -> None:
    rows = shop.read_bytes()
    path = tmp_path / "big.csv.gz"
    # Beyond what is uploaded in one piece.
    path.write_bytes(gzip.compress(rows * (20 * 1024 * 1024 // len(rows)))[:-9])
    stack = find_stack(connect_emulator(deployed.url), "automlops")
    s3 = Clients(deployed.url).get("s3")
    with pytest.raises(CommandError, match="compressed, and damaged"):
        upload_data(s3, stack, ItemFile("damaged", path))
    there = {"Bucket": stack.data_bucket, "Prefix": "analysis_predict/damaged/"}
    assert not s3.list_object_versions(**there).get("Versions")
    assert not s3.list_multipart_uploads(**there).get("Uploads")


def test_tolerated_failures_let_a_run_succeed(
    command: Command, without_data: tuple[str, str], tmp_path: Path
) -> None:
    result = command("run", *without_data, "--tolerated-failure-percentage", "100")
    assert result.exit_code == 0, result.output
    assert manifest_in(tmp_path / "out")["counts"]["failed"] == 1


def test_folder_that_cannot_be_made_is_told_before_the_run(command: Command, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = command("run", "--item", f"a={shop}", "--out", "file/out")
    assert result.exit_code == 2
    assert result.stderr.startswith("Cannot write into file/out")
    assert "uploaded" not in result.output


def test_results_that_cannot_be_copied_leave_the_verdict_shown(
    command: Command, without_data: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("automlops.runs.results._write", full)
    result = command("run", *without_data)
    assert result.exit_code == 3, result.output
    assert "verdict FAILED: 0 of 1 items succeeded" in result.stdout
    assert "No space left on device" in result.stderr
    assert "They are still in s3://" in result.stderr


def test_single_image_told_to_up_is_what_the_stack_trains_with(tmp_path: Path) -> None:
    program = tmp_path / "mine.py"
    program.write_text("raise SystemExit('mine was here')\n")
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    words = (
        "up",
        "--port",
        "0",
        "--image",
        f"{uri}={shlex.join([sys.executable, 'mine.py'])}",
        "--parameter",
        "TimeSeriesLength=2",
    )
    with subprocess.Popen((PROGRAM, *words), stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            url = read_ready(process.stdout)
            stack = Clients(url).get("cloudformation").describe_stacks(StackName="automlops")["Stacks"][0]
        finally:
            process.terminate()
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    assert (parameters["ImageUri"], parameters["TimeSeriesLength"]) == (uri, "2")


@pytest.mark.parametrize("program", [(PROGRAM, "up"), (sys.executable, "-m", "emulator")], ids=["up", "module"])
def test_taken_port_is_told(program: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = (*program, "--port", str(port))
        result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode in {1, 3}
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture
def emulator_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`automlops up` on a free port."""
    command = (PROGRAM, "up", "--port", "0")
    # One that is killed leaves its folder behind.
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
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


def test_run_whose_emulator_is_killed_is_said_to_be_gone(
    emulator_process: subprocess.Popen[str], shop: Path, tmp_path: Path
) -> None:
    assert emulator_process.stdout is not None
    variables = dict(os.environ)
    for line in emulator_process.stdout:
        name, sign, value = line.removeprefix("export ").strip().partition("=")
        if sign:
            variables[name] = value
        if line.startswith("unset"):
            break
    words = (PROGRAM, "run", "--stack", "automlops", "--item", f"a={shop}", "--out", str(tmp_path / "out"))
    with subprocess.Popen(
        words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith("started"):
                break
        emulator_process.kill()
        _, told = run.communicate(timeout=60)
    assert run.returncode == 3
    assert told == f"The emulator at {variables['AWS_ENDPOINT_URL']} has ended, and the run with it.\n"
    assert not (tmp_path / "out").exists()


def test_quickstart_goes_from_a_users_file_to_predictions_and_leaves_no_emulator(
    shop: Path, tmp_path: Path
) -> None:
    command = (
        PROGRAM,
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
