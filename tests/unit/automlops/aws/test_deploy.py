"""What `make deploy` asks of sam."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from automlops.aws.deploy import sam_commands
from automlops.errors import CommandError

IMAGE = "ImageUri=123456789012.dkr.ecr.us-east-1.amazonaws.com/a@sha256:" + 64 * "0"


def deploy_words(config: Path, env: str, *parameters: str, **environment: str) -> list[str]:
    """Of the second command, without what all commands have."""
    build, deploy = sam_commands(config, env, parameters, [], environment)
    common = ["--config-file", str(config), "--config-env", "default" if env == "dev" else env]
    assert build[:5] == ["build", *common]
    assert deploy[:5] == ["deploy", *common]
    return deploy[5:]


@pytest.fixture
def config(root: Path) -> Path:
    return root / "samconfig.toml"


@pytest.mark.parametrize(("env", "profile"), [("dev", "default"), ("default", "default"), ("prod", "prod")])
def test_the_profile_is_built_and_deployed(config: Path, env: str, profile: str) -> None:
    words = ["--config-file", str(config), "--config-env", profile]
    assert sam_commands(config, env, [], [], {}) == [["build", *words], ["deploy", *words]]


def test_a_parameter_is_joined_to_those_of_the_profile_and_wins(config: Path) -> None:
    assert deploy_words(config, "prod", IMAGE) == [
        "--parameter-overrides",
        "MaxConcurrency=20",
        "LogRetentionInDays=365",
        IMAGE,
    ]
    # sam takes the last of equal names.
    assert deploy_words(config, "local", IMAGE, AWS_ENDPOINT_URL="http://127.0.0.1:1")[-1] == IMAGE
    assert deploy_words(config, "dev", IMAGE) == ["--parameter-overrides", IMAGE]


def test_what_is_built_is_for_the_processor_it_is_deployed_to(config: Path) -> None:
    build, deploy = sam_commands(config, "prod", ["Architecture=arm64"], [], {})
    told = ["--parameter-overrides", "MaxConcurrency=20", "LogRetentionInDays=365", "Architecture=arm64"]
    assert build[-4:] == told
    assert deploy[-4:] == told


def test_further_words_reach_sam_deploy_alone(config: Path) -> None:
    build, deploy = sam_commands(config, "dev", [IMAGE], ["--role-arn", "r"], {})
    assert "--role-arn" not in build
    assert deploy[-4:] == ["--role-arn", "r", "--parameter-overrides", IMAGE]


@pytest.mark.parametrize(
    ("value", "asked"),
    [("true", False), ("1", False), ("", True), ("false", True)],
    ids=["true", "1", "empty", "no"],
)
def test_where_nobody_is_there_to_answer_nobody_is_asked(config: Path, value: str, asked: bool) -> None:
    assert ("--no-confirm-changeset" not in deploy_words(config, "prod", CI=value)) is asked


def test_an_unknown_profile_is_refused_with_those_that_there_are(config: Path) -> None:
    with pytest.raises(CommandError, match=r"no profile 'production': ENV is one of dev, staging, prod, local\."):
        sam_commands(config, "production", [], [], {})


def test_the_local_profile_is_refused_where_no_emulator_is_named(config: Path) -> None:
    with pytest.raises(CommandError, match="ENV=local is the emulator"):
        sam_commands(config, "local", [], [], {"AWS_ENDPOINT_URL": ""})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('deploy.parameters.parameter_overrides = "A=1 B=2"', ["A=1 B=2"], id="text"),
        pytest.param(
            'global.parameters.parameter_overrides = ["A=1"]\ndeploy.parameters.parameter_overrides = ["B=2"]',
            ["B=2"],
            id="command before global",
        ),
    ],
)
def test_parameters_are_read_where_sam_reads_them(tmp_path: Path, text: str, words: list[str]) -> None:
    config = tmp_path / "samconfig.mine.toml"
    config.write_text(f"version = 0.1\n[mine]\n{text}\n")
    assert deploy_words(config, "mine", IMAGE) == ["--parameter-overrides", *words, IMAGE]


LONG = "a" * 81


@pytest.mark.parametrize(
    ("text", "more"),
    [
        pytest.param(f'global.parameters.stack_name = "{LONG}"', [], id="profile"),
        pytest.param(
            f'global.parameters.stack_name = "a"\ndeploy.parameters.stack_name = "{LONG}"', [], id="its command"
        ),
        pytest.param('global.parameters.stack_name = "a"', ["--stack-name", LONG], id="word"),
        pytest.param('global.parameters.stack_name = "a"', ["--debug", f"--stack-name={LONG}"], id="word with ="),
    ],
)
def test_a_stack_name_that_no_state_machine_can_have_is_refused(
    tmp_path: Path, text: str, more: list[str]
) -> None:
    config = tmp_path / "samconfig.mine.toml"
    for shown, refused in ((text, True), (text.replace(LONG, LONG[1:]), False)):
        config.write_text(f"version = 0.1\n[mine]\n{shown}\n")
        words = more if refused else [word.replace(LONG, LONG[1:]) for word in more]
        if refused:
            with pytest.raises(CommandError, match=r"name has 81 characters: a{81}\."):
                sam_commands(config, "mine", [], words, {})
        else:
            assert sam_commands(config, "mine", [], words, {})


def test_the_last_name_on_the_command_line_holds(config: Path) -> None:
    assert sam_commands(config, "dev", [], ["--stack-name", LONG, "--stack-name", "short"], {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("version = 0.1\n[a.deploy.parameters.parameter_overrides]\nA = 1", "as a list", id="table"),
        pytest.param("version 0.1", "is not TOML", id="no TOML"),
        pytest.param(None, "Cannot read", id="no file"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str | None, reason: str) -> None:
    config = tmp_path / "samconfig.mine.toml"
    if text is not None:
        config.write_text(text)
    with pytest.raises(CommandError, match=reason):
        sam_commands(config, "a", [IMAGE], [], {})


def test_a_refusal_is_shown_without_a_traceback(root: Path) -> None:
    words = [str(Path(sys.executable).with_name("automlops")), "deploy", "--env", "nowhere"]
    environment = {"PATH": str(Path(sys.executable).parent)}
    ended = subprocess.run(
        words, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "has no profile 'nowhere'" in ended.stderr
    assert "Traceback" not in ended.stderr
