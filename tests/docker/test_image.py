"""The project's own image: what is in it and what is not."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .engine import docker, size_above_base

LARGEST_SIZE_ABOVE_BASE_IN_BYTES = 400_000_000
# Often enough for a test; the command is the image's own.
CHECK_OFTEN = ("--health-interval", "1s", "--health-start-period", "0s", "--health-retries", "5")
HEALTH_TIMEOUT = 60.0
# Answers the check without a model.
STAND_IN_SERVER = (
    "import http.server as s, sys\n"
    "class H(s.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200 if self.path == '/ping' else 404)\n"
    "        self.end_headers()\n"
    "s.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()\n"
)


def shell(image: str, script: str) -> str:
    """Return what a script prints inside."""
    return docker("run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", script)


def python(image: str, script: str) -> str:
    """Return what a script for the container's Python prints inside."""
    return docker("run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c", script)


def test_both_commands_are_on_the_path(image: str) -> None:
    found = shell(image, "command -v train; command -v serve").split()
    assert found == ["/usr/local/bin/train", "/usr/local/bin/serve"]


def test_python_is_the_one_that_the_functions_have(image: str) -> None:
    assert shell(image, "python3 --version").startswith("Python 3.13.")


def test_nothing_is_left_that_builds_or_downloads(image: str) -> None:
    tools = "cc c++ gcc g++ clang tcc as ld make cmake pip pip3 uv curl wget git"
    assert not shell(image, f"for tool in {tools}; do command -v $tool || true; done")


@pytest.mark.parametrize("interpreter", ["python3", "$(readlink -f /opt/venv/bin/python3)"], ids=["venv", "base"])
def test_no_python_in_it_can_install(image: str, interpreter: str) -> None:
    found = "from importlib.util import find_spec; print(find_spec('pip'), find_spec('ensurepip'))"
    assert shell(image, f'{interpreter} -c "{found}"') == "None None"


def test_nothing_of_the_build_is_left(image: str) -> None:
    # The build asks nothing of apt, so what apt has is the base image's.
    folders = "/build /root/.cache"
    assert not shell(image, f"find {folders} -type f 2>/dev/null || true")


def test_it_has_the_locked_packages_and_no_other(image: str, root: Path) -> None:
    lines = (root / "container" / "requirements.txt").read_text().splitlines()
    # Of a package with a version for each of several Pythons, the image's has no marker of an older one.
    current = [line for line in lines if "python_full_version < " not in line and "sys_platform" not in line]
    locked = {found[0] for line in current if (found := re.match(r"\S+==\S+", line))}
    installed = python(
        image,
        "import importlib.metadata as m; print(*{f'{d.name.lower()}=={d.version}' for d in m.distributions("
        "path=[__import__('sysconfig').get_path('purelib')])}, sep='\\n')",
    )
    assert set(installed.split()) == locked


def test_all_modules_are_compiled_beforehand(image: str) -> None:
    """The last stage's user may not write them, and every job would compile them anew."""
    missing = python(
        image,
        "import importlib.util as u, pathlib as p\n"
        "for folder in ('/opt/program', '/opt/venv/lib'):\n"
        "    for path in p.Path(folder).rglob('*.py'):\n"
        "        if not p.Path(u.cache_from_source(str(path))).exists(): print(path)",
    )
    assert not missing


def test_what_the_models_need_can_be_loaded(image: str) -> None:
    """Their wheels bring all libraries along: the base image has no Fortran runtime and no OpenMP."""
    assert python(image, "import numpy, polars, scipy.optimize, scipy.special; print('loaded')").split() == [
        "loaded"
    ]


def test_it_adds_little_to_its_base(image: str) -> None:
    assert size_above_base(image) <= LARGEST_SIZE_ABOVE_BASE_IN_BYTES


def test_it_serves_unless_told_otherwise_and_runs_on_sagemakers_processor(image: str) -> None:
    (told,) = json.loads(docker("image", "inspect", image))
    assert (told["Os"], told["Architecture"]) == ("linux", "amd64")
    assert told["Config"]["Cmd"] == ["serve"]
    # SageMaker runs `IMAGE train`: an entry point would get the word as an argument.
    assert not told["Config"].get("Entrypoint")
    assert "8080/tcp" in told["Config"]["ExposedPorts"]


def test_the_user_without_roots_rights_is_there_and_may_write_the_folders(image: str) -> None:
    (told,) = json.loads(docker("image", "inspect", image))
    assert told["Config"]["User"] in {"root", "model"}
    script = "id -un; touch /opt/ml/model/a /opt/ml/output/a && echo written"
    words = ("--rm", "--network", "none", "--user", "model", "--entrypoint", "sh")
    assert docker("run", *words, image, "-c", script).split() == ["model", "written"]


@pytest.mark.parametrize(
    ("answers_at", "port", "health"),
    [(8080, "", "healthy"), (9090, "9090", "healthy"), (9090, "", "unhealthy")],
    ids=["port of SageMaker", "another port that was told", "another port that was not"],
)
def test_its_health_is_the_answer_to_ping(image: str, answers_at: int, port: str, health: str) -> None:
    told = ("--env", f"SAGEMAKER_BIND_TO_PORT={port}") if port else ()
    words = (*CHECK_OFTEN, "--network", "none", *told, "--entrypoint", "python3", image)
    with running(*words, "-c", STAND_IN_SERVER, str(answers_at)) as container:
        deadline = time.monotonic() + HEALTH_TIMEOUT
        while (found := docker("inspect", "--format", "{{.State.Health.Status}}", container)) == "starting":
            assert time.monotonic() < deadline, docker("logs", container)
            time.sleep(0.2)
        assert found == health


@contextmanager
def running(*words: str) -> Iterator[str]:
    """Return a container in the background; its id."""
    container = docker("run", "--detach", *words)
    try:
        yield container
    finally:
        docker("rm", "--force", container)
