"""What may import what (docs/architecture.md): rooms know the rooms below them alone, and one place talks to AWS."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

# Package to its rooms: each may import those before it. What lies in the package itself is "".
ROOMS = {
    "functions/pipeline": ["", "aws", "stored", "data", "jobs", "model", "summary", "preparation"],
    "automlops": ["", "aws", "tables", "quotas", "runs", "local"],
    "container/next_purchase": ["", "reading", "models", "fitting", "learning", "serving"],
}
IN_ORDER = [pytest.param(package, room, id=f"{package}/{room}") for package in ROOMS for room in ROOMS[package]]
# The one module outside the rooms that stands above them all: it imports a room where a subcommand needs it.
ABOVE_ALL = "automlops/main.py"
# Folder to those that it may import from, of the project's own.
ROOTS = {
    "functions": {"pipeline"},
    "functions/pipeline": {"pipeline"},
    "container": {"next_purchase"},
    "emulator": {"emulator"},
    "automlops": {"automlops", "emulator", "pipeline"},
}
OWN = {"automlops", "benchmarks", "emulator", "next_purchase", "pipeline", "tests"}
# boto3's exceptions and clients; types are for mypy alone.
AWS_LIBRARIES = {"boto3", "botocore"}
# Folder to the file, or the folder of files, that uses them.
TALKS_TO_AWS = {
    "functions": "pipeline/aws",
    "automlops": "aws/connection.py",
    "container": "next_purchase/storage.py",
}


def imported(path: Path, *, types: bool = True) -> Iterator[str]:
    """Return dotted names of the modules, or names in them, that a file imports anywhere in it.

    Args:
        path: the file.
        types: whether imports for type checkers alone count.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not types:
            skipped.update(child for statement in node.body for child in ast.walk(statement))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str, rooms: list[str]) -> str:
    """Return the room that a dotted name `package.…` lies in."""
    second = name.split(".")[1]
    return second if second in rooms else ""


@pytest.mark.parametrize(("package", "room"), IN_ORDER)
def test_a_room_imports_none_above_it(root: Path, package: str, room: str) -> None:
    rooms, folder = ROOMS[package], root / package
    above = rooms[rooms.index(room) + 1 :]
    files = [path for path in sorted((folder / room).glob("*.py")) if path != root / ABOVE_ALL]
    assert files
    found = {
        (path.name, name)
        for path in files
        for name in imported(path)
        if name.startswith(f"{folder.name}.") and room_of(name, rooms) in above
    }
    assert found == set()


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_has_its_place_in_the_order(root: Path, package: str) -> None:
    folders = {path.parent.name for path in (root / package).glob("*/*.py")}
    assert folders == set(ROOMS[package]) - {""}


def test_nothing_imports_the_command_line(root: Path) -> None:
    found = {
        str(path.relative_to(root))
        for path in (root / "automlops").rglob("*.py")
        if any(name.startswith("automlops.main") for name in imported(path))
    }
    assert found == set()


@pytest.mark.parametrize("folder", ROOTS)
def test_folders_import_one_way(root: Path, folder: str) -> None:
    pattern = "*.py" if folder == "functions" else "**/*.py"
    found = {
        (str(path.relative_to(root)), name)
        for path in (root / folder).glob(pattern)
        for name in imported(path)
        if name.split(".")[0] in OWN - ROOTS[folder]
    }
    assert found == set()


@pytest.mark.parametrize("folder", TALKS_TO_AWS)
def test_one_place_talks_to_aws(root: Path, folder: str) -> None:
    place = TALKS_TO_AWS[folder]
    found = {
        (path if place.endswith(".py") else path.parent).relative_to(root / folder).as_posix()
        for path in (root / folder).rglob("*.py")
        if any(name.split(".")[0] in AWS_LIBRARIES for name in imported(path, types=False))
    }
    assert found == {place}


def test_only_who_starts_an_emulator_knows_of_played_accounts(root: Path) -> None:
    found = {
        path.relative_to(root / "emulator").as_posix()
        for path in (root / "emulator").rglob("*.py")
        if path.parent.name != "account"
        and any(name.startswith("emulator.account") for name in imported(path, types=False))
    }
    assert found == {"serve.py"}


def test_the_emulators_modules_import_each_other_in_no_circle(root: Path) -> None:
    modules = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (root / "emulator").rglob("*.py")
    }
    # A package's own module imports its rooms for whoever imports the package.
    graph = {
        module: {name for found in imported(path, types=False) if (name := module_of(found, modules)) != module}
        for module, path in modules.items()
    }
    TopologicalSorter(graph).prepare()


def module_of(name: str, modules: Container[str]) -> str:
    """Return the module that an imported name is, or lies in; empty for one that is not among `modules`."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name
