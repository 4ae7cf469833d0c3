"""Where containers on this machine reach an emulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from automlops.errors import CommandError
from automlops.local.docker_route import Route, ask_docker, find_route


def docker(system: str, *settings: dict[str, str]) -> Callable[..., str]:
    """Return what an engine says of its system and of its bridge's addresses."""

    def ask(*words: str) -> str:
        return system if words[0] == "info" else json.dumps(list(settings) or None)

    return ask


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        pytest.param([{"Subnet": "10.1.0.0/16", "Gateway": "10.1.0.7"}], "10.1.0.7", id="told"),
        pytest.param([{"Subnet": "172.17.0.0/16"}], "172.17.0.1", id="not told"),
        pytest.param(
            [{"Subnet": "fd00::/64", "Gateway": "fd00::1"}, {"Subnet": "172.18.0.1/16"}],
            "172.18.0.1",
            id="IPv6 too",
        ),
    ],
)
def test_on_linux_it_is_the_bridges_address(settings: list[dict[str, str]], address: str) -> None:
    assert find_route(docker("Debian", *settings), "linux") == Route(address, address)


@pytest.mark.parametrize(("system", "platform"), [("Docker Desktop", "linux"), ("Alpine", "darwin")])
def test_an_engine_in_a_virtual_machine_hands_on_to_the_loopback(system: str, platform: str) -> None:
    assert find_route(docker(system), platform) == Route("127.0.0.1", "host.docker.internal")


@pytest.mark.parametrize("settings", [[], [{"Subnet": "fd00::/64"}]], ids=["none", "IPv6 only"])
def test_an_engine_without_a_bridge_is_told(settings: list[dict[str, str]]) -> None:
    with pytest.raises(CommandError, match="Docker has no bridge"):
        find_route(docker("Debian", *settings), "linux")


def test_a_missing_docker_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="there is no docker in PATH"):
        find_route()


def test_an_engine_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho Cannot connect to the Docker daemon >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="its engine does not answer:\nCannot connect to the Docker daemon"):
        ask_docker("info")


def test_an_engine_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("automlops.local.docker_route.TIMEOUT_IN_SECONDS", 0.2)
    with pytest.raises(CommandError, match="did not answer within"):
        ask_docker("info")
