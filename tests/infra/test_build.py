"""`sam build`, as users run it: the package of the Lambda functions, from machines with one Python and no compiler."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from samcli.lib.package.utils import make_zip_with_lambda_permissions, zip_folder

from benchmarks.pythons import find_python
from benchmarks.sam_build import copy_project
from tests.programs import run_program

BIN = Path(sys.executable).parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Lambda's name of a processor: in names of compiled modules, and as e_machine of an ELF header (elf.h).
PROCESSORS = {"x86_64": ("x86_64", 62), "arm64": ("aarch64", 183)}
# What Lambda's runtime brings, what the functions gave up, what only tests or shells run.
UNWANTED = {"boto3", "botocore", "jmespath", "moto", "msgspec", "tests", "test", "bin", "__pycache__"}
LARGEST_ZIP_IN_BYTES = 5_000_000
HANDLERS = {
    "prepare_run", "aws_training_job", "aws_create_model", "aws_batch_transform", "follow_job", "summarize_run",
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A folder that is all there is on the PATH: one Python, sam and uv in it; no compiler, no Docker."""

    path: Path

    def build(self, project: Path, *options: str, umask: int = 0o022) -> Path:
        """Run `sam build` in the project's folder; return the one folder that it makes."""
        # Settings of whoever runs the tests would lead uv to their Pythons.
        told = ("AWS_", "SAM_CLI_", "UV_COMPILE_BYTECODE", "UV_PYTHON", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(told)}
        environment = {
            **kept,
            "PATH": str(self.path),
            "SAM_CLI_TELEMETRY": "0",
            "UV_PYTHON_PREFERENCE": "only-system",
        }
        run_program(self.path / "sam", "build", *options, folder=project, environment=environment, umask=umask)
        (built,) = [entry for entry in (project / ".aws-sam" / "build").iterdir() if entry.is_dir()]
        return built


@dataclass(frozen=True)
class Build:
    """A built project.

    Attributes:
        package: the folder that sam zips for Lambda.
        template: template.yaml beside it, as sam wrote it.
        architecture: Lambda's name of the processor it is for.
    """

    package: Path
    template: dict[str, Any]
    architecture: str


@pytest.fixture(scope="module")
def machine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Machine]:
    """Return the machine whose only Python is of the given version, made when first asked for; sam is the locked one."""
    made: dict[str, Machine] = {}
    uv = str(BIN / "uv") if (BIN / "uv").exists() else "uv"

    def make(version: str) -> Machine:
        if version not in made:
            if (python := find_python(version)) is None:
                pytest.skip(f"there is no Python {version} on this machine")
            home = tmp_path_factory.mktemp(f"python{version}")
            venv, locked = home / "venv", home / "locked.txt"
            for command in (
                ["export", "--frozen", "--only-group", "dev", "--no-hashes", "--output-file", locked],
                ["venv", "--no-project", "--python", python, venv],
                ["pip", "install", "--no-config", "--python", venv, "--constraints", locked, "aws-sam-cli"],
            ):
                run_program(uv, "--quiet", *map(str, command), folder=root)
            (venv / "bin" / "uv").symlink_to(shutil.which(uv) or uv)
            made[version] = Machine(venv / "bin")
        return made[version]

    return make


@pytest.fixture(
    scope="module",
    params=[(version, architecture) for version in PYTHONS for architecture in PROCESSORS],
    ids=lambda param: "-".join(param),
)
def build(
    request: pytest.FixtureRequest,
    machine: Callable[[str], Machine],
    tmp_path_factory: pytest.TempPathFactory,
) -> Build:
    """Return the package for one processor, built where there is no other Python than this one."""
    version, architecture = request.param
    project = copy_project(tmp_path_factory.mktemp("build") / "project")
    options = [] if architecture == "x86_64" else ["--parameter-overrides", f"Architecture={architecture}"]
    package = machine(version).build(project, *options)
    return Build(package, yaml.safe_load((package.parent / "template.yaml").read_text()), architecture)


