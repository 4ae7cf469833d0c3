"""Finds the address at which Docker's containers on this machine reach an emulator."""

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
# The name of the host machine inside Docker Desktop's containers.
DESKTOP_NAME = "host.docker.internal"


@dataclass(frozen=True)
class Route:
    """How containers reach a server on this machine.

    Attributes:
        bind: the address to listen on.
        name: the server's host name or address in containers.
    """

    bind: str
    name: str


def ask_docker(*words: str) -> str:
    """Return what `docker WORDS` prints.

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
    """Return the route from containers to this machine.

    On Linux it is the address of Docker's bridge, which is every container's gateway. Docker Desktop, and engines in a
    virtual machine on macOS, forward host.docker.internal to this machine's loopback.

    Args:
        ask: runs docker with these words and returns what it prints.
        platform: the operating system, as in `sys.platform`.

    Raises:
        CommandError: docker does not answer, or has no bridge.
    """
    # Called on every platform, so that a missing engine is reported before anything starts.
    system = ask("info", "--format", "{{.OperatingSystem}}")
    if platform != "linux" or system == "Docker Desktop":
        return Route(LOOPBACK, DESKTOP_NAME)
    settings = json.loads(ask("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")) or []
    for entry in settings:
        subnet = ipaddress.ip_network(entry["Subnet"], strict=False)
        if subnet.version == 4:
            # An engine without a configured gateway uses the subnet's first address, and may not list it.
            gateway = entry.get("Gateway") or str(subnet[1])
            return Route(gateway, gateway)
    raise CommandError("Docker has no bridge with an IPv4 address at which containers can reach this machine.")
