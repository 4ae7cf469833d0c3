"""Starts an image's command in a job's directory, with the file system and environment SageMaker would give it."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.images import Image, UnknownImageError, resolve_image
from emulator.sagemaker.errors import JobFailedError
from emulator.sagemaker.private_mount import mount_command
from emulator.sagemaker.processes import ContainerProcess, cannot_start

if TYPE_CHECKING:
    from emulator.clock import Clock
    from emulator.endpoint import EmulatorSettings
    from emulator.sagemaker.control import JobControl
    from emulator.sagemaker.limits import Limits
    from emulator.sagemaker.logs import JobLog
    from emulator.sagemaker.ports import PortDesk


@dataclass(frozen=True)
class Surroundings:
    """What every job of one emulator and Region shares.

    Attributes:
        settings: the emulator's.
        limits: of jobs.
        ports: hands out serving ports.
        s3: boto3 client.
        account: account id.
        region: Region of the jobs.
        clock: the account's.
    """

    settings: EmulatorSettings
    limits: Limits
    ports: PortDesk
    s3: Any
    account: str
    region: str
    clock: Clock


class JobFolder:
    """A job's directory: what the container finds under /opt/ml, and its home beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ml = root / "opt" / "ml"
        self.home = root / "home"
        self.temporary = root / "tmp"
        self.before_mount = root / "before-mount"
        for folder in (self.ml, self.home, self.temporary, self.before_mount):
            folder.mkdir(parents=True)

    def make(self, relative: str) -> Path:
        """Return a directory below /opt/ml, made if need be."""
        folder = self.ml / relative
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def remove(self) -> None:
        """Remove all of it, whatever the container left."""
        shutil.rmtree(self.root, ignore_errors=True)


def find_image(uri: str, surroundings: Surroundings) -> Image:
    """Return the image that `uri` names.

    Raises:
        JobFailedError: no command stands for it.
    """
    try:
        return resolve_image(uri, surroundings.settings.images)
    except UnknownImageError as error:
        raise JobFailedError(
            "ClientError: Cannot pull algorithm container. Either the image does not exist or its permissions are "
            f"incorrect. [emulator] {error}"
        ) from error


def start_container(
    image: Image,
    role: str,
    folder: JobFolder,
    *,
    environment: dict[str, str],
    surroundings: Surroundings,
    control: JobControl,
    log: JobLog,
    isolated: bool = False,
) -> ContainerProcess:
    """Run `docker run IMAGE train|serve`, without Docker.

    Args:
        image: what to run.
        role: `train` or `serve`.
        folder: the job's directory.
        environment: what the request and SageMaker add to a clean environment; SageMaker's own names win.
        surroundings: shared by all jobs.
        control: of the job.
        log: takes what is printed.
        isolated: whether the request wants it without network and credentials (EnableNetworkIsolation).

    Raises:
        JobFailedError: it cannot be started.
    """
    command = [*image.command, role]
    reach = _WITHOUT_NETWORK if isolated else _access(surroundings)
    variables = {**_clean_environment(folder), **environment, **reach, "SAGEMAKER_BASE_DIR": str(folder.ml)}
    if shutil.which(command[0], path=variables["PATH"]) is None:
        log.note(f"{command[0]} is no program on this machine")
        raise JobFailedError(cannot_start(role))
    if image.named_by_user:
        mounted = mount_command(command, folder.ml, folder.before_mount)
        if mounted is None:
            log.note(
                "this machine allows no private mount, so there is no /opt/ml here: SAGEMAKER_BASE_DIR names the "
                "directory that stands for it"
            )
        else:
            command = mounted
    return ContainerProcess(
        command,
        environment=variables,
        folder=folder.home,
        output=log.write,
        control=control,
    )


def _clean_environment(folder: JobFolder) -> dict[str, str]:
    """Return what an image would set for itself; the request may override it."""
    # The interpreter that runs this emulator comes first: a `python algorithm.py` that the user named finds its packages.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {
        "PATH": path,
        "HOME": str(folder.home),
        "TMPDIR": str(folder.temporary),
        "LANG": "C.UTF-8",
        # A container's log is read while it runs.
        "PYTHONUNBUFFERED": "1",
    }


def _access(surroundings: Surroundings) -> dict[str, str]:
    """Return what it takes to reach AWS here, and SageMaker does not set: the emulator's address, and keys for the role's.

    A Region is not needed for that, so a client without one must miss it here as it does on AWS.
    """
    return {"AWS_ENDPOINT_URL": surroundings.settings.url, **surroundings.settings.keys.variables}


# AWS's clients find no credentials, as on AWS, and the common clients of HTTP are sent to a port on which nothing listens. A
# process that opens sockets of its own is not kept from it: the server must be reached, and shares this machine's network.
_NOBODY = "http://127.0.0.1:9"
_WITHOUT_NETWORK = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _NOBODY),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
}
