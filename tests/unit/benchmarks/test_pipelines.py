"""The programs that are measured: what they are told, and that each run is a fresh one."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import training
from benchmarks.pipelines import Command, Container, Pipeline, Reference
from benchmarks.serving import repeat_rows


@dataclass
class CountingPipeline:
    """Leaves a file in its folder, and a line in a log of all runs."""

    name: str
    log: Path

    def training(self, data: Path, folder: Path) -> Command:
        """Fails if the folder is there already."""
        code = (
            "import pathlib, sys; pathlib.Path(sys.argv[1]).mkdir(); "
            "file = open(sys.argv[2], 'a'); file.write(sys.argv[3] + '\\n')"
        )
        words = [sys.executable, "-I", "-S", "-c", code, str(folder), str(self.log), f"{self.name} {data.name}"]
        return Command(words, {})

    def server(self, folder: Path, port: int) -> Command:
        """Nobody serves it."""
        raise AssertionError(folder, port)

    def sample(self, folder: Path) -> Path:
        """Fail: it has none."""
        raise AssertionError(folder)


def test_trainings_take_turns_in_fresh_folders_and_the_first_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "RUNS", 1)
    log = tmp_path / "log"
    jobs: dict[str, tuple[Pipeline, Path]] = {
        "one": (CountingPipeline("one", log), Path("a.csv")),
        "other": (CountingPipeline("other", log), Path("b.csv")),
    }
    usage = training.take_turns(jobs, tmp_path)
    assert log.read_text().splitlines() == ["one a.csv", "other b.csv"] * 2
    assert list(usage) == ["one", "other"]
    assert all(0 < taken.seconds < 30 and 1 < taken.megabytes < 50 for taken in usage.values())


def test_the_container_gets_its_data_and_settings_as_sagemaker_gives_them(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("lines")
    container = Container(Path("/env/bin/python"), Path("/program"), {"cutoff": "2011-06-01"})
    command = container.training(tmp_path / "data.csv", tmp_path / "ml")
    assert command.words == ["/env/bin/python", "/program/entrypoint.py", "train"]
    assert command.environment["SAGEMAKER_BASE_DIR"] == str(tmp_path / "ml")
    assert (tmp_path / "ml" / "input" / "data" / "training" / "data.csv").read_text() == "lines"
    told = json.loads((tmp_path / "ml" / "input" / "config" / "hyperparameters.json").read_text())
    assert told == {"cutoff": "2011-06-01"}


def test_both_sides_find_their_own_packages_first(tmp_path: Path) -> None:
    python, program = tmp_path / "bin" / "python", tmp_path / "program"
    for pipeline in (Container(python, program), Reference(python, program)):
        command = pipeline.server(tmp_path, 8080)
        assert command.words[0] == str(python)
        assert command.environment["PATH"].startswith(f"{tmp_path / 'bin'}:")
        assert "PYTHONDONTWRITEBYTECODE" in command.environment


@pytest.mark.parametrize(("count", "expected"), [(5, "ababa"), (1, "a"), (4, "abab")])
def test_rows_are_repeated_below_one_header(tmp_path: Path, count: int, expected: str) -> None:
    (tmp_path / "few.csv").write_text("header\na\nb\n")
    repeat_rows(tmp_path / "few.csv", tmp_path / "many.csv", count)
    assert (tmp_path / "many.csv").read_text() == "\n".join(["header", *expected]) + "\n"
