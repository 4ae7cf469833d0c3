"""Containers with EnableNetworkIsolation: they reach neither AWS nor anybody else, and their files come and go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import ROLE


def reached(bench: Any, *, isolated: bool) -> dict[str, str]:
    """Return what a training that reaches out gets, target to answer."""
    uri = bench.put("in/isolated/a.csv", "1\n")
    job = bench.train("reaching-out", EnableNetworkIsolation=isolated, InputDataConfig=[bench.channel(uri)])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["EnableNetworkIsolation"] is isolated
    found = bench.unpacked(job["ModelArtifacts"]["S3ModelArtifacts"])
    told: dict[str, str] = json.loads(found["reached.json"])
    assert told.pop("data") == "1\n"
    return told


def test_a_training_job_that_is_isolated_finds_no_credentials_and_no_network(bench: Any) -> None:
    told = reached(bench, isolated=True)
    assert told["S3"] == "NoCredentialsError"
    assert "refused" in told["web"]


def test_a_training_job_reaches_s3_unless_it_is_isolated(bench: Any) -> None:
    assert "bucket" in reached(bench, isolated=False)["S3"]


@pytest.mark.parametrize(("isolated", "said"), [(True, "NoCredentialsError"), (False, "bucket")])
def test_a_model_that_is_isolated_finds_no_credentials_and_no_network(
    bench: Any, isolated: bool, said: str
) -> None:
    name = bench.name("model")
    bench.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "registry.test/reaching-out:1"},
        EnableNetworkIsolation=isolated,
    )
    assert bench.sagemaker.describe_model(ModelName=name)["EnableNetworkIsolation"] is isolated
    job = bench.transform(name, bench.put(f"in/isolated-{isolated}.csv", "1\n"))
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    told = json.loads(bench.get(f"{job['TransformOutput']['S3OutputPath']}/isolated-{isolated}.csv.out"))
    assert said in told["S3"]
    assert ("refused" in told["web"]) is isolated
