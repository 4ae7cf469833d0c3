"""The project's own image: what is in it and what is not."""

from __future__ import annotations

import json

from .engine import docker


def shell(image: str, script: str) -> str:
    """What a script prints inside."""
    return docker("run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", script)


def test_both_commands_are_on_the_path(image: str) -> None:
    found = shell(image, "command -v train; command -v serve").split()
    assert found == ["/usr/local/bin/train", "/usr/local/bin/serve"]


def test_python_is_the_one_that_the_functions_have(image: str) -> None:
    assert shell(image, "python3 --version").startswith("Python 3.13.")


def test_nothing_is_left_that_builds_or_downloads(image: str) -> None:
    tools = "cc gcc g++ ld make pip pip3 curl wget git"
    assert not shell(image, f"for tool in {tools}; do command -v $tool || true; done")


def test_no_python_in_it_can_install(image: str) -> None:
    found = "import importlib.util; print(importlib.util.find_spec('pip'))"
    for python in ("python3", "$(readlink -f /opt/venv/bin/python3)"):
        assert shell(image, f'{python} -c "{found}"') == "None"


def test_nothing_of_the_build_is_left(image: str) -> None:
    folders = "/build /var/lib/apt/lists /var/cache/apt"
    assert not shell(image, f"find {folders} -type f 2>/dev/null || true")


def test_it_serves_unless_told_otherwise_and_runs_on_sagemakers_processor(image: str) -> None:
    (told,) = json.loads(docker("image", "inspect", image))
    assert (told["Os"], told["Architecture"]) == ("linux", "amd64")
    assert told["Config"]["Cmd"] == ["serve"]
    # SageMaker runs `IMAGE train`: an entry point would get the word as an argument.
    assert not told["Config"].get("Entrypoint")
    assert "8080/tcp" in told["Config"]["ExposedPorts"]