def test_all_functions_share_one_build_and_find_their_handlers_in_it(build: Build) -> None:
    resources = build.template["Resources"].values()
    functions = [one["Properties"] for one in resources if one["Type"] == "AWS::Serverless::Function"]
    assert {function["Handler"] for function in functions} == {f"{name}.lambda_handler" for name in HANDLERS}
    assert {function["CodeUri"] for function in functions} == {build.package.name}
    assert {path.stem for path in build.package.glob("*.py")} >= HANDLERS


def test_compiled_modules_are_built_for_lambda_with_any_python(build: Build) -> None:
    name, e_machine = PROCESSORS[build.architecture]
    compiled = list(build.package.rglob("*.so*"))
    assert compiled
    for path in compiled:
        header = path.read_bytes()[:20]
        assert header[:4] == b"\x7fELF", path
        assert int.from_bytes(header[18:20], "little") == e_machine, path
        assert f".cpython-313-{name}-linux-gnu" in path.name


def test_package_is_the_code_and_the_listed_distributions_and_nothing_else(build: Build, root: Path) -> None:
    package = build.package
    sources = {
        path.relative_to(root / "functions")
        for path in (root / "functions").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for source in sources:
        assert (package / source).read_bytes() == (root / "functions" / source).read_bytes()
    listed = [
        line.split("==") for line in (root / "functions" / "requirements.txt").read_text().split() if "==" in line
    ]
    assert listed
    records = [package / f"{name.replace('-', '_')}-{version}.dist-info" / "RECORD" for name, version in listed]
    recorded = {Path(line.split(",")[0]) for record in records for line in record.read_text().splitlines()}
    # The lock is uv's own, and empty.
    expected = sources | recorded | {Path(".lock")}
    assert {path.relative_to(package) for path in package.rglob("*") if path.is_file()} == expected


def test_package_holds_only_what_runs(build: Build) -> None:
    for path in build.package.rglob("*"):
        assert path.name.split("-")[0] not in UNWANTED, path
        assert path.suffix != ".pyc", path


def test_package_is_small(build: Build) -> None:
    assert _upload(build.package).size_in_bytes <= LARGEST_ZIP_IN_BYTES


def test_two_machines_upload_the_same_bytes(machine: Callable[[str], Machine], tmp_path: Path) -> None:
    """Other folder, Python, umask, file times and order of writing; then once more from sam's own cache.

    The order of a zip's members is left out of the comparison: it is the file system's. SAM names the upload by
    sorted paths and contents, so nothing is uploaded a second time for it.
    """
    present = [version for version in PYTHONS if find_python(version)]
    first = copy_project(tmp_path / "first")
    second = copy_project(tmp_path / "another place" / "with a longer path")
    for number, path in enumerate(sorted(second.rglob("*.py"), reverse=True)):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    packages = [
        machine(present[0]).build(first, umask=0o022),
        machine(present[-1]).build(second, umask=0o077),
    ]
    wanted = _upload(packages[0])
    other = _upload(packages[1])
    assert (other.key, other.members) == (wanted.key, wanted.members)
    again = _upload(machine(present[0]).build(first))
    assert (again.key, again.members) == (wanted.key, wanted.members)


def test_functions_folder_holds_only_what_is_deployed(root: Path) -> None:
    """The builder takes whatever lies there, but for a fixed list of names."""
    stray = [
        path
        for path in (root / "functions").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and path.name != "requirements.txt"
    ]
    assert not stray, "these would be deployed"


@dataclass(frozen=True)
class _Upload:
    """What `sam deploy` uploads for a function.

    Attributes:
        key: name in the bucket, which decides whether it is uploaded at all.
        members: name, mode, time and digest of each file, by name.
        size_in_bytes: of the zip.
    """

    key: str
    members: tuple[tuple[str, int, tuple[int, ...], str], ...]
    size_in_bytes: int


def _upload(package: Path) -> _Upload:
    with zip_folder(str(package), zip_method=make_zip_with_lambda_permissions) as (path, key):
        with zipfile.ZipFile(path) as archive:
            members = [
                (one.filename, one.external_attr, one.date_time, hashlib.sha256(archive.read(one)).hexdigest())
                for one in archive.infolist()
            ]
        return _Upload(key, tuple(sorted(members)), Path(path).stat().st_size)
