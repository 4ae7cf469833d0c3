"""What a pipeline does, done on an emulator: make bootstrap, make release; and the roles' policies, held against it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from emulator.endpoint import ACCOUNT_ID, DEFAULT_REGION, Clients
from emulator.keys import keys_of, remember_keys
from emulator.server import Emulator
from tests.iam_policies import Document, allows, as_list, statements
from tests.programs import run_program
from tests.project_copy import copy_ready_project

PATIENCE_IN_SECONDS = 240
STACK = "automlops-dev"
SUBJECT = "SUBJECT=octocat@1/my-repo@2"
PULLING_ACCOUNT = "111122223333"
# What the targets need beside the application.
ROOMS = ("bootstrap.yaml", "benchmarks", "conftest.py", "tests")
DIGESTS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
# S3's operations as IAM calls them: method, whether there is a key, what the query begins with → action.
S3_ACTIONS = {
    ("GET", False, "location"): "s3:GetBucketLocation",
    ("GET", False, "list-type"): "s3:ListBucket",
    ("GET", True, ""): "s3:GetObject",
    ("HEAD", True, ""): "s3:GetObject",
    ("PUT", True, ""): "s3:PutObject",
}
# What the deploy role may do besides: a deployment that is large, fails or is looked into.
SPARE = {
    "cloudformation:DeleteChangeSet",
    "cloudformation:DescribeStackResources",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
    # A package that is not there yet is looked for; without it S3 answers 403 instead of 404.
    "s3:ListBucket",
}


@dataclass(frozen=True)
class Call:
    """A request as IAM judges it."""

    action: str
    resource: str
    role: str | None = None

    @property
    def context(self) -> dict[str, str]:
        """The request's condition keys."""
        return {"cloudformation:rolearn": self.role} if self.role else {}


def call_of(method: str, target: str, authorization: str, body: bytes) -> Call | None:
    """Which permission a request needs; None for what needs none."""
    region, service = authorization.split("Credential=")[1].split("/")[2:4]
    parts = urlsplit(target)
    if service == "s3":
        bucket, _, key = parts.path.strip("/").partition("/")
        action = S3_ACTIONS[method, bool(key), parts.query.split("=")[0].split("&")[0]]
        return Call(action, f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else ""))
    told = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if service == "sts":
        assert told["Action"] == "GetCallerIdentity"
        return None
    assert service == "cloudformation", (service, target)
    stack = told["StackName"]
    arn = f"arn:aws:cloudformation:{region}:{ACCOUNT_ID}:stack/{stack}/*"
    return Call(
        f"cloudformation:{told['Action']}", stack if stack.startswith("arn:") else arn, told.get("RoleARN")
    )


