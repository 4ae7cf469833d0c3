"""What a run uploads, what it does with the answers, and how one without a manifest is explained."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
from rich.console import Console

from automlops.aws.connection import Connection
from automlops.aws.stack import Stack
from automlops.errors import (
    CommandError,
    CopyError,
    ExitCode,
    InterruptedRunError,
    NoAnswerError,
    ServiceError,
)
from automlops.runs import run_order as run_module
from automlops.runs.execution import Execution, Snapshot
from automlops.runs.request import ItemFile, Order, make_order
from automlops.runs.results import Results
from automlops.runs.run_order import explain_end, run_order, upload_data
from pipeline.manifest import Counts, Manifest

EXECUTION = Execution(
    "arn:aws:states:eu-west-1:1:execution:machine:night", "night", datetime(2026, 1, 1, tzinfo=UTC)
)
STACK = Stack("mine", "arn:machine", "data", "output", "file.csv")
TABLE = "a,b\n1,2\n"


def lambda_cause(message: str, kind: str) -> str:
    return json.dumps({"errorMessage": message, "errorType": kind, "stackTrace": ["File x, line 1"]})


def test_refused_request_lists_its_problems_one_a_line() -> None:
    cause = lambda_cause("itemList[0]: bad\nmaxConcurrency: worse", "InvalidRequestError")
    error = explain_end(Snapshot("FAILED", error="InvalidRequestError", cause=cause), EXECUTION)
    assert error.lines[1:] == ("  itemList[0]: bad", "  maxConcurrency: worse")
    assert error.exit_code == ExitCode.REFUSED


@pytest.mark.parametrize(
    ("snapshot", "exit_code", "words"),
    [
        pytest.param(
            Snapshot("FAILED", error="SettingsError", cause=lambda_cause("no bucket", "SettingsError")),
            ExitCode.RUN_FAILED,
            ["SettingsError", "no bucket"],
            id="our own fault",
        ),
        pytest.param(
            Snapshot("FAILED", error="States.Runtime", cause="plain text"),
            ExitCode.RUN_FAILED,
            ["States.Runtime", "plain text"],
            id="plain cause",
        ),
        pytest.param(Snapshot("FAILED"), ExitCode.RUN_FAILED, ["without an error name"], id="nothing told"),
        pytest.param(Snapshot("ABORTED"), ExitCode.RUN_STOPPED, ["ABORTED"], id="stopped"),
        pytest.param(Snapshot("TIMED_OUT"), ExitCode.RUN_STOPPED, ["TIMED_OUT"], id="timed out"),
    ],
)
def test_broken_and_stopped_runs_are_told_apart(snapshot: Snapshot, exit_code: ExitCode, words: list[str]) -> None:
    error = explain_end(snapshot, EXECUTION)
    assert error.exit_code == exit_code
    assert all(word in str(error) for word in [*words, EXECUTION.arn])


def test_rerun_of_a_run_under_way_is_refused_not_broken() -> None:
    cause = lambda_cause("run r is still under way", "RunNotEndedError")
    error = explain_end(Snapshot("FAILED", error="RunNotEndedError", cause=cause), EXECUTION, ("more",))
    assert error.exit_code == ExitCode.REFUSED
    assert error.lines == ("The run was refused, nothing was started:", "  run r is still under way")


@pytest.mark.parametrize(
    "last", [Snapshot("ABORTED"), Snapshot("FAILED", error="States.Runtime")], ids=["stopped", "broken"]
)
def test_run_cut_off_on_a_stack_is_told_with_how_to_complete_it(
    monkeypatch: pytest.MonkeyPatch, console: Console, tmp_path: Path, last: Snapshot
) -> None:
    monkeypatch.setattr(run_module, "fetch_results", lambda *_: None)
    place = FakePlace(monkeypatch, lambda: last, run_id="20260101T000000000Z-night")
    with pytest.raises(CommandError) as told:
        run_order(console, place.connection, "mine", an_order(tmp_path))
    for command in ("manifest", "run --rerun-of"):
        expected = f"  automlops {command} 20260101T000000000Z-night --stack mine --region eu-west-1"
        assert expected in told.value.lines
    with pytest.raises(CommandError) as told:
        run_order(console, place.connection, "mine", an_order(tmp_path), ends_here=True)
    assert "automlops manifest" not in str(told.value)


def test_executions_made_by_the_command_get_different_names(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text(TABLE)
    orders = [make_order([f"a={data}"], None, name=None, out=tmp_path / "out") for _ in range(2)]
    assert orders[0].name != orders[1].name


def test_out_that_is_a_file_is_refused_before_anything_starts(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text(TABLE)
    with pytest.raises(CommandError, match="is not a directory"):
        make_order([f"a={data}"], None, name=None, out=data)


class FakePlace:
    """Stands for the modules that talk to AWS: remembers what is done, and answers looks as told."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        look: Callable[[], Snapshot],
        *,
        endpoint_url: str | None = "http://127.0.0.1:1",
        run_id: str | None = None,
    ) -> None:
        self.done: list[str] = []
        watch = SimpleNamespace(look=look, find_run_id=lambda: run_id)

        def upload(_s3: object, _stack: Stack, file: ItemFile) -> SimpleNamespace:
            self.done.append(file.item)
            return SimpleNamespace(uri="s3://data/x")

        def start(*_request: object) -> Execution:
            self.done.append("started")
            return EXECUTION

        monkeypatch.setattr(run_module, "find_stack", lambda _connection, _name: STACK)
        monkeypatch.setattr(run_module, "check_run", lambda *_: self.done.append("checked"))
        monkeypatch.setattr(run_module, "upload_data", upload)
        monkeypatch.setattr(run_module, "start_execution", start)
        monkeypatch.setattr(run_module, "Watch", lambda *_: watch)
        # Never asked for a client in earnest.
        session: Any = SimpleNamespace(client=lambda *_, **__: None)
        self.connection = Connection(session, "eu-west-1", endpoint_url)


