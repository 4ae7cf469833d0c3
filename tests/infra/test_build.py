"""`sam build`, as users run it: the package of the Lambda functions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def package(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the built functions, made by whatever Python runs the tests."""
    project = tmp_path_factory.mktemp("build")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(root / name, project)
    for name in ("functions", "statemachine"):
        shutil.copytree(root / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}
    command = [str(BIN / "sam"), "build"]
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr
    (built,) = [path for path in (project / ".aws-sam" / "build").iterdir() if path.is_dir()]
    return built


def test_all_functions_share_one_build_with_their_code(package: Path, root: Path) -> None:
    for source in (root / "functions").rglob("*.py"):
        assert (package / source.relative_to(root / "functions")).read_bytes() == source.read_bytes()


def test_the_wheels_are_lambdas_whatever_python_is_here(package: Path) -> None:
    compiled = {path.name for path in package.rglob("*.so")}
    assert compiled
    assert all("cpython-313-x86_64" in name for name in compiled), compiled


def test_what_lambda_has_already_is_not_packaged(package: Path) -> None:
    names = {path.name for path in package.iterdir()}
    assert {"aws_lambda_powertools", "pydantic", "pipeline"} <= names
    assert not names & {"boto3", "botocore", "moto", "pip"}
