"""Packaging of a template's code and definitions."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from emulator.packaging import PackagingError, package, zip_code

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {CodeUri: code/}}
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Handler: a.b}}
  G: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, CodeUri: code/}}
  H: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, CodeUri: s3://there/already}}
  M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: machine.asl.json}}
  I: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: {Bucket: b, Key: k}}}
"""


class Uploads:
    """What stands for S3: keeps what is put."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, **told: Any) -> None:
        self.objects[f"s3://{told['Bucket']}/{told['Key']}"] = told["Body"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "code" / "pipeline").mkdir(parents=True)
    (tmp_path / "code" / "a.py").write_text("b = 1")
    (tmp_path / "code" / "pipeline" / "__init__.py").write_text("")
    (tmp_path / "code" / "requirements.txt").write_text("boto3")
    (tmp_path / "code" / ".cache").mkdir()
    (tmp_path / "code" / ".cache" / "x.py").write_text("")
    (tmp_path / "machine.asl.json").write_text('{"StartAt": "A"}')
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path


def test_a_package_holds_the_python_sources_alone(project: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(zip_code(project / "code"))) as archive:
        assert archive.namelist() == ["a.py", "pipeline/__init__.py"]
        assert archive.read("a.py") == b"b = 1"


def test_the_same_sources_give_the_same_bytes(project: Path) -> None:
    before = zip_code(project / "code")
    os.utime(project / "code" / "a.py", (10**9, 10**9))
    assert zip_code(project / "code") == before
    (project / "code" / "a.py").write_text("b = 2")
    assert zip_code(project / "code") != before


def test_local_paths_become_uploads(project: Path) -> None:
    uploads = Uploads()
    document = json.loads(package(project / "template.yaml", uploads, "bucket"))
    uris = {name: resource["Properties"] for name, resource in document["Resources"].items()}
    code = document["Globals"]["Function"]["CodeUri"]
    assert uploads.objects[code] == zip_code(project / "code")
    assert uris["G"]["CodeUri"] == code
    assert "CodeUri" not in uris["F"]
    assert uris["H"]["CodeUri"] == "s3://there/already"
    definition = uris["M"]["DefinitionUri"]
    assert uploads.objects[f"s3://{definition['Bucket']}/{definition['Key']}"] == b'{"StartAt": "A"}'
    assert uris["I"]["DefinitionUri"] == {"Bucket": "b", "Key": "k"}
    assert len(uploads.objects) == 2


@pytest.mark.parametrize("gone", ["code", "machine.asl.json", "template.yaml"])
def test_what_is_missing_is_named(project: Path, gone: str) -> None:
    (project / gone).rename(project / "elsewhere")
    with pytest.raises(PackagingError, match=gone):
        package(project / "template.yaml", Uploads(), "bucket")
