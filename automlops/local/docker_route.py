"""Finds out where Docker's containers on this machine can reach an emulator."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from automlops.errors import CommandError

TIMEOUT_IN_SECONDS = 30.0
LOOPBACK = "127.0.0.1"
# Docker Desktop's name, inside containers, of the machine it runs on.
DESKTOP_NAME = "host.docker.internal"


@dataclass(frozen=True)
class Route:
    """How containers come to a server on this machine.

    Attributes:
        bind: address the server must listen on.
        name: what containers call it.
    """

    bind: str
    name: str


def ask_docker(*words: str) -> str:
    """What `docker WORDS` prints.

    Raises:
        CommandError: there is no docker, or its engine does not answer.
    """
    program = shutil.which("docker")
    if program is None:
        raise CommandError("--containers needs Docker, and there is no docker in PATH.")
    try:
        ended = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=TIMEOUT_IN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(
            f"--containers needs Docker, and its engine did not answer within {TIMEOUT_IN_SECONDS:.0f} seconds."
        ) from error
    if ended.returncode != 0:
        raise CommandError("--containers needs Docker, and its engine does not answer:", ended.stderr.strip())
    return ended.stdout.strip()


def find_route(ask: Callable[..., str] = ask_docker, platform: str = sys.platform) -> Route:
    """The way from containers to this machine.

    On Linux it is the address of Docker's bridge, which every container has as its gateway. Docker Desktop, and engines
    in a virtual machine on macOS, hand what containers send to host.docker.internal on to this machine's loopback.

    Args:
        ask: prints what docker does with these words.
        platform: Python's name of the operating system.

    Raises:
        CommandError: docker cannot be asked, or has no bridge.
    """
    # Asked everywhere, so that a missing engine is told before anything is started.
    system = ask("info", "--format", "{{.OperatingSystem}}")
    if platform != "linux" or system == "Docker Desktop":
        return Route(LOOPBACK, DESKTOP_NAME)
    settings = json.loads(ask("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")) or []
    for entry in settings:
        subnet = ipaddress.ip_network(entry["Subnet"], strict=False)
        if subnet.version == 4:
            # An engine that was not told a gateway takes the subnet's first address, and may not say so.
            gateway = entry.get("Gateway") or str(subnet[1])
            return Route(gateway, gateway)
    raise CommandError("Docker has no bridge with an IPv4 address that containers could reach this machine by.")
