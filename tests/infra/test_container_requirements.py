"""What the container is made of: exact versions of the lock file, as wheels for every machine that it runs on."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

UV = Path(sys.executable).with_name("uv")
PYTHON = "3.13"
# What LightGBM's Python package asks for, and its library does not.
UNWANTED = {"narwhals", "numpy", "scipy"}


@dataclass(frozen=True)
class Machine:
    """A kind of machine.

    Attributes:
        uv_name: what uv calls it.
        python_name: `sys.platform` there.
        library_start: how a library for its processor begins, as a pattern.
    """

    uv_name: str
    python_name: str
    library_start: bytes

    def __str__(self) -> str:
        """Names the test."""
        return self.uv_name


# The processor is e_machine of an ELF header (elf.h), and cputype of a Mach-O header (mach/machine.h).
MACHINES = (
    Machine("x86_64-unknown-linux-gnu", "linux", rb"\x7fELF.{14}\x3e\x00"),
    Machine("aarch64-unknown-linux-gnu", "linux", rb"\x7fELF.{14}\xb7\x00"),
    Machine("x86_64-apple-darwin", "darwin", rb"\xcf\xfa\xed\xfe\x07\x00\x00\x01"),
    Machine("aarch64-apple-darwin", "darwin", rb"\xcf\xfa\xed\xfe\x0c\x00\x00\x01"),
)


@pytest.fixture(scope="module")
def requirements(root: Path) -> Path:
    """The container's list of packages."""
    return root / "container" / "requirements.txt"


def _uv(*arguments: str, folder: Path) -> str:
    """What uv says."""
    ended = subprocess.run([UV, *arguments], cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def _install(machine: Machine, folder: Path, *words: str) -> str:
    """Installs for another machine into an empty folder, wheels only and no more than is named; what uv says."""
    wheels = ("--no-config", "--only-binary", ":all:", "--no-deps", "--target", str(folder / "packages"))
    return _uv(
        *("pip", "install", "--python-platform", machine.uv_name, "--python-version", PYTHON, *wheels, *words),
        folder=folder,
    )


def _pinned(requirements: Path) -> set[str]:
    return set(re.findall(r"^\S+==\S+", requirements.read_text(), re.MULTILINE))


def test_the_list_is_the_lock_files(root: Path, requirements: Path) -> None:
    told = _uv(
        "export", "--frozen", "--quiet", "--only-group", "container", "--no-hashes", "--no-header", folder=root
    )
    assert requirements.read_text().splitlines()[1:] == told.splitlines(), "run make lock"


def test_the_list_has_nothing_that_only_lightgbms_python_package_needs(requirements: Path) -> None:
    names = {line.split("==")[0] for line in _pinned(requirements)}
    assert "lightgbm" in names
    assert not names & UNWANTED


def test_the_container_imports_only_what_is_listed(requirements: Path) -> None:
    listed = {line.split("==")[0] for line in _pinned(requirements)}
    distributions = packages_distributions()
    for path in requirements.parent.rglob("*.py"):
        for module in _imported(path) - sys.stdlib_module_names - {"next_purchase"}:
            owners = {name.lower() for name in distributions[module]}
            assert listed & owners, f"{path.name} imports {module}"


def _imported(path: Path) -> set[str]:
    """The packages that a file imports anywhere, by their first name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_every_package_has_a_wheel_for_the_machine(machine: Machine, requirements: Path, tmp_path: Path) -> None:
    told = _install(machine, tmp_path, "--dry-run", "--requirement", str(requirements))
    wanted = {line for line in _pinned(requirements) if not line.startswith("colorama")}
    assert set(re.findall(r"^ \+ (\S+)", told, re.MULTILINE)) == wanted


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_lightgbms_wheel_has_the_library_where_the_container_looks(
    machine: Machine, requirements: Path, root: Path, tmp_path: Path
) -> None:
    (lightgbm,) = (line for line in _pinned(requirements) if line.startswith("lightgbm=="))
    _install(machine, tmp_path, lightgbm)
    script = (
        "from next_purchase import lightgbm_library; import sys; "
        f"sys.platform = {machine.python_name!r}; print(lightgbm_library.library_path())"
    )
    places = os.pathsep.join([str(tmp_path / "packages"), str(root / "container")])
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": places}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    library = Path(ended.stdout.strip())
    assert library.is_relative_to(tmp_path)
    assert re.match(machine.library_start, library.read_bytes(), re.DOTALL)