def an_order(tmp_path: Path) -> Order:
    for name in "ab":
        (tmp_path / name).write_text(TABLE)
    words = [f"{name}={tmp_path / name}" for name in "ab"]
    return make_order(words, None, name="night", out=tmp_path / "out")


def raising(error: BaseException) -> Callable[[], Snapshot]:
    def look() -> Snapshot:
        raise error

    return look


def test_all_data_is_there_before_the_execution_starts(
    monkeypatch: pytest.MonkeyPatch, console: Console, tmp_path: Path
) -> None:
    place = FakePlace(monkeypatch, lambda: Snapshot("ABORTED"))
    with pytest.raises(CommandError):
        run_order(console, place.connection, "mine", an_order(tmp_path))
    assert place.done == ["checked", "a", "b", "started"]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(KeyboardInterrupt(), InterruptedRunError), (ServiceError("Nothing answers."), ServiceError)],
    ids=["Ctrl-C", "lost connection"],
)
def test_run_that_goes_on_without_the_command_can_be_found_again(
    monkeypatch: pytest.MonkeyPatch,
    console: Console,
    tmp_path: Path,
    raised: BaseException,
    expected: type[CommandError],
) -> None:
    place = FakePlace(monkeypatch, raising(raised))
    with pytest.raises(expected) as told:
        run_order(console, place.connection, "mine", an_order(tmp_path))
    how = (
        f"describe-execution --execution-arn {EXECUTION.arn} --region eu-west-1 --endpoint-url http://127.0.0.1:1"
    )
    assert how in str(told.value)
    assert "The run goes on" in str(told.value)


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (KeyboardInterrupt(), "Interrupted: the run ends with its emulator."),
        (ServiceError("Nothing answers."), "Nothing answers."),
    ],
    ids=["Ctrl-C", "lost connection"],
)
def test_run_on_its_own_emulator_does_not_claim_to_go_on(
    monkeypatch: pytest.MonkeyPatch, console: Console, tmp_path: Path, raised: BaseException, line: str
) -> None:
    place = FakePlace(monkeypatch, raising(raised))
    with pytest.raises(CommandError) as told:
        run_order(console, place.connection, "mine", an_order(tmp_path), ends_here=True)
    assert told.value.lines == (line,)


