"""Builds the stack and deploys it with a profile of samconfig.toml, further parameters joined to the profile's own."""

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
# A copy of it that git ignores; taken where it exists.
OWN = Path("samconfig.mine.toml")
# What people call sam's profile `default`.
DEV = "dev"
# CloudFormation takes 128 characters, but the state machine has the stack's name.
LONGEST_STACK_NAME = 80
# Values of CI that mean no.
NO = frozenset({"", "0", "false"})


def sam_commands(
    config: Path, env: str, parameters: Sequence[str], more: Sequence[str], environment: Mapping[str, str]
) -> list[list[str]]:
    """The words behind `sam` that build and deploy a profile.

    Args:
        config: sam's configuration file.
        env: name of the profile; `dev` is `default`.
        parameters: NAME=VALUE words; they win over the profile's. What neither names stays as it is deployed.
        more: further words for `sam deploy`.
        environment: the process's variables; CI and AWS_ENDPOINT_URL are looked up here.

    Raises:
        CommandError: the file cannot be read or has no such profile, or the profile cannot be deployed like this.
    """
    profiles = read_profiles(config)
    profile = "default" if env == DEV else env
    if profile not in profiles:
        names = [DEV if name == "default" else name for name in profiles]
        raise CommandError(f"{config} has no profile {env!r}: ENV is one of {', '.join(names)}.")
    if profile == "local" and not environment.get("AWS_ENDPOINT_URL"):
        raise CommandError(
            "ENV=local is the emulator, and AWS_ENDPOINT_URL does not name one.",
            "Start `automlops up`, and paste the exports that it prints here.",
        )
    name = stack_name(profiles[profile], more)
    if len(name) > LONGEST_STACK_NAME:
        raise CommandError(
            f"The stack's name has {len(name)} characters: {name}.",
            f"Its state machine gets the same name, and Step Functions takes {LONGEST_STACK_NAME} at most;"
            " choose a shorter stack_name.",
        )
    # sam takes a relative path from the template's folder.
    common = ["--config-file", str(config.absolute()), "--config-env", profile]
    deploy = ["deploy", *common, *more]
    if environment.get("CI", "").lower() not in NO:
        # Nobody is there to answer.
        deploy.append("--no-confirm-changeset")
    build = ["build", *common]
    if parameters:
        # On sam's command line this option replaces the profile's own. The build needs it for the functions' processor.
        overrides = ["--parameter-overrides", *parameter_overrides(profiles[profile]), *parameters]
        build += overrides
        deploy += overrides
    return [build, deploy]


def read_profiles(config: Path) -> dict[str, dict[str, Any]]:
    """The profiles of a configuration file by name.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"Cannot read {config}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{config} is not TOML: {error}.") from error
    return {name: profile for name, profile in document.items() if isinstance(profile, dict)}


def parameter_overrides(profile: Mapping[str, Any]) -> list[str]:
    """The profile's parameter_overrides, as words for the command line.

    Raises:
        CommandError: they are not NAME=VALUE texts.
    """
    found = deploy_setting(profile, "parameter_overrides", [])
    words = [found] if isinstance(found, str) else found
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise CommandError('Write parameter_overrides as a list of texts, ["NAME=VALUE", "NAME=VALUE"].')
    return words


def stack_name(profile: Mapping[str, Any], more: Sequence[str]) -> str:
    """The stack that `sam deploy` would make or update; empty if nothing names it.

    Args:
        profile: the profile.
        more: further words for `sam deploy`, which win over it.
    """
    found = str(deploy_setting(profile, "stack_name", ""))
    for word, following in itertools.pairwise([*more, ""]):
        option, equals, value = word.partition("=")
        if option == "--stack-name":
            found = value if equals else following
    return found


def deploy_setting(profile: Mapping[str, Any], key: str, default: Any) -> Any:
    """The value that `sam deploy` takes from the profile: the `deploy` table wins over `global`."""
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
    """Builds the stack and deploys it with a profile; the exit code of the sam command that failed, or 0.

    Args:
        announce: receives which profile of which file it is.
        env: name of the profile; `dev` is `default`.
        config: sam's configuration file; otherwise `OWN` if it exists, and else `TRACKED`.
        parameters: NAME=VALUE words beside the profile's own.
        more: further words for `sam deploy`.
        environment: the process's variables.

    Raises:
        CommandError: there is no sam, no such file or profile, or it cannot be deployed like this.
    """
    file = config or (OWN if OWN.exists() else TRACKED)
    sam = find_sam()
    commands = sam_commands(file, env, parameters, more, environment)
    announce(f"deploying with the profile {env} of {file}")
    # sam writes straight to the terminal.
    sys.stdout.flush()
    for words in commands:
        if code := subprocess.run([sam, *words], check=False).returncode:
            return code
    return 0


def find_sam() -> str:
    """The program `sam`.

    Raises:
        CommandError: it is not in PATH.
    """
    sam = shutil.which("sam")
    if sam is None:
        raise CommandError("There is no sam in PATH; `make dev` puts it into .venv/bin.")
    return sam
