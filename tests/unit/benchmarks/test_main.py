"""The command behind `make bench`: what it runs, writes and answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.measure import Goal, Measure

MISSED = Measure("slow", "s", 9.0, 1.0, Goal(1, "ratio"))


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a project's folder with two subjects of its own."""

    def slow(work: Path) -> Iterator[Measure]:
        (work / "slow").touch()
        yield MISSED

    def size(work: Path) -> Iterator[Measure]:
        yield Measure("files of others", "", float(len(list(work.iterdir()))))

    monkeypatch.setattr(command, "SUBJECTS", {"slow": slow, "size": size})
    monkeypatch.setattr(command, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    return tmp_path


def measured(home: Path) -> list[str]:
    return [entry["measure"] for entry in json.loads((home / "build" / "bench.json").read_text())]


def test_a_missed_goal_is_said_and_is_no_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    assert "0 of 1 goals met; MISSED: slow" in capsys.readouterr().out
    assert measured(home) == ["slow", "files of others"]


def test_subjects_share_a_scratch_folder(home: Path) -> None:
    assert command.main([]) == 0
    assert json.loads((home / "build" / "bench.json").read_text())[1]["ours"] == 1


def test_only_what_is_asked_for_is_measured(home: Path) -> None:
    assert command.main(["--only", "size"]) == 0
    assert measured(home) == ["files of others"]


def test_the_document_is_written_when_asked_for(home: Path) -> None:
    assert command.main([]) == 0
    assert not (home / "docs" / "benchmarks.md").exists()
    assert command.main(["--write"]) == 0
    assert command.describe_machine() in (home / "docs" / "benchmarks.md").read_text()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "speed"], "no such subject: speed; there are slow, size"),
        (["--only", "size", "--write"], "--write takes all subjects"),
    ],
    ids=["unknown subject", "part of a document"],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(arguments)
    assert refused.value.code == 2
    assert message in capsys.readouterr().err


def test_a_tool_that_fails_is_quoted(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(work: Path) -> Iterator[Measure]:
        raise subprocess.CalledProcessError(2, ["sam", "build", str(work.exists())], stderr="no uv here")
        yield MISSED

    monkeypatch.setattr(command, "SUBJECTS", {"broken": broken})
    assert command.main([]) == 1
    assert "sam build True failed:\nno uv here" in capsys.readouterr().out
    assert not (home / "build").exists()
