"""Packages a template: zips the code its functions run, and puts code and definitions where CloudFormation finds them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from emulator.cloudformation.template import parse

if TYPE_CHECKING:
    from pathlib import Path

# The earliest moment a zip file can tell, so that equal sources give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LOCAL_PROPERTIES = {
    "AWS::Serverless::Function": ("CodeUri", ".zip"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", ".json"),
}


class PackagingError(Exception):
    """Something the template names on disk cannot be packaged."""


def zip_code(folder: Path) -> bytes:
    """Return the Python sources under `folder` as a zip file; the same sources give the same bytes.

    Libraries are not in it: the emulator's functions take them from its own environment.

    Raises:
        PackagingError: the folder is missing or has no Python source.
    """
    sources = sorted(
        path
        for path in folder.rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not sources:
        raise PackagingError(f"{folder} has no Python source to package")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sources:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return content.getvalue()


def package(template_path: Path, s3: Any, bucket: str) -> str:
    """`template_path` as JSON, with local paths of code and definitions replaced by places in `bucket`.

    They are written as `sam package` writes them, a URI for code and an object for a definition, since `sam delete`
    reads them back.

    Args:
        template_path: SAM or CloudFormation template; local paths are relative to its folder.
        s3: boto3 client that the files are uploaded with.
        bucket: existing bucket for them.

    Raises:
        PackagingError: the template or a local file cannot be read.
        TemplateError: it is no template.
    """
    try:
        document = parse(template_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackagingError(f"{template_path}: {error.strerror}") from error
    uploaded: dict[tuple[Path, str], Any] = {}

    def upload(value: Any, suffix: str) -> Any:
        if not isinstance(value, str) or value.startswith("s3://"):
            return value
        path = template_path.parent / value
        if (path, suffix) not in uploaded:
            content = _content(path, suffix)
            key = f"{hashlib.sha256(content).hexdigest()}{suffix}"
            s3.put_object(Bucket=bucket, Key=key, Body=content)
            uploaded[path, suffix] = f"s3://{bucket}/{key}" if suffix == ".zip" else {"Bucket": bucket, "Key": key}
        return uploaded[path, suffix]

    function_defaults = (document.get("Globals") or {}).get("Function") or {}
    if "CodeUri" in function_defaults:
        function_defaults["CodeUri"] = upload(function_defaults["CodeUri"], ".zip")
    for resource in document["Resources"].values():
        name, suffix = _LOCAL_PROPERTIES.get(resource["Type"], ("", ""))
        properties = resource.get("Properties") or {}
        if name in properties:
            properties[name] = upload(properties[name], suffix)
    return json.dumps(document)


def _content(path: Path, suffix: str) -> bytes:
    if suffix == ".zip" and path.is_dir():
        return zip_code(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackagingError(f"{path}: {error.strerror}") from error
