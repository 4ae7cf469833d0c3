"""Stacks on emulators that a test starts for itself."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from automlops.aws.connection import Connection, connect_emulator
from automlops.local.emulator_process import COMMAND, local_emulator
from emulator.deployment import deploy
from emulator.endpoint import DEFAULT_REGION, isolated_session
from emulator.keys import Keys, keys_of, remember_keys
from emulator.serve import DEFAULT_STACK, TEMPLATE
from emulator.server import Emulator
from tests.live.stack import Stack, open_stack

OTHER_IMAGE = "999999999999.dkr.ecr.us-east-1.amazonaws.com/team/other:1"
OTHER_COMMAND = (sys.executable, str(Path(__file__).parent / "integration" / "other_image.py"))
"""An image that is not this project's, and the program that stands for it."""


def deploy_stack(
    url: str,
    name: str,
    parameters: Mapping[str, str],
    *,
    region: str = DEFAULT_REGION,
    patience: float | None = None,
) -> Stack:
    """Deploy the project's template on the emulator at `url`; return the stack.

    Args:
        url: the emulator's URL.
        name: the stack's name.
        parameters: the stack's parameters.
        region: where it is deployed.
        patience: seconds that its runs may take.
    """
    deploy(url, TEMPLATE, name, parameters, region=region)
    return open_stack(
        Connection(isolated_session(region, keys_of(url)), region, url), name, prefix="", patience=patience
    )


def read_ready(lines: Iterable[str]) -> str:
    """Read what an emulator prints when it is ready; return its URL, whose keys this process knows from then on."""
    url, exported = "", dict[str, str]()
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "ready":
            url = rest
        elif word == "export":
            name, _, value = rest.partition("=")
            exported[name] = value
        elif word == "unset":
            break
    remember_keys(url, Keys(exported["AWS_ACCESS_KEY_ID"], exported["AWS_SECRET_ACCESS_KEY"]))
    return url


@contextmanager
def stack_of_image(image: str, program: tuple[str, ...], **parameters: str) -> Iterator[Stack]:
    """Start an emulator in a process of its own whose stack trains with `image`, for as long as the block lasts.

    Args:
        image: the image's URI.
        program: the command that stands for it.
        parameters: more of the stack's parameters.
    """
    words = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    with local_emulator([*COMMAND, "--image", f"{image}={shlex.join(program)}", *words]) as url:
        yield open_stack(connect_emulator(url), DEFAULT_STACK, prefix="")


def signed(
    emulator: Emulator, service: str, method: str = "GET", target: str = "/", **more: Any
) -> dict[str, str]:
    """Return the headers of a signed request, of which `more` may give `headers` and the `body`."""
    headers = {"Host": urlsplit(emulator.url).netloc, **more.get("headers", {})}
    request = AWSRequest(method, f"http://{headers['Host']}{target}", headers, data=more.get("body", b""))
    keys = emulator.settings.keys
    credentials = Credentials(keys.access_key_id, keys.secret_access_key)
    (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, "us-east-1").add_auth(request)
    return dict(request.headers.items())
