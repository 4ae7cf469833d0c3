"""Finds the two base images that the layer runs on, or makes stand-ins where they cannot be pulled.

`python -m tests.docker.base_images` (`make base-images`) does it by hand: what it found goes to stderr, the flags that
sam local needs for it to stdout.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.docker.engine import EngineError, docker, has_image, label_of, require_engine

PLATFORM = "linux/amd64"
# What sam local asks for, and what container/Dockerfile does.
LAMBDA_IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
PYTHON_IMAGE = "python:3.13-slim-bookworm"
# Named so that nobody takes them for what they stand in for.
LAMBDA_STAND_IN = "automlops/stand-in-lambda-python:3.13"
PYTHON_STAND_IN = "automlops/stand-in-python:3.13"
# The image that sam makes of it by adding its emulator, and never makes anew by itself.
LAMBDA_STAND_IN_OF_SAM = "automlops/stand-in-lambda-python:rapid-x86_64"

RECIPE = Path(__file__).parent / "stand_in_lambda"
RECIPE_LABEL = "automlops.recipe"
# Debian's release whose own Python is Lambda's.
DEBIAN = "trixie"
DEBIAN_PACKAGES = "python3,python3-venv,ca-certificates,passwd"
RUNTIME_PACKAGES = ("awslambdaric", "boto3")
PULL_TIMEOUT = 600.0
BUILD_TIMEOUT = 600.0

Tell = Callable[[str], None]


class BaseImageError(Exception):
    """An image can neither be had nor stood in for; the message says what to install."""


@dataclass(frozen=True)
class BaseImage:
    """An image to start from.

    Attributes:
        name: what Docker calls it.
        told: one sentence for whoever reads the run's output.
        sam_flags: what `sam local` needs beside its profile.
    """

    name: str
    told: str
    sam_flags: tuple[str, ...] = ()


def find_lambda_image(tell: Tell) -> BaseImage:
    """Return the image that `sam local` runs functions in.

    Args:
        tell: receives a line before each step that takes long.

    Raises:
        BaseImageError: it cannot be pulled, nor can a stand-in be made.
    """
    if _pull(LAMBDA_IMAGE, tell):
        return BaseImage(LAMBDA_IMAGE, f"{LAMBDA_IMAGE}, as AWS publishes it")
    if has_image(LAMBDA_IMAGE):
        told = f"{LAMBDA_IMAGE}, the copy that is here; its registry did not answer"
        return BaseImage(LAMBDA_IMAGE, told, ("--skip-pull-image",))
    _make_lambda_stand_in(tell)
    return BaseImage(
        LAMBDA_STAND_IN,
        f"{LAMBDA_STAND_IN}, a STAND-IN made here: {LAMBDA_IMAGE} cannot be pulled",
        ("--invoke-image", LAMBDA_STAND_IN, "--skip-pull-image"),
    )


def find_python_image(tell: Tell) -> BaseImage:
    """Return the image that container/Dockerfile starts from; arguments and errors as above."""
    if has_image(PYTHON_IMAGE) or _pull(PYTHON_IMAGE, tell):
        return BaseImage(PYTHON_IMAGE, f"{PYTHON_IMAGE}, as Docker Hub has it")
    _make_python_stand_in(tell)
    return BaseImage(PYTHON_STAND_IN, f"{PYTHON_STAND_IN}, a STAND-IN made here: {PYTHON_IMAGE} cannot be pulled")


def _pull(name: str, tell: Tell) -> bool:
    tell(f"pulling {name}")
    try:
        docker("pull", "--quiet", "--platform", PLATFORM, name, timeout=PULL_TIMEOUT)
    except EngineError:
        return False
    return True


def _make_python_stand_in(tell: Tell) -> None:
    recipe = _digest(DEBIAN.encode(), DEBIAN_PACKAGES.encode())
    if label_of(PYTHON_STAND_IN, RECIPE_LABEL) == recipe:
        return
    _require_mmdebstrap()
    tell(f"making the stand-in {PYTHON_STAND_IN} from Debian {DEBIAN}")
    with tempfile.TemporaryDirectory() as folder, _timed(tell, PYTHON_STAND_IN):
        system = Path(folder) / "system.tar"
        _run("mmdebstrap", "--quiet", "--variant=apt", f"--include={DEBIAN_PACKAGES}", DEBIAN, str(system))
        change = f"LABEL {RECIPE_LABEL}={recipe}"
        docker("import", "--change", change, str(system), PYTHON_STAND_IN, timeout=BUILD_TIMEOUT)


def _make_lambda_stand_in(tell: Tell) -> None:
    packages = [f"{name}=={version(name)}" for name in RUNTIME_PACKAGES]
    _make_python_stand_in(tell)
    files = (path.read_bytes() for path in sorted(RECIPE.iterdir()))
    base = docker("image", "inspect", "--format", "{{.Id}}", PYTHON_STAND_IN)
    recipe = _digest(base.encode(), *(package.encode() for package in packages), *files)
    if label_of(LAMBDA_STAND_IN, RECIPE_LABEL) == recipe:
        return
    tell(f"making the stand-in {LAMBDA_STAND_IN}")
    with tempfile.TemporaryDirectory() as folder, _timed(tell, LAMBDA_STAND_IN):
        context = Path(folder)
        shutil.copytree(RECIPE, context, dirs_exist_ok=True)
        # Outside the project, whose own settings for uv are for the functions' package.
        _run(
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"),
            *("--python-version", "3.13", "--python-platform", "x86_64-manylinux2014"),
            *("--only-binary", ":all:", "--target", str(context / "runtime"), *packages),
            folder=context,
        )
        docker(
            *("build", "--quiet", "--network", "none", "--tag", LAMBDA_STAND_IN),
            *("--build-arg", f"PYTHON_IMAGE={PYTHON_STAND_IN}", "--label", f"{RECIPE_LABEL}={recipe}"),
            str(context),
            timeout=BUILD_TIMEOUT,
        )
        if has_image(LAMBDA_STAND_IN_OF_SAM):
            docker("image", "rm", "--force", LAMBDA_STAND_IN_OF_SAM)


@contextmanager
def _timed(tell: Tell, name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    tell(f"made {name} in {time.monotonic() - started:.0f} s")


def _require_mmdebstrap() -> None:
    missing = []
    if shutil.which("mmdebstrap") is None:
        missing.append("mmdebstrap (apt-get install --no-install-recommends mmdebstrap)")
    if os.geteuid() != 0:
        missing.append("root's rights")
    if missing:
        raise BaseImageError(
            f"{LAMBDA_IMAGE} and {PYTHON_IMAGE} cannot be pulled, and a stand-in needs {' and '.join(missing)}."
        )


def _run(*command: str, folder: Path | None = None) -> None:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_TIMEOUT, check=False)
    if ended.returncode != 0:
        raise BaseImageError(f"{command[0]} failed: {ended.stderr.strip()[-2000:]}")


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def main() -> int:
    """Find or make both images, say which they are, and print sam local's flags; return the process's exit code."""
    try:
        require_engine()
        python = find_python_image(_say)
        function = find_lambda_image(_say)
    except (EngineError, BaseImageError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    _say(f"PYTHON_IMAGE={python.name}  # {python.told}")
    _say(f"sam local runs {function.told}")
    sys.stdout.write(" ".join(function.sam_flags) + "\n")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