@pytest.mark.parametrize("ends_here", [True, False], ids=["its own", "one of automlops up"])
def test_run_is_gone_with_an_emulator_that_refuses_connections(
    monkeypatch: pytest.MonkeyPatch, console: Console, tmp_path: Path, *, ends_here: bool
) -> None:
    place = FakePlace(monkeypatch, raising(NoAnswerError("Nothing answers.")))
    with pytest.raises(ServiceError) as told:
        run_order(console, place.connection, "mine", an_order(tmp_path), ends_here=ends_here)
    assert told.value.lines == ("The emulator at http://127.0.0.1:1 has ended, and the run with it.",)


@pytest.mark.parametrize("endpoint_url", [None, "http://emulator.example:4600"], ids=["AWS", "another machine"])
def test_run_goes_on_where_only_the_way_to_it_is_lost(
    monkeypatch: pytest.MonkeyPatch, console: Console, tmp_path: Path, endpoint_url: str | None
) -> None:
    lost = raising(NoAnswerError("Nothing answers."))
    place = FakePlace(monkeypatch, lost, endpoint_url=endpoint_url)
    with pytest.raises(ServiceError, match="The run goes on"):
        run_order(console, place.connection, "mine", an_order(tmp_path))


@pytest.mark.parametrize("ends_here", [True, False], ids=["emulator ends", "stack stays"])
@pytest.mark.parametrize("whole", [True, False], ids=["no folder", "one prediction"])
def test_verdict_is_shown_although_copying_fails(
    monkeypatch: pytest.MonkeyPatch,
    console: Console,
    shown: Callable[[], str],
    tmp_path: Path,
    *,
    ends_here: bool,
    whole: bool,
) -> None:
    counts = Counts(total=1, succeeded=1, failed=0, unfinished=0)
    manifest = Manifest(run_id="r", verdict="SUCCEEDED", counts=counts, items=[])

    def fetch(*arguments: Any) -> Results:
        arguments[-1](manifest)
        if whole:
            raise CopyError("The disk is full.")
        return Results(tmp_path, manifest, {}, ["a: The disk is full."])

    monkeypatch.setattr(run_module, "fetch_results", fetch)
    place = FakePlace(monkeypatch, lambda: Snapshot("SUCCEEDED"), run_id="r")
    with pytest.raises(CopyError, match=r"The disk is full\.") as failed:
        run_order(console, place.connection, "mine", an_order(tmp_path), ends_here=ends_here)
    assert failed.value.exit_code == ExitCode.UNREACHABLE
    assert "verdict SUCCEEDED" in shown()
    assert ("They are still in s3://output" in str(failed.value)) is not ends_here


class Bucket:
    """Stands for an S3 client, and keeps what is uploaded."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def upload_fileobj(self, stream: BinaryIO, bucket: str, key: str, **_options: Any) -> None:
        """Read all of the stream."""
        self.objects[f"{bucket}/{key}"] = stream.read()


def uploaded(path: Path) -> dict[str, bytes]:
    bucket = Bucket()
    # A stand-in of one method for a client of hundreds.
    client: Any = bucket
    upload_data(client, STACK, ItemFile("台北", path))
    return bucket.objects


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe not a table \x00", b"a,b\r\n1,2"], ids=["empty", "odd", "csv"]
)
def test_file_goes_up_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any name.txt"
    path.write_bytes(content)
    assert uploaded(path) == {"data/analysis_predict/台北/file.csv": content}


def test_packed_file_is_unpacked_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert list(uploaded(path).values()) == [b"a,b\n1,2\n"]


def test_damaged_packed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n" * 99)[:-9])
    with pytest.raises(CommandError, match="compressed, and damaged"):
        uploaded(path)
