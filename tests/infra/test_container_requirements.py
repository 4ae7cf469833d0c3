"""What the container is made of: exact versions of the lock file, as wheels for every machine that it runs on."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.programs import run_program

UV = Path(sys.executable).with_name("uv")
PYTHON = "3.13"


# As uv calls them.
MACHINES = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
)


@pytest.fixture(scope="module")
def requirements(root: Path) -> Path:
    """Return the container's list of packages."""
    return root / "container" / "requirements.txt"


def _uv(*arguments: str, folder: Path) -> str:
    """Return uv's output."""
    ended = run_program(UV, *arguments, folder=folder)
    return ended.stdout + ended.stderr


def _install(machine: str, folder: Path, *words: str) -> str:
    """Install for another machine into an empty folder, wheels only and no more than is named; what uv says."""
    wheels = ("--no-config", "--only-binary", ":all:", "--no-deps", "--target", str(folder / "packages"))
    return _uv(
        *("pip", "install", "--python-platform", machine, "--python-version", PYTHON, *wheels, *words),
        folder=folder,
    )


def _pinned(requirements: Path) -> set[str]:
    """Return the versions for the image's Python; development knows an older one as well."""
    lines = [line for line in requirements.read_text().splitlines() if "python_full_version < " not in line]
    return set(re.findall(r"^\S+==\S+", "\n".join(lines), re.MULTILINE))


def test_the_requirements_are_those_of_the_lock_file(root: Path, requirements: Path) -> None:
    told = _uv(
        "export", "--frozen", "--quiet", "--only-group", "container", "--no-hashes", "--no-header", folder=root
    )
    assert requirements.read_text().splitlines()[1:] == told.splitlines(), "run make lock"


def test_the_container_imports_only_what_is_listed(requirements: Path) -> None:
    listed = {line.split("==")[0] for line in _pinned(requirements)}
    distributions = packages_distributions()
    for path in requirements.parent.rglob("*.py"):
        for module in _imported(path) - sys.stdlib_module_names - {"next_purchase"}:
            owners = {name.lower() for name in distributions[module]}
            assert listed & owners, f"{path.name} imports {module}"


def _imported(path: Path) -> set[str]:
    """Return the packages that a file imports anywhere, by their first name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("machine", MACHINES)
def test_every_package_has_a_wheel_for_the_machine(machine: str, requirements: Path, tmp_path: Path) -> None:
    told = _install(machine, tmp_path, "--dry-run", "--requirement", str(requirements))
    wanted = {line for line in _pinned(requirements) if not line.startswith("colorama")}
    assert set(re.findall(r"^ \+ (\S+)", told, re.MULTILINE)) == wanted
