"""The file that `sam local` gives the functions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from automlops.errors import CommandError
from automlops.local.sam_local import variables_file

VARIABLES = {"Function": {"DATA_BUCKET": "b", "AWS_ENDPOINT_URL": "http://172.17.0.1:4600"}}


def test_the_file_is_there_as_long_as_the_emulator(tmp_path: Path) -> None:
    path = tmp_path / ".aws-sam" / "file.json"
    with pytest.raises(KeyboardInterrupt), variables_file(path, VARIABLES):
        assert json.loads(path.read_text()) == VARIABLES
        raise KeyboardInterrupt
    assert not path.exists()


def test_the_file_of_an_emulator_that_was_started_later_stays(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    with variables_file(path, VARIABLES):
        path.write_text("{}")
    assert path.read_text() == "{}"


def test_a_file_that_is_removed_meanwhile_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    with variables_file(path, VARIABLES):
        path.unlink()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".aws-sam").touch()
    with pytest.raises(CommandError, match="Cannot write"), variables_file(tmp_path / ".aws-sam" / "f", VARIABLES):
        pytest.fail("it went on")