class Recorder:
    """Hands requests on to the emulator and keeps which permissions they need."""

    def __init__(self, url: str) -> None:
        self.calls: list[Call] = []
        recorder, emulator = self, urlsplit(url).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                call = call_of(self.command, self.path, self.headers["Authorization"], body)
                if call:
                    recorder.calls.append(call)
                connection = HTTPConnection(emulator, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                        self.send_header(name, value)
                is_head = self.command == "HEAD"
                length = answer.headers.get("Content-Length", "0") if is_head else str(len(content))
                self.send_header("Content-Length", length)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = _hand_on  # noqa: N815 - the names that http.server calls

            def log_message(self, *_arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


@dataclass
class Pipeline:
    """A copy of the project, an emulator, and what bootstrap made on it for the environment dev."""

    folder: Path
    clients: Clients
    recorder: Recorder
    variables: dict[str, str]

    def policies(self, role_arn: str) -> list[Document]:
        """Return the role's inline policies."""
        iam, name = self.clients.get("iam"), role_arn.split("/")[-1]
        return [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]


def make(folder: Path, url: str, *words: str) -> str:
    """Call make in the copy; return what it printed."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    aws = {
        "AWS_ENDPOINT_URL": url,
        **keys_of(url).variables,
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_POLL_DELAY": "0.1",
    }
    return run_program("make", "--silent", *words, folder=folder, environment=mine | aws).stdout


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Return the environment dev after its bootstrap and two deployments; `make` takes this Python's packages as set up."""
    folder = copy_ready_project(tmp_path_factory.mktemp("roles") / "project", *ROOMS)
    with Emulator() as emulator:
        told = make(folder, emulator.url, "bootstrap", "ENV=dev", SUBJECT, f"PULLING_ACCOUNTS={PULLING_ACCOUNT}")
        variables = dict(line.split("=", 1) for line in told.splitlines())
        recorder = Recorder(emulator.url)
        remember_keys(recorder.url, emulator.settings.keys)
        found = Pipeline(folder, Clients(emulator.url), recorder, variables)
        try:
            for image in DIGESTS:
                make(folder, recorder.url, "release", *released(variables, image))
            yield found
        finally:
            recorder.stop()


def released(variables: dict[str, str], digest: str) -> list[str]:
    """Words for make release."""
    names = ("STACK", "ARTIFACT_BUCKET", "CLOUDFORMATION_ROLE_ARN", "PERMISSIONS_BOUNDARY_ARN")
    return [
        "ENV=dev",
        f"IMAGE_URI={variables['IMAGE_REPOSITORY']}@{digest}",
        *(f"{name}={variables[name]}" for name in names),
    ]


def test_the_stack_is_deployed_with_the_digest_the_boundary_and_cloudformations_role(pipeline: Pipeline) -> None:
    (stack,) = pipeline.clients.get("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert stack["RoleARN"] == pipeline.variables["CLOUDFORMATION_ROLE_ARN"]
    assert parameters["ImageUri"].endswith(f"/automlops@{DIGESTS[1]}")
    assert parameters["PermissionsBoundaryArn"] == pipeline.variables["PERMISSIONS_BOUNDARY_ARN"]
    assert {"Key": "automlops:stack", "Value": STACK} in stack["Tags"]


def test_every_role_of_the_stack_is_bounded(pipeline: Pipeline) -> None:
    pages = pipeline.clients.get("cloudformation").get_paginator("list_stack_resources")
    resources = [one for page in pages.paginate(StackName=STACK) for one in page["StackResourceSummaries"]]
    roles = [one["PhysicalResourceId"] for one in resources if one["ResourceType"] == "AWS::IAM::Role"]
    assert len(roles) == 8
    for name in roles:
        role: Any = pipeline.clients.get("iam").get_role(RoleName=name)["Role"]
        boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert boundary == pipeline.variables["PERMISSIONS_BOUNDARY_ARN"]


def test_packages_go_to_bootstraps_bucket_and_sam_makes_none(pipeline: Pipeline) -> None:
    stacks = pipeline.clients.get("cloudformation").list_stacks()["StackSummaries"]
    assert {one["StackName"] for one in stacks} == {STACK, "bootstrap-automlops-dev"}
    bucket = pipeline.variables["ARTIFACT_BUCKET"]
    keys = [one["Key"] for one in pipeline.clients.get("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys
    assert all(key.startswith(f"{STACK}/") for key in keys)


def test_the_deploy_role_may_do_all_that_sam_does(pipeline: Pipeline) -> None:
    policies = pipeline.policies(pipeline.variables["DEPLOY_ROLE_ARN"])
    calls = pipeline.recorder.calls
    assert {"cloudformation:ExecuteChangeSet", "s3:PutObject"} <= {call.action for call in calls}
    refused = {call for call in calls if not allows(policies, call.action, call.resource, call.context)}
    assert not refused
    planned = [call for call in calls if call.action == "cloudformation:CreateChangeSet"]
    assert len(planned) == 2
    transform = f"arn:aws:cloudformation:{DEFAULT_REGION}:aws:transform/Serverless-2016-10-31"
    for call in planned:
        assert allows(policies, call.action, transform)
        passed = {"iam:passedtoservice": "cloudformation.amazonaws.com"}
        assert call.role
        assert allows(policies, "iam:PassRole", call.role, passed)


def test_the_smoke_role_may_do_what_make_smoke_does_and_no_more(root: Path, pipeline: Pipeline) -> None:
    """The list is held against the smoke run itself where it is made."""
    policies = pipeline.policies(pipeline.variables["SMOKE_ROLE_ARN"])
    allowed = {action for one in statements(policies) for action in as_list(one["Action"])}
    assert sorted(allowed) == json.loads((root / "tests" / "integration" / "smoke_actions.json").read_text())


def test_the_deploy_role_may_do_little_else(pipeline: Pipeline) -> None:
    policies = pipeline.policies(pipeline.variables["DEPLOY_ROLE_ARN"])
    allowed = {action for one in statements(policies) for action in as_list(one["Action"])}
    assert allowed - {call.action for call in pipeline.recorder.calls} == SPARE | {"iam:PassRole"}


def test_bootstrap_again_keeps_what_was_told_and_tells_the_same(pipeline: Pipeline) -> None:
    url = pipeline.clients.get("s3").meta.endpoint_url
    told = make(pipeline.folder, url, "bootstrap", "ENV=dev", SUBJECT)
    assert dict(line.split("=", 1) for line in told.splitlines()) == pipeline.variables
    policy = pipeline.clients.get("ecr").get_repository_policy(repositoryName="automlops")["policyText"]
    assert PULLING_ACCOUNT in policy


def test_a_second_environment_of_the_account_is_bootstrapped_beside_it(pipeline: Pipeline) -> None:
    url = pipeline.clients.get("s3").meta.endpoint_url
    words = ["ENV=prod", SUBJECT, "MAKE_OIDC_PROVIDER=false", "MAKE_IMAGE_REPOSITORY=false"]
    told = dict(line.split("=", 1) for line in make(pipeline.folder, url, "bootstrap", *words).splitlines())
    assert told.keys() == {name for name in pipeline.variables if not name.startswith("IMAGE_")}
    assert {name for name in told if told[name] == pipeline.variables[name]} == {"AWS_REGION"}
    assert told["STACK"] == "automlops-prod"


def test_two_tiny_items_run_on_the_stack_that_the_pipeline_deployed(pipeline: Pipeline) -> None:
    url = pipeline.clients.get("s3").meta.endpoint_url
    told = make(pipeline.folder, url, "smoke", f"STACK={STACK}")
    assert f"on the stack {STACK}" in told
    assert "verdict SUCCEEDED: 2 of 2 items succeeded" in told
    assert "removed 18 object versions and 0 models" in told


def test_the_package_is_built_and_its_size_is_told(pipeline: Pipeline) -> None:
    url = pipeline.clients.get("s3").meta.endpoint_url
    make(pipeline.folder, url, "build")
    assert (pipeline.folder / ".aws-sam" / "build" / "template.yaml").is_file()
    make(pipeline.folder, url, "bench", "ONLY=package")
    measures = json.loads((pipeline.folder / "build" / "bench.json").read_text())
    assert [measure["met"] for measure in measures] == [True, True]


def test_release_without_what_bootstrap_made_is_refused(root: Path) -> None:
    ended = subprocess.run(
        ["make", "--silent", "release", "STACK=x"],
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "IMAGE_URI is not told" in ended.stderr


def test_a_boundary_comes_to_a_role_and_goes_without_a_new_role(pipeline: Pipeline) -> None:
    """A stack that was deployed by hand gets its boundary at the pipeline's first deployment."""
    cloudformation, iam = pipeline.clients.get("cloudformation"), pipeline.clients.get("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    properties: dict[str, Any] = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "RoleName": "by-hand",
    }
    seen: list[str] = []
    for boundary in (None, pipeline.variables["PERMISSIONS_BOUNDARY_ARN"], None):
        told = properties | ({"PermissionsBoundary": boundary} if boundary else {})
        text = json.dumps({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": told}}})
        change = cloudformation.update_stack if seen else cloudformation.create_stack
        change(StackName="by-hand", TemplateBody=text, Capabilities=["CAPABILITY_NAMED_IAM"])
        role = iam.get_role(RoleName="by-hand")["Role"]
        seen.append(role["RoleId"])
        assert role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") == boundary
    cloudformation.delete_stack(StackName="by-hand")
    assert len(set(seen)) == 1
