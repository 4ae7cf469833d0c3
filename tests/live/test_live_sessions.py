"""Whole live sessions, as processes of their own, where an emulator stands for the account."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from automlops.aws.connection import connect_emulator
from automlops.local.emulator_process import COMMAND, local_emulator
from automlops.tables.items import make_sample
from emulator.deployment import deploy
from emulator.endpoint import DEFAULT_REGION
from emulator.keys import keys_of, make_keys, remember_keys
from tests.integration.conftest import NAIVE
from tests.live.removal import Remover
from tests.live.stack import Looks, Stack, open_stack
from tests.programs import run_program

STACK = "automlops"
IMAGE = f"123456789012.dkr.ecr.{DEFAULT_REGION}.amazonaws.com/automlops:held"
# The project's own container, which waits at its start while a file asks for it.
HELD = """
import pathlib, runpy, sys, time
from tests.programs import run_program
hold = pathlib.Path(__file__).with_name(f"hold-{sys.argv[-1]}")
for _ in range(6000):
    if not hold.exists():
        break
    time.sleep(0.1)
sys.path.insert(0, CONTAINER)
sys.argv[0] = CONTAINER + "/entrypoint.py"
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TIMEOUT_IN_SECONDS = 200


@pytest.fixture(scope="module")
def held(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a command that stands for the stack's image; `hold-train` and `hold-serve` beside it make it wait."""
    program = tmp_path_factory.mktemp("image") / "held.py"
    program.write_text(HELD.replace("CONTAINER", repr(str(root / "container"))))
    return program


@pytest.fixture(scope="module")
def account(held: Path) -> Iterator[str]:
    """URL of an emulator with the stack deployed."""
    command = shlex.join([sys.executable, str(held)])
    with local_emulator([*COMMAND, "--image", f"{IMAGE}={command}", *NAIVE]) as url:
        yield url


@pytest.fixture(scope="module")
def owner(account: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Return the stack as somebody uses it every day: two runs of an item, and names that look a little like a session's."""
    stack = open_stack(connect_emulator(account), STACK, prefix="")
    (part,) = make_sample(tmp_path_factory.mktemp("sample"), 1, seed=2).parts
    items = ["France", "test-0123abcd", "xtest-0123abcd-a"]
    for item in items:
        stack.upload(item, part.path.read_bytes())
    stack.upload("France", part.path.read_bytes() + b"\n")
    assert stack.run({"itemList": items}, "daily").description["status"] == "SUCCEEDED"
    assert stack.run({"itemList": ["France"]}, "test-0123abcd").description["status"] == "SUCCEEDED"
    return stack


def environment_for(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    place = {"AWS_ENDPOINT_URL": url, "AWS_REGION": DEFAULT_REGION, "AWS_CONFIG_FILE": os.devnull}
    return kept | keys_of(url).variables | place


def start_session(root: Path, url: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--live", *words],
        cwd=root,
        env=environment_for(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_session(root: Path, url: str, *words: str) -> tuple[int, str]:
    """Exit code and output."""
    process = start_session(root, url, *words)
    try:
        output, _ = process.communicate(timeout=TIMEOUT_IN_SECONDS)
    finally:
        process.kill()
    return process.returncode, output


def everything(stack: Stack) -> dict[str, Any]:
    """All that there is, but for the descriptions of ended jobs: object versions with their content, models, machines."""
    found: dict[str, Any] = {}
    s3, sagemaker = stack.client("s3"), stack.client("sagemaker")
    for bucket in (stack.outputs["DataBucketName"], stack.outputs["OutputBucketName"]):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                key, version = entry["Key"], entry["VersionId"]
                body = s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
                found[f"s3://{bucket}/{key}?{version}"] = (entry["IsLatest"], body)
    for page in sagemaker.get_paginator("list_models").paginate():
        for model in page["Models"]:
            found[model["ModelArn"]] = model["CreationTime"]
    return found


def running_jobs(stack: Stack) -> list[str]:
    sagemaker = stack.client("sagemaker")
    return [
        job[f"{noun}Name"]
        for noun, method in (
            ("TrainingJob", sagemaker.list_training_jobs),
            ("TransformJob", sagemaker.list_transform_jobs),
        )
        for status in ("InProgress", "Stopping")
        for job in method(StatusEquals=status)[f"{noun}Summaries"]
    ]


def running_executions(stack: Stack) -> list[str]:
    answer = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs["StateMachineArn"], statusFilter="RUNNING"
    )
    return [entry["name"] for entry in answer["executions"]]


def actions_in(output: str) -> set[str]:
    (line,) = re.findall(r"^asked of AWS: (.+)$", output, re.MULTILINE)
    return set(line.split())


@pytest.fixture(scope="module")
def before(owner: Stack) -> dict[str, Any]:
    """Return what there was before any session."""
    return everything(owner)


@pytest.fixture(scope="module")
def smoke(root: Path, account: str, before: dict[str, Any]) -> str:
    """Output of a session that went well."""
    assert len(before) > 10
    code, output = run_session(root, account, STACK, "-m", "smoke", "--price-per-hour", "0.12")
    assert code == 0, output
    return output


@contextmanager
def holding(held: Path, step: str) -> Iterator[None]:
    """While this lasts, the image waits at the start of `train` or `serve`."""
    hold = held.with_name(f"hold-{step}")
    hold.touch()
    try:
        yield
    finally:
        hold.unlink()


@pytest.fixture(scope="module")
def interrupted(
    root: Path, held: Path, account: str, owner: Stack, before: dict[str, Any]
) -> Callable[[str, signal.Signals], tuple[int, str, str]]:
    """End a session by a signal while a job is at `train` or `serve`: exit code, output, and the job's name."""
    done: dict[str, tuple[int, str, str]] = {}

    def run(step: str, number: signal.Signals) -> tuple[int, str, str]:
        if step in done:
            return done[step]
        kind = {"train": "training-job-test", "serve": "batch-transform-job-test"}[step]
        with holding(held, step):
            process = start_session(root, account, STACK, "-m", "smoke")
            try:
                looks = Looks(TIMEOUT_IN_SECONDS)
                while not (jobs := [name for name in running_jobs(owner) if name.startswith(kind)]):
                    looks.pause("no job began")
                process.send_signal(number)
                output, _ = process.communicate(timeout=TIMEOUT_IN_SECONDS)
            finally:
                process.kill()
        done[step] = (process.returncode, output, jobs[0])
        return done[step]

    assert before
    return run


def test_a_session_leaves_everything_of_others_and_nothing_of_its_own(
    owner: Stack, before: dict[str, Any], smoke: str
) -> None:
    assert "removed" in smoke
    assert everything(owner) == before
    assert running_jobs(owner) == running_executions(owner) == []


def test_the_estimate_is_printed_before_anything_starts(smoke: str) -> None:
    lines = smoke.splitlines()
    (estimate,) = [number for number, line in enumerate(lines) if line.startswith("total")]
    (first,) = [number for number, line in enumerate(lines) if line.startswith("tests/integration/test_smoke.py")]
    assert estimate < first
    # 2 training and 2 transform jobs of 10 minutes, or 60, at 0.12 USD an hour, and 15 transitions.
    assert lines[estimate].startswith("total 0.0804 USD; 0.48 USD if ")


def test_a_session_tells_what_aws_keeps(smoke: str) -> None:
    assert "left, since AWS keeps them: 2 ended training jobs, 2 ended transform jobs" in smoke
    assert "verdict SUCCEEDED: 2 of 2 items succeeded" in smoke


@pytest.mark.parametrize(
    ("step", "number"), [("train", signal.SIGINT), ("serve", signal.SIGTERM)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_session_that_is_ended_stops_and_removes_what_it_began(
    owner: Stack,
    before: dict[str, Any],
    interrupted: Callable[[str, signal.Signals], tuple[int, str, str]],
    step: str,
    number: signal.Signals,
) -> None:
    code, output, job = interrupted(step, number)
    assert code == pytest.ExitCode.INTERRUPTED, output
    assert re.search(rf"^stopping .*\b{job}\b", output, re.MULTILINE), output
    assert everything(owner) == before
    assert running_jobs(owner) == running_executions(owner) == []


def test_smoke_takes_the_listed_permissions(
    root: Path, smoke: str, interrupted: Callable[[str, signal.Signals], tuple[int, str, str]]
) -> None:
    taken = actions_in(smoke)
    for step, number in (("train", signal.SIGINT), ("serve", signal.SIGTERM)):
        taken |= actions_in(interrupted(step, number)[1])
    listed = json.loads((root / "tests" / "integration" / "smoke_actions.json").read_text())
    assert listed == sorted(listed)
    # Asked of AWS only, which an emulator is not.
    assert set(listed) == taken | {"pricing:GetProducts"}


def test_the_flag_selects_the_scenarios_and_makes_nothing_when_it_only_lists(
    root: Path, account: str, owner: Stack, before: dict[str, Any]
) -> None:
    code, output = run_session(root, account, STACK, "--collect-only", "-q")
    assert code == 0, output
    files = {line.partition("::")[0] for line in output.splitlines() if "::" in line}
    assert files == {
        f"tests/integration/test_{name}.py"
        for name in ("functions", "manifest_command", "reruns", "runs", "score_mode", "smoke")
    }
    assert "total" in output
    assert everything(owner) == before


def test_what_a_killed_session_left_can_be_removed_beside_a_run_that_goes_on(
    root: Path, held: Path, account: str, owner: Stack, before: dict[str, Any]
) -> None:
    with holding(held, "train"):
        meanwhile = owner.start({"itemList": ["France"]}, "meanwhile")
        process = start_session(root, account, STACK, "-m", "smoke")
        try:
            looks = Looks(TIMEOUT_IN_SECONDS)
            while not [name for name in running_jobs(owner) if name.startswith("training-job-test-")]:
                looks.pause("no job began")
        finally:
            process.kill()
            output, _ = process.communicate()
        (prefix,) = re.findall(r"^live session (test-[0-9a-f]{8}-) ", output, re.MULTILINE)
        left = Remover(open_stack(connect_emulator(account), STACK, prefix)).find()
        assert left.executions
        assert left.training_jobs
        run_program(
            sys.executable, "-m", "tests.live", STACK, prefix, folder=root, environment=environment_for(account)
        )
        assert running_executions(owner) == ["meanwhile"]
        (job,) = running_jobs(owner)
        assert job.startswith("training-job-france-")
        assert {key: value for key, value in everything(owner).items() if "-meanwhile/" not in key} == before
    assert owner.wait(meanwhile).description["status"] == "SUCCEEDED"


def test_a_stack_that_is_not_there_is_told_in_words(root: Path, account: str) -> None:
    code, output = run_session(root, account, "elsewhere", "-m", "smoke")
    assert code == 1
    assert f"There is no stack 'elsewhere' in {DEFAULT_REGION} at {account}." in output
    assert "Traceback" not in output


def test_a_stack_without_an_image_is_told_in_words(root: Path, account: str, owner: Stack) -> None:
    deploy(account, root / "template.yaml", "new", {"ImageUri": ""})
    code, output = run_session(root, account, "new", "-m", "smoke")
    assert code == 1
    assert "The stack 'new' has no image, so no run can start." in output
    assert "Traceback" not in output
    assert running_jobs(owner) == []


class _Denying(BaseHTTPRequestHandler):
    """Answers as CloudFormation answers those who may not ask."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = (
            b'<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>'
            b"<Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/new is not authorized to perform: "
            b"cloudformation:DescribeStacks</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        )
        self.send_response(403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def test_a_missing_permission_is_told_in_words(root: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Denying)
    thread = threading.Thread(target=server.serve_forever, name="denying", daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        remember_keys(url, make_keys())
        code, output = run_session(root, url, STACK, "-m", "smoke")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert code == 1
    assert "These credentials may not read the stack 'automlops': User: " in output
    assert "Traceback" not in output
