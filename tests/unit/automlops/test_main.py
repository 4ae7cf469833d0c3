"""The command line itself: options, refusals, exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from automlops.errors import InterruptedRunError, RunBrokenError, RunStoppedError, ServiceError
from automlops.local import emulator_process as local_module
from automlops.main import app
from automlops.runs import run_order as run_module
from automlops.runs.request import Order

Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run `automlops` in an empty directory, far from anybody's AWS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("Id,Country\n1,France\n2,Spain\n3,Spain\n")
    (tmp_path / "empty.csv").touch()
    return path


def test_nothing_heavy_is_loaded_for_help() -> None:
    code = (
        "import sys, automlops.main; print(sorted({'boto3', 'moto', 'pipeline', 'pydantic'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["up", "run", "manifest", "quotas", "split", "sample", "quickstart"])
def test_every_subcommand_has_help(command: Command, name: str) -> None:
    result = command(name, "--help")
    assert result.exit_code == 0
    assert name in command("--help").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            ["run", "--item", "a=data.csv"], "Add --local to run on this machine, or --stack NAME", id="nowhere"
        ),
        pytest.param(["run", "--local", "--stack", "x"], "not both", id="two places"),
        pytest.param(["run", "--local", "--region", "eu-west-1"], "--region is for a deployed stack", id="region"),
        pytest.param(["run", "--local"], "nothing to run", id="nothing to run"),
        pytest.param(["run", "--local", "--item", "a"], "write it as NAME=FILE.csv", id="no file"),
        pytest.param(["run", "--local", "--item", "a=none.csv"], "no file none.csv", id="missing file"),
        pytest.param(["run", "--local", "--input", "none.json"], "no file none.json", id="missing event"),
        pytest.param(["run", "--local", "--item", "a=empty.csv"], "empty.csv is empty", id="empty file"),
        pytest.param(
            ["run", "--stack", "s", "--item-prefix", "x/", "--tolerated-failure-percentage", "101"],
            "less than or equal to 100",
            id="share of more than all",
        ),
        pytest.param(
            ["run", "--stack", "s", "--item-prefix", "x/", "--tolerated-failure-percentage", "nan"],
            "Invalid value for '--tolerated-failure-percentage'",
            id="share that is no number",
        ),
        pytest.param(["run", "--stack", "s", "--item", "a/b=data.csv"], "must not contain '/'", id="item name"),
        pytest.param(["run", "--stack", "s", "--item", "a=data.csv", "--name", "a b"], "refuses ' '", id="name"),
        pytest.param(["split", "none.csv", "--by", "x", "--out", "o"], "no file none.csv", id="split nothing"),
        pytest.param(
            ["split", "data.csv", "--by", "Land", "--out", "o"], "no column 'Land'", id="split by nothing"
        ),
        pytest.param(["quickstart", "--data", "none.csv"], "no file none.csv", id="quickstart without data"),
        pytest.param(
            ["quickstart", "--data", "data.csv", "--items", "Frnce"], "Did you mean 'France'", id="items"
        ),
        pytest.param(["quickstart", "--items", "Mars"], "The sample has no country 'Mars'", id="no such sample"),
        pytest.param(["run", "--local", "--item", "a=data.csv", "--out", "data.csv/x"], "Cannot write", id="out"),
        pytest.param(
            ["run", "--stack", "s", "--region", "r", "--item", "a=data.csv", "--out", "data.csv/x"],
            "Cannot write",
            id="out of a stack's run",
        ),
        pytest.param(
            ["run", "--local", "--rerun-of", "20261122T094236123Z-x"], "leave out --local", id="rerun here"
        ),
        pytest.param(
            ["run", "--stack", "s", "--rerun-of", "20261122T094236123Z-x", "--mode", "score"],
            "leave out mode and skipUnchanged",
            id="mode of a rerun",
        ),
        pytest.param(
            ["run", "--stack", "s", "--item-prefix", "x/", "--skip-unchanged", "--items-uri", "s3://bucket/list"],
            "not itemsUri and itemPrefix",
            id="two sources",
        ),
        pytest.param(
            ["run", "--stack", "s", "--item", "a=data.csv", "--account", "a.yaml"],
            "--account needs --local",
            id="account",
        ),
        pytest.param(
            ["run", "--local", "--item", "a=data.csv", "--account", "none.yaml"],
            "no file none.yaml",
            id="no account",
        ),
        pytest.param(
            ["manifest", "20261122T094236123Z-x"], "No stack is named. Add --stack NAME.", id="manifest of nowhere"
        ),
        pytest.param(["quotas"], "No stack is named. Add --stack NAME.", id="quotas of nowhere"),
        pytest.param(["up", "--containers", "--host", "::1"], "--host or --containers, not both", id="addresses"),
        pytest.param(["up", "--image", "nonsense"], "'nonsense'", id="image"),
        pytest.param(["up", "--image", "short:1=python3"], "write it as 123456789012.dkr.ecr.REGION", id="URI"),
        pytest.param(["up", "--image", "my image=python3"], "it has spaces", id="URI with spaces"),
        pytest.param(["up", "--image", "i=no-such-program"], "no no-such-program in PATH", id="program"),
        pytest.param(["up", "--image", "i=python3 none.py"], "no file none.py", id="script"),
        pytest.param(["up", "--account", "none.yaml"], "none.yaml cannot be read", id="account"),
        pytest.param(["up", "--parameter", "ImageUri"], "write it as NAME=VALUE", id="parameter"),
        pytest.param(
            ["up", "--parameter", "ImageUri=x"],
            "--parameter ImageUri: the stack does not take",
            id="image's parameter",
        ),
    ],
)
@pytest.mark.usefixtures("data")
def test_wrong_use_is_told_in_words_before_anything_starts(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.setattr(run_module, "run_order", lambda *_, **__: pytest.fail("something was started"))
    result = command(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", [["up"], ["quickstart"], ["run", "--local", "--item", "a=data.csv"]], ids=str)
@pytest.mark.usefixtures("data")
def test_missing_emulator_is_told_before_anything_is_written(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(local_module, "LOCAL_MODULES", ("no_such_module",))
    result = command(*words)
    assert result.exit_code == 2
    assert "pip install 'automlops[local]'" in result.stderr
    assert not Path("out").exists()


@pytest.mark.usefixtures("data")
def test_endpoint_in_the_environment_stands_for_the_emulators_stack(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def remember(_console: object, connection: SimpleNamespace, stack: str, _order: object) -> SimpleNamespace:
        asked.append((connection.endpoint_url, stack))
        return SimpleNamespace(manifest=SimpleNamespace(verdict="SUCCEEDED"))

    monkeypatch.setattr(run_module, "run_order", remember)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert command("run", "--item", "a=data.csv").exit_code == 0
    assert asked == [("http://127.0.0.1:1", "automlops")]


@pytest.mark.parametrize(
    ("outcome", "exit_code"),
    [
        ("SUCCEEDED", 0),
        ("FAILED", 1),
        (RunBrokenError("broke"), 1),
        (ServiceError("no credentials"), 3),
        (RunStoppedError("stopped"), 4),
        (InterruptedRunError("interrupted"), 130),
        (KeyboardInterrupt(), 130),
    ],
    ids=str,
)
@pytest.mark.usefixtures("data")
def test_exit_code_follows_what_became_of_the_run(
    command: Command, monkeypatch: pytest.MonkeyPatch, outcome: str | BaseException, exit_code: int
) -> None:
    def answer(*_words: object) -> SimpleNamespace:
        if isinstance(outcome, BaseException):
            raise outcome
        return SimpleNamespace(manifest=SimpleNamespace(verdict=outcome))

    monkeypatch.setattr(run_module, "run_order", answer)
    assert command("run", "--stack", "s", "--region", "eu-west-1", "--item", "a=data.csv").exit_code == exit_code


def test_options_become_the_request(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, anyway = [], []

    def remember(_console: object, _connection: object, _stack: str, order: Order) -> SimpleNamespace:
        asked.append(dict(order.request))
        anyway.append(order.anyway)
        return SimpleNamespace(manifest=SimpleNamespace(verdict="SUCCEEDED"))

    monkeypatch.setattr(run_module, "run_order", remember)
    place = ("run", "--stack", "s", "--region", "eu-west-1")
    assert command(*place, "--rerun-of", "20261122T094236123Z-x").exit_code == 0
    assert command(*place, "--item-prefix", "x/", "--mode", "score", "--max-concurrency", "2").exit_code == 0
    assert command(*place, "--items-uri", "s3://bucket/list", "--skip-unchanged").exit_code == 0
    tolerant = ("--item-prefix", "x/", "--tolerated-failure-percentage", "2.5", "--anyway")
    assert command(*place, *tolerant).exit_code == 0
    assert anyway == [False, False, False, True]
    assert asked == [
        {"rerunOf": "20261122T094236123Z-x"},
        {"itemPrefix": "x/", "mode": "score", "maxConcurrency": 2},
        {"itemsUri": "s3://bucket/list", "skipUnchanged": True},
        {"itemPrefix": "x/", "toleratedFailurePercentage": 2.5},
    ]


def test_missing_credentials_are_one_line_without_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(data.parent / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = command("run", "--stack", "s", "--region", "eu-west-1", "--item", f"a={data}")
    assert result.exit_code == 3
    assert result.stderr.splitlines()[0] == "There are no AWS credentials."
    assert len(result.stderr.splitlines()) == 2


def test_split_prints_rows_and_the_command_to_type_next(command: Command, data: Path) -> None:
    with data.open("a") as file:
        file.write("4,\n5,Costa Rica\n")
    result = command("split", "data.csv", "--by", "Country", "--out", "items", "--only", "Spain, Costa Rica")
    assert result.exit_code == 0
    assert "1 rows have no Country" in result.stdout
    expected = "automlops run --item Spain=items/Spain.csv --item 'Costa Rica=items/Costa Rica.csv' --local"
    assert expected in result.stdout


def test_split_into_many_suggests_a_command_for_the_largest_three(command: Command, data: Path) -> None:
    with data.open("a") as file:
        file.writelines(f"{n},Country {n // 9}\n" for n in range(9, 40))
    result = command("split", "data.csv", "--by", "Country", "--out", "items")
    assert result.exit_code == 0
    assert "What to type next, for the largest 3 of 6:" in result.stdout
    assert result.stdout.splitlines()[-1].count("--item") == 3
    named = command(
        "split", "data.csv", "--by", "Country", "--out", "n", "--only", "France,Spain,Country 1,Country 2"
    )
    assert named.stdout.splitlines()[-1].count("--item") == 4


def test_values_with_a_comma_can_be_asked_for(command: Command, data: Path) -> None:
    with data.open("a") as file:
        file.write('4,"Korea, South"\n')
    result = command("split", "data.csv", "--by", "Country", "--out", "items", "--only", 'France, "Korea, South"')
    assert result.exit_code == 0
    assert {path.name for path in Path("items").iterdir()} == {"Korea, South.csv", "France.csv"}


def test_sample_refuses_to_replace_files_unless_forced(command: Command) -> None:
    assert command("sample", "--out", "s", "--items", "2").exit_code == 0
    Path("s/transactions.csv").write_text("mine")
    assert command("sample", "--out", "s", "--items", "2").exit_code == 2
    assert Path("s/transactions.csv").read_text() == "mine"
    assert command("sample", "--out", "s", "--items", "2", "--force").exit_code == 0
    assert len(list(Path("s").iterdir())) == 3
