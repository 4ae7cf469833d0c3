"""Which command stands for which image."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from emulator.images import (
    ImageError,
    UnknownImageError,
    check_command,
    parse_image,
    parse_images,
    repository,
    resolve_image,
)

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        pytest.param("my-image=python -m algorithm", ("my-image", ["python", "-m", "algorithm"]), id="plain"),
        pytest.param(
            f"host:5000/team/name:tag@{DIGEST}=run",
            (f"host:5000/team/name:tag@{DIGEST}", ["run"]),
            id="port, tag and digest",
        ),
        pytest.param("i=run --mode=fast", ("i", ["run", "--mode=fast"]), id="equals signs in the command"),
        pytest.param("i='/no such/a b' \"c d\" ''", ("i", ["/no such/a b", "c d", ""]), id="quotes"),
    ],
)
def test_pair_is_split_at_the_first_equals_sign(pair: str, expected: tuple[str, list[str]]) -> None:
    assert parse_image(pair) == expected


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        pytest.param("image", "is not URI=COMMAND", id="no equals sign"),
        pytest.param("=run", "is not URI=COMMAND", id="no URI"),
        pytest.param("my image=run", "'my image' is no image's URI: it has spaces", id="spaces"),
        pytest.param("image=", "has no command", id="no command"),
        pytest.param("image=  ", "has no command", id="blank command"),
        pytest.param("image='run", "cannot be split: No closing quotation", id="open quote"),
    ],
)
def test_pair_that_cannot_be_understood_is_refused(pair: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        parse_image(pair)


def test_quoted_command_in_a_folder_with_spaces_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "my own 專案"
    folder.mkdir()
    program = folder / "pro gram.py"
    program.touch()
    uri, command = parse_image(f"image={shlex.join([sys.executable, str(program), 'a b'])}")
    assert command == [sys.executable, str(program), "a b"]
    check_command(uri, command)


def test_image_given_twice_is_refused() -> None:
    with pytest.raises(ImageError, match="image is given twice"):
        parse_images(["image=a", "image=b"])


def test_files_of_the_command_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "algorithm.py").touch()
    (tmp_path / "python").mkdir()
    monkeypatch.chdir(tmp_path)
    # A program is looked up in PATH even when the directory holds something of that name.
    assert parse_image("i=python algorithm.py ./algorithm.py other.py") == (
        "i",
        ["python", str(tmp_path / "algorithm.py"), str(tmp_path / "algorithm.py"), "other.py"],
    )
    assert parse_image("i=./algorithm.py") == ("i", [str(tmp_path / "algorithm.py")])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("no-such-program", "no no-such-program in PATH", id="program"),
        pytest.param("./none.sh x", r"no \./none\.sh$", id="path"),
        pytest.param("plain.sh", r"plain\.sh is a file, write \./plain\.sh or name", id="no slash"),
        pytest.param("./plain.sh", r"make it executable or name", id="not executable"),
        pytest.param("./run.sh none.py", r"no file none\.py", id="script"),
        pytest.param("./run.sh -u none.py there.py", r"no file none\.py", id="script behind an option"),
    ],
)
def test_command_that_cannot_be_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("plain.sh", "there.py"):
        (tmp_path / name).touch(mode=0o644)
    (tmp_path / "run.sh").touch(mode=0o755)
    with pytest.raises(ImageError, match=message):
        check_command("i", line.split())


@pytest.mark.parametrize("line", ["./run.sh", "./run.sh there.py none.py", "./run.sh --log=none.py", "sh -c x"])
def test_command_that_can_be_run_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.py").touch()
    (tmp_path / "run.sh").touch(mode=0o755)
    check_command("i", line.split())


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("name", "name"),
        ("name:tag", "name"),
        (f"name@{DIGEST}", "name"),
        (f"host:5000/name:tag@{DIGEST}", "host:5000/name"),
        ("host:5000/name", "host:5000/name"),
    ],
)
def test_repository_is_the_uri_without_tag_and_digest(uri: str, expected: str) -> None:
    assert repository(uri) == expected


@pytest.mark.parametrize(
    ("uri", "program"),
    [
        pytest.param("host/name:2", "exact", id="exact URI before repository"),
        pytest.param("host/name:3", "repository", id="repository for another tag"),
        pytest.param(f"host/name@{DIGEST}", "repository", id="repository for a digest"),
        pytest.param("123456789012.dkr.ecr.us-east-1.amazonaws.com/told:1", "told", id="told before own"),
    ],
)
def test_told_image_is_found(uri: str, program: str) -> None:
    images = {
        "host/name": ["repository"],
        "host/name:2": ["exact"],
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/told": ["told"],
    }
    image = resolve_image(uri, images)
    assert (image.command, image.named_by_user) == ((program,), True)


def test_any_image_of_the_emulators_account_is_this_projects_container() -> None:
    image = resolve_image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/automlops:local", {})
    python, entry_point = image.command
    assert (python, image.named_by_user) == (sys.executable, False)
    assert Path(entry_point) == Path(__file__).parents[3] / "container" / "entrypoint.py"


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("999999999999.dkr.ecr.us-east-1.amazonaws.com/automlops:1", id="another account"),
        pytest.param("123456789012.dkr.ecr.us-east-1.amazonaws.com.example.org/x", id="another host"),
        pytest.param("123456789012.dkr.ecr.us-east-1.amazonaws.com/", id="no repository"),
        pytest.param("name:1", id="never told"),
    ],
)
def test_unknown_image_names_what_to_do(uri: str) -> None:
    with pytest.raises(UnknownImageError, match=r"--image '.*=COMMAND'"):
        resolve_image(uri, {"name-2": ["x"]})
