"""Says which command on this machine stands for which image URI."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from emulator.endpoint import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_OWN_REGISTRY = re.compile(rf"{ACCOUNT_ID}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+")
_OWN_ENTRY_POINT = Path(__file__).resolve().parent.parent / "container" / "entrypoint.py"


class ImageError(ValueError):
    """`URI=COMMAND` cannot be understood or used; the message says why."""


class UnknownImageError(LookupError):
    """No command is known for an image."""


@dataclass(frozen=True)
class Image:
    """An image that can be run here.

    Attributes:
        uri: the URI that was asked for.
        command: what runs in its place, without the `train` or `serve` that is appended.
        named_by_user: whether the user named the command; such an image may know no other root than /opt/ml and no other
            port than 8080, while this project's own heeds its settings.
    """

    uri: str
    command: tuple[str, ...]
    named_by_user: bool


def parse_image(pair: str) -> tuple[str, list[str]]:
    """Split one `URI=COMMAND`, the command as a POSIX shell would.

    A URI may carry a registry's port, a tag and a digest (`host:5000/name:tag@sha256:…`), never `=`: the first `=`
    ends it. Words of the command that name something in the current directory become absolute, because jobs run in
    directories of their own.

    Raises:
        ImageError: no `=`, no URI or one with spaces inside, no command, or quotes that never close.
    """
    uri, sign, line = pair.partition("=")
    if not sign or not uri.strip():
        raise ImageError(f"{pair!r} is not URI=COMMAND")
    if len(uri.split()) > 1:
        raise ImageError(f"{uri.strip()!r} is no image's URI: it has spaces")
    try:
        command = shlex.split(line)
    except ValueError as error:
        raise ImageError(f"the command of {uri.strip()} cannot be split: {error}") from error
    if not command:
        raise ImageError(f"{uri.strip()} has no command behind '='")
    program, *arguments = command
    # A program without a slash is looked up in PATH, whatever the current directory holds.
    return uri.strip(), [_absolute(program) if "/" in program else program, *map(_absolute, arguments)]


def _absolute(word: str) -> str:
    return str(Path(word).absolute()) if word and Path(word).exists() else word


def parse_images(pairs: Iterable[str]) -> dict[str, list[str]]:
    """Several `URI=COMMAND` as EmulatorSettings keeps them.

    Raises:
        ImageError: one cannot be understood, or a URI comes twice.
    """
    images: dict[str, list[str]] = {}
    for pair in pairs:
        uri, command = parse_image(pair)
        if uri in images:
            raise ImageError(f"{uri} is given twice")
        images[uri] = command
    return images


def check_command(uri: str, command: Sequence[str]) -> None:
    """Make sure that the program which stands for `uri`, and the Python script it is given, can be found here.

    Raises:
        ImageError: one cannot.
    """
    program, *arguments = command
    if shutil.which(program) is None:
        if Path(program).is_file():
            hint = "make it executable" if "/" in program else f"write ./{program}"
            raise ImageError(
                f"the program of {uri} cannot be run: {program} is a file, {hint} or name its interpreter"
            )
        where = "" if "/" in program else " in PATH"
        raise ImageError(f"the program of {uri} is not there: no {program}{where}")
    script = next((word for word in arguments if word.endswith(".py") and not word.startswith("-")), None)
    if script is not None and not Path(script).is_file():
        raise ImageError(f"the script of {uri} is not there: no file {script}")


def check_image_uri(uri: str, template: Path) -> bool:
    """Make sure that `template` takes `uri` for its parameter ImageUri.

    Returns:
        Whether it has this parameter. What cannot be read as a template has none; its deployment will tell.

    Raises:
        ImageError: the parameter's AllowedPattern refuses the URI.
    """
    try:
        document = yaml.compose(template.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    parameter = _child(_child(document, "Parameters"), "ImageUri")
    pattern = _child(parameter, "AllowedPattern")
    if isinstance(pattern, yaml.ScalarNode) and not re.fullmatch(pattern.value, uri):
        raise ImageError(
            f"the stack does not take {uri!r} as its ImageUri: "
            f"write it as {ACCOUNT_ID}.dkr.ecr.REGION.amazonaws.com/NAME:TAG"
        )
    return parameter is not None


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """Return the value of the key `name`; read from YAML's own nodes, CloudFormation's tags need no meaning."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def repository(uri: str) -> str:
    """Return the image's URI without tag and digest."""
    name = uri.partition("@")[0]
    # A colon before the last slash is the registry's port.
    head, slash, tail = name.rpartition("/")
    return head + slash + tail.partition(":")[0]


def resolve_image(uri: str, images: Mapping[str, list[str]]) -> Image:
    """Return the command for `uri`: that of exactly this URI, that of its repository, or this project's own container.

    Without a command of the user's, every image in a registry of the emulator's account stands for this container.

    Raises:
        UnknownImageError: it is none of these.
    """
    for key in (uri, repository(uri)):
        if key in images:
            return Image(uri, tuple(images[key]), named_by_user=True)
    if _OWN_REGISTRY.fullmatch(uri):
        return Image(uri, (sys.executable, str(_OWN_ENTRY_POINT)), named_by_user=False)
    raise UnknownImageError(
        f"no command is known for image {uri}: start the emulator with --image '{uri}=COMMAND'"
    )
