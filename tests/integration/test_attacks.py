"""A request is not a way in: code that an item brings as its data, and variables that would have it run, are refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.plans import starts
from tests.live.stack import Stack

# As the emulator's containers see it; on SageMaker it is below /.
CHANNEL = "../opt/ml/input/data/training"
# What would run as the SageMaker role: it makes its own file another item's last accepted model.
FORGERY = """
import os

if os.environ.get("MODE") == "train":
    variables = {name: os.environ.pop(name, "") for name in ("PYTHONPATH", "LD_PRELOAD")}
    import boto3

    boto3.client("s3").put_object(Bucket=os.environ["sample_s3_bucket"], Key="VICTIM", Body=b"ATTACKER")
"""
LIBRARY = """
#include <stdlib.h>
__attribute__((constructor)) static void run(void) {
    unsetenv("LD_PRELOAD");
    if (system("PYTHON CHANNEL/sitecustomize.py")) return;
}
"""


@pytest.fixture(scope="module")
def victim(deployed: Stack, small_csv: bytes) -> str:
    """Return an item with an accepted model; the key of its latest.json."""
    item = deployed.own("victim")
    deployed.upload(item, small_csv)
    run = deployed.run({"itemList": [item]}, deployed.own("before-attacks"))
    assert run.description["status"] == "SUCCEEDED"
    return f"analysis_predicted/{item}/latest.json"


def library(folder: Path, python: str) -> bytes:
    """Return a shared library that runs the forgery when it is loaded; where nothing can compile it, a stand-in."""
    compiler = shutil.which("cc")
    if compiler is None:
        return b"\x7fELF"
    source = LIBRARY.replace("PYTHON", python).replace("CHANNEL", CHANNEL)
    command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(folder / "x.so")]
    subprocess.run(command, input=source.encode(), check=True, timeout=60)
    return (folder / "x.so").read_bytes()


@starts(runs=3, items=1, training_jobs=1, transform_jobs=1)
@pytest.mark.parametrize(
    "variable", [{"PYTHONPATH": CHANNEL}, {"LD_PRELOAD": f"{CHANNEL}/x.so"}], ids=["PYTHONPATH", "LD_PRELOAD"]
)
def test_code_in_an_items_folder_never_runs(
    deployed: Stack,
    unique: Callable[[str], str],
    victim: str,
    variable: dict[str, str],
    tmp_path: Path,
    small_csv: bytes,
) -> None:
    before, attacker = deployed.read(victim), unique("attacker")
    bucket = deployed.outputs["DataBucketName"]
    files = {
        "a.csv": small_csv,
        "sitecustomize.py": FORGERY.replace("VICTIM", victim).replace("ATTACKER", attacker).encode(),
        "x.so": library(tmp_path, sys.executable),
    }
    for name, body in files.items():
        deployed.client("s3").put_object(Bucket=bucket, Key=f"own/{attacker}/{name}", Body=body)
    entry: dict[str, Any] = {
        "item": attacker,
        "input": f"s3://{bucket}/own/{attacker}/",
        "environment": variable,
    }
    run = deployed.run({"itemList": [entry]}, unique("attack"))
    jobs = deployed.client("sagemaker").list_training_jobs(NameContains=attacker)["TrainingJobSummaries"]
    assert deployed.read(victim) == before, "its code has run"
    assert jobs == []
    assert run.description["error"] == "InvalidRequestError"
    (name,) = variable
    told = json.loads(run.description["cause"])["errorMessage"]
    assert told.startswith(f"itemList[0].environment.{name}: ")
    # Alone, the function that starts a training refuses the same.
    answer = deployed.invoke("TrainingJob", entry)
    assert answer["errorType"] == "InvalidRequestError"
    assert answer["errorMessage"].startswith(f"environment.{name}: ")
