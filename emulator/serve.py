"""Runs an emulator with the stack deployed until a signal ends it: what `python -m emulator` and `automlops up` do."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from emulator.address import EmulatorError, listen
from emulator.endpoint import DEFAULT_REGION
from emulator.images import ImageError, check_command, check_image_uri
from emulator.images import parse_images as parse_image_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from types import FrameType

    from emulator.conditions import Conditions
    from emulator.keys import Keys

DEFAULT_PORT = 4600
DEFAULT_STACK = "automlops"
SWITCH_SECONDS = 0.02
TEMPLATE = Path(__file__).parent.parent / "template.yaml"


def serve(
    announce: Callable[[str], None],
    *,
    port: int = DEFAULT_PORT,
    host: str = "127.0.0.1",
    region: str = DEFAULT_REGION,
    images: Mapping[str, list[str]] | None = None,
    template: Path | None = TEMPLATE,
    stack: str = DEFAULT_STACK,
    parameters: Mapping[str, str] | None = None,
    conditions: Conditions | None = None,
    meanwhile: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Start an emulator, deploy `template` on it, announce it and stay until SIGINT, SIGTERM or SIGHUP.

    Must be called in the main thread. Whatever ends it, its processes and its folder are gone when it returns or raises;
    a signal is an ordinary end, so the process's exit code is 0.

    Args:
        announce: receives the lines for the user: `ready URL`, then the exports that point AWS tools at it.
        port: TCP port, 0 for any free one.
        host: address to bind.
        region: Region the stack is deployed in and the exports name.
        images: image URI or repository → command line that stands for it.
        template: SAM or CloudFormation template to deploy; None deploys nothing.
        stack: name of the stack.
        parameters: parameters of the stack.
        conditions: what its account does to calls and jobs; None is nothing.
        meanwhile: what else lasts from the deployment to the end; receives the emulator's URL.

    Raises:
        EmulatorError: the address cannot be bound, or the stack could not be deployed.
    """

    def ignore() -> None:
        # A second Ctrl-C must not interrupt the clean-up.
        for number in signals:
            signal.signal(number, signal.SIG_IGN)

    def end(_number: int, _frame: FrameType | None) -> None:
        ignore()
        raise _EndedError

    # Under nohup SIGHUP stays ignored.
    heeds_hangup = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    signals = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if heeds_hangup else [])]
    before = {number: signal.signal(number, end) for number in signals}
    try:
        # The imports below take seconds: a port in use is reported before them.
        listen(host, port).close()
        from emulator.deployment import DeploymentError, deploy
        from emulator.server import Emulator

        # A thread per item waits for the interpreter; by default each asks for it 200 times a second, which takes more of a
        # small machine than it gives.
        sys.setswitchinterval(SWITCH_SECONDS)
        with Emulator(port=port, host=host, images=images, conditions=conditions) as emulator:
            try:
                if template is not None:
                    try:
                        deploy(emulator.url, template, stack, parameters or {}, region=region)
                    except DeploymentError as error:
                        raise EmulatorError(str(error)) from error
                with meanwhile(emulator.url):
                    for line in [f"ready {emulator.url}", *exports(emulator.url, region, emulator.settings.keys)]:
                        announce(line)
                    threading.Event().wait()
            finally:
                ignore()
    except _EndedError:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _EndedError(BaseException):
    """A signal asked for the end; not an Exception, so that nothing on the way takes it for an error."""


def exports(url: str, region: str, keys: Keys) -> list[str]:
    """Shell lines that make the AWS CLI, boto3 and SAM talk to the emulator at `url`."""
    variables = {
        "AWS_ENDPOINT_URL": url,
        **keys.variables,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "SAM_CLI_TELEMETRY": "0",
    }
    if any(os.environ.get(name) for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")):
        exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        variables["NO_PROXY"] = ",".join(filter(None, [exempt, urlsplit(url).hostname]))
        if "no_proxy" in os.environ:
            # Where both spellings are set, curl and Python heed this one alone.
            variables["no_proxy"] = variables["NO_PROXY"]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # A profile that is set is looked up although keys are given; a token would be sent along with them.
    return [*lines, "unset AWS_PROFILE AWS_SESSION_TOKEN"]


def parse_pairs(option: str, pairs: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` words of a repeated option as a dictionary.

    Raises:
        EmulatorError: a word without `=`, or a name given twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise EmulatorError(f"{option} {pair!r}: write it as NAME=VALUE")
        if name in found:
            raise EmulatorError(f"{option}: {name} is given twice")
        found[name] = value
    return found


def parse_images(pairs: Iterable[str]) -> dict[str, list[str]]:
    """`URI=COMMAND` words as image URI → command line that can be run here.

    Raises:
        EmulatorError: one cannot be understood, a URI comes twice, or a program or its script does not exist.
    """
    try:
        images = parse_image_words(pairs)
        for uri, command in images.items():
            check_command(uri, command)
    except ImageError as error:
        raise EmulatorError(f"--image: {error}") from error
    return images


def read_account(file: Path | None) -> Conditions | None:
    """Return the account of a file, ready to be played; None without one.

    Raises:
        EmulatorError: the file cannot be read, or describes none.
    """
    if file is None:
        return None
    # Only who plays an account loads what plays it.
    from emulator.account.plan_file import AccountError
    from emulator.account.plan_file import read_account as read_plan
    from emulator.account.played import PlayedAccount

    try:
        return PlayedAccount(read_plan(file))
    except AccountError as error:
        raise EmulatorError(f"--account: {str(error).removesuffix('.')}") from error


def stack_parameters(
    given: Mapping[str, str], images: Mapping[str, list[str]], template: Path | None
) -> dict[str, str]:
    """Return the stack's parameters: those given and, where a single image was given, that image as ImageUri.

    Args:
        given: parameters of the stack; an ImageUri in them wins.
        images: image URI → command line.
        template: what is to be deployed; None is nothing.

    Raises:
        EmulatorError: the template does not take the image's URI.
    """
    parameters = dict(given)
    if template is None:
        return parameters
    option = "--parameter ImageUri" if "ImageUri" in parameters else "--image"
    if len(images) == 1:
        parameters.setdefault("ImageUri", *images)
    if uri := parameters.get("ImageUri"):
        try:
            taken = check_image_uri(uri, template)
        except ImageError as error:
            raise EmulatorError(f"{option}: {error}") from error
        if not taken and "ImageUri" not in given:
            # Another application's template, which knows of no such parameter.
            del parameters["ImageUri"]
    return parameters
