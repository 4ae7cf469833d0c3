"""The reference lives apart: its packages are its own group's, and the development environment has none of them."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

# What they are called in the index, where that is not how they are imported.
PACKAGES = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}


@pytest.fixture(scope="module")
def imported(root: Path) -> set[str]:
    """Return what the reference imports that is neither Python's nor its own."""
    names = set()
    for path in (root / "benchmarks" / "reference").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
    return names - sys.stdlib_module_names


def test_all_that_the_reference_imports_is_in_its_group(imported: set[str], root: Path) -> None:
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    listed = {re.match(r"[\w-]+", requirement)[0] for requirement in groups["reference"]}  # type: ignore[index]
    assert {PACKAGES.get(name, name) for name in imported} <= listed
    assert {"pandas", "scikit-learn", "xgboost-cpu", "gunicorn", "lifelines", "lifetimes", "lightgbm"} <= listed


def test_nothing_of_ours_has_a_part_in_the_reference(imported: set[str]) -> None:
    assert imported
    assert not imported & {"automlops", "benchmarks", "next_purchase", "pipeline", "polars"}


def test_the_development_environment_leaves_the_reference_out(root: Path) -> None:
    (line,) = [line for line in (root / "Makefile").read_text().splitlines() if "--all-groups" in line]
    assert line.endswith("--no-group reference")
