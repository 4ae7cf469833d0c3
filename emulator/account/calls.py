"""Tells from a request's head which service is called, which action of it, where, and for whom."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from emulator.account.plan import INVOKE
from emulator.endpoint import DEFAULT_REGION

if TYPE_CHECKING:
    from collections.abc import Callable

SAGEMAKER, STEP_FUNCTIONS, LAMBDA, S3 = "sagemaker", "states", "lambda", "s3"
_TARGETS = {"SageMaker": SAGEMAKER, "AWSStepFunctions": STEP_FUNCTIONS}
_INVOKED = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
# Of a request's JSON: the names, ARNs last, of what Step Functions' actions are about.
_ARNS = ("stateMachineArn", "executionArn", "mapRunArn")
# What makes a GET of a bucket something else than a list of objects.
_LISTING = frozenset(
    {"continuation-token", "delimiter", "encoding-type", "fetch-owner", "list-type", "marker", "max-keys"}
    | {"prefix", "start-after"}
)
_NOT_THE_OBJECT = frozenset(
    {"acl", "attributes", "legal-hold", "renameObject", "restore", "retention", "select", "tagging", "torrent"}
)


@dataclass(frozen=True)
class Call:
    """One API call.

    Attributes:
        service: SAGEMAKER, STEP_FUNCTIONS, LAMBDA or S3.
        action: such as `CreateTrainingJob`.
        region: Region it is for.
        name: `bucket/key` of S3, the function's name of Lambda; empty for the others, whose body names it.
    """

    service: str
    action: str
    region: str
    name: str = ""

    def name_in(self, body: str) -> str:
        """For whom it is, of a call with this body; empty when it names nobody."""
        return self.name or _named(self.action, body)


def identify(environ: dict[str, Any]) -> Call | None:
    """Return the call that a WSGI request is; None for services and actions that no plan can name."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "") or unquote(_presigned(environ)))
    region, service = scope.groups() if scope else (DEFAULT_REGION, "")
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        prefix, _, action = target.rpartition(".")
        return Call(_TARGETS[prefix], action, region) if prefix in _TARGETS else None
    # WSGI hands on a path's bytes as if they were Latin-1.
    path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
    if service == LAMBDA:
        invoked = _INVOKED.fullmatch(path) if environ.get("REQUEST_METHOD") == "POST" else None
        return Call(LAMBDA, INVOKE, region, _function_name(unquote(invoked[1]))) if invoked else None
    return _s3_call(environ, path, region) if service == S3 else None


def _presigned(environ: dict[str, Any]) -> str:
    query: str = environ.get("QUERY_STRING", "")
    return query.replace("X-Amz-Credential=", "Credential=") if "X-Amz-Credential=" in query else ""


def _function_name(named: str) -> str:
    """From a name, a partial ARN or an ARN, with or without a version."""
    parts = named.split(":")
    return parts[parts.index("function") + 1] if "function" in parts[:-1] else parts[0]


def _s3_call(environ: dict[str, Any], path: str, region: str) -> Call | None:
    host, inside, _ = environ.get("HTTP_HOST", "").partition(".localhost")
    where = f"{host}/{path.lstrip('/')}" if inside else path.lstrip("/")
    bucket, _, key = where.partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    method = environ.get("REQUEST_METHOD", "")
    if key:
        action = _object_action(method, query, copies="HTTP_X_AMZ_COPY_SOURCE" in environ)
    else:
        action = _bucket_action(method, query)
        key = query.get("prefix", [""])[0]
    return Call(S3, action, region, f"{bucket}/{key}") if bucket and action else None


def _bucket_action(method: str, query: dict[str, list[str]]) -> str:
    if method == "POST" and "delete" in query:
        return "DeleteObjects"
    if method == "GET" and "versions" in query:
        return "ListObjectVersions"
    if method == "GET" and all(name in _LISTING or name.lower().startswith("x-") for name in query):
        return "ListObjectsV2" if query.get("list-type") == ["2"] else "ListObjects"
    return ""


def _object_action(method: str, query: dict[str, list[str]], *, copies: bool) -> str:
    if not _NOT_THE_OBJECT.isdisjoint(query):
        return ""
    in_parts = "uploadId" in query
    choose: dict[str, Callable[[], str]] = {
        "GET": lambda: "" if in_parts else "GetObject",
        "HEAD": lambda: "HeadObject",
        "PUT": lambda: "UploadPart" if in_parts else "CopyObject" if copies else "PutObject",
        "DELETE": lambda: "AbortMultipartUpload" if in_parts else "DeleteObject",
        "POST": lambda: (
            "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload" if in_parts else ""
        ),
    }
    return choose[method]() if method in choose else ""


def _named(action: str, body: str) -> str:
    """Return the name in a JSON request: `TrainingJobName` of a CreateTrainingJob, the end of an ARN else."""
    try:
        request = json.loads(body or "{}")
    except ValueError:
        return ""
    if not isinstance(request, dict):
        return ""
    if isinstance(tagged := request.get("ResourceArn"), str):
        return tagged.rpartition("/")[2]
    noun = re.sub(r"^[A-Z][a-z]+", "", action)
    name = request.get(f"{noun}Name")
    if name is None:
        name = next((str(request[arn]).rpartition(":")[2] for arn in _ARNS if arn in request), request.get("name"))
    return name if isinstance(name, str) else ""
