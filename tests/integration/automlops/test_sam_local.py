"""`automlops up --containers`: what it gives to `sam local`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from automlops.local.sam_local import FILE
from emulator.endpoint import Clients
from tests.emulated import read_ready

FUNCTIONS = {"PrepareRun", "TrainingJob", "CreateModel", "BatchTransform", "FollowJob", "SummarizeRun"}
# A machine with Docker, whose bridge has an address of the loopback: Linux answers on all of 127.0.0.0/8.
DOCKER = """#!/bin/sh
case $1 in
info) echo Debian ;;
network) echo '[{"Subnet": "127.0.0.0/8", "Gateway": "127.0.0.2"}]' ;;
esac
"""


def expected(url: str, outputs: dict[str, str], endpoint_url: str) -> dict[str, dict[str, str]]:
    """Every function's deployed variables by logical id, but for the endpoint."""
    functions = Clients(url).get("lambda")
    found = {}
    for name in FUNCTIONS:
        told = functions.get_function_configuration(FunctionName=outputs[f"{name}FunctionName"])
        found[f"{name}Function"] = {**told["Environment"]["Variables"], "AWS_ENDPOINT_URL": endpoint_url}
    return found


def stack_outputs(url: str) -> dict[str, str]:
    (stack,) = Clients(url).get("cloudformation").describe_stacks(StackName="automlops")["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is there")
def test_up_serves_containers_and_keeps_their_file_until_it_ends(root: Path, tmp_path: Path) -> None:
    # A copy, so that nobody's own file is touched.
    for name in ("automlops", "emulator", "functions", "statemachine"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "template.yaml", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    start = "from automlops.main import app; app()"
    command = (sys.executable, "-c", start, "up", "--containers", "--port", "0")
    path = tmp_path / FILE
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"sam local finds it by {path}\n"
            url = read_ready(process.stdout)
            assert url.startswith("http://127.0.0.2:")
            outputs = stack_outputs(url)
            written = json.loads(path.read_text())
            assert written == expected(url, outputs, url)
            assert written["TrainingJobFunction"]["DATA_BUCKET"] == outputs["DataBucketName"]
            # The emulator's own functions reach it there as well: this answer comes from its S3.
            answer = (
                Clients(url)
                .get("lambda")
                .invoke(FunctionName=outputs["TrainingJobFunctionName"], Payload=b'{"item": "a"}')
            )
            assert f"there is no object s3://{outputs['DataBucketName']}/" in answer["Payload"].read().decode()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert not path.exists()
