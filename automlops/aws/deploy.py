"""Builds the stack and deploys it with a profile of samconfig.toml, and with further parameters."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automlops.errors import CommandError

TRACKED = Path("samconfig.toml")
# A copy of it that git ignores; used if it exists.
OWN = Path("samconfig.mine.toml")
# The name of sam's profile `default` in this project.
DEV = "dev"
# CloudFormation allows 128 characters, but the state machine has the stack's name, and Step Functions allows 80.
LONGEST_STACK_NAME = 80
# Values of the variable CI that mean "not in CI".
NO = frozenset({"", "0", "false"})


def sam_commands(
    config: Path, env: str, parameters: Sequence[str], more: Sequence[str], environment: Mapping[str, str]
) -> list[list[str]]:
    """Return the arguments of `sam` that build and deploy a profile.

    Args:
        config: sam's configuration file.
        env: name of the profile; `dev` is `default`.
        parameters: NAME=VALUE words; they override the profile's. Other parameters keep their deployed values.
        more: further arguments for `sam deploy`.
        environment: the process's environment variables; CI and AWS_ENDPOINT_URL are read here.

    Raises:
        CommandError: the file cannot be read or has no such profile, or the profile cannot be deployed with these
            values.
    """
    profiles = read_profiles(config)
    profile = "default" if env == DEV else env
    if profile not in profiles:
        names = [DEV if name == "default" else name for name in profiles]
        raise CommandError(f"{config} has no profile {env!r}: ENV is one of {', '.join(names)}.")
    if profile == "local" and not environment.get("AWS_ENDPOINT_URL"):
        raise CommandError(
            "ENV=local is the emulator, and AWS_ENDPOINT_URL does not name one.",
            "Start `automlops up`, and paste the exports that it prints into this shell.",
        )
    name = stack_name(profiles[profile], more)
    if len(name) > LONGEST_STACK_NAME:
        raise CommandError(
            f"The stack's name has {len(name)} characters: {name}.",
            f"Its state machine gets the same name, and Step Functions allows at most {LONGEST_STACK_NAME};"
            " choose a shorter stack_name.",
        )
    # sam resolves a relative path from the template's folder.
    common = ["--config-file", str(config.absolute()), "--config-env", profile]
    deploy = ["deploy", *common, *more]
    if environment.get("CI", "").lower() not in NO:
        # In CI nobody can confirm.
        deploy.append("--no-confirm-changeset")
    build = ["build", *common]
    if parameters:
        # On the command line this option replaces the profile's own. The build needs it for the functions' processor
        # architecture.
        overrides = ["--parameter-overrides", *parameter_overrides(profiles[profile]), *parameters]
        build += overrides
        deploy += overrides
    return [build, deploy]


def read_profiles(config: Path) -> dict[str, dict[str, Any]]:
    """Return the profiles of a configuration file by name.

    Raises:
        CommandError: the file cannot be read.
    """
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"Cannot read {config}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{config} is not TOML: {error}.") from error
    return {name: profile for name, profile in document.items() if isinstance(profile, dict)}


def parameter_overrides(profile: Mapping[str, Any]) -> list[str]:
    """Return the profile's parameter_overrides as arguments.

    Raises:
        CommandError: they are not NAME=VALUE texts.
    """
    overrides = deploy_setting(profile, "parameter_overrides", [])
    words = [overrides] if isinstance(overrides, str) else overrides
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise CommandError('Write parameter_overrides as a list of texts, ["NAME=VALUE", "NAME=VALUE"].')
    return words


def stack_name(profile: Mapping[str, Any], more: Sequence[str]) -> str:
    """Return the name of the stack that `sam deploy` would create or update; "" if none is given.

    Args:
        profile: the profile.
        more: further arguments for `sam deploy`, which override it.
    """
    name = str(deploy_setting(profile, "stack_name", ""))
    for word, following in itertools.pairwise([*more, ""]):
        option, equals, value = word.partition("=")
        if option == "--stack-name":
            name = value if equals else following
    return name


def deploy_setting(profile: Mapping[str, Any], key: str, default: Any) -> Any:
    """Return a setting of `sam deploy` in the profile: the `deploy` table overrides `global`."""
    tables = [profile.get(command, {}).get("parameters", {}) for command in ("deploy", "global")]
    return next((table[key] for table in tables if key in table), default)


def deploy(
    announce: Callable[[str], None],
    env: str,
    *,
    config: Path | None,
    parameters: Sequence[str],
    more: Sequence[str],
    environment: Mapping[str, str],
) -> int:
    """Build the stack and deploy it with a profile.

    Args:
        announce: receives the line that names profile and file.
        env: name of the profile; `dev` is `default`.
        config: sam's configuration file; by default `OWN` if it exists, else `TRACKED`.
        parameters: NAME=VALUE words in addition to the profile's own.
        more: further arguments for `sam deploy`.
        environment: the process's environment variables.

    Returns:
        The exit code of the sam command that failed, or 0.

    Raises:
        CommandError: there is no sam, no such file or profile, or it cannot be deployed with these values.
    """
    file = config or (OWN if OWN.exists() else TRACKED)
    sam = find_sam()
    commands = sam_commands(file, env, parameters, more, environment)
    announce(f"deploying with the profile {env} of {file}")
    # sam writes to the terminal directly, after what is buffered here.
    sys.stdout.flush()
    for words in commands:
        if code := subprocess.run([sam, *words], check=False).returncode:
            return code
    return 0


def find_sam() -> str:
    """Return the path of the program `sam`.

    Raises:
        CommandError: it is not in PATH.
    """
    sam = shutil.which("sam")
    if sam is None:
        raise CommandError("There is no sam in PATH; `make dev` puts it into .venv/bin.")
    return sam
