"""The project's own container under the emulator: what a stopped job kept in S3 is what the next one goes on from."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from emulator.sagemaker.limits import Limits
from tests.unit.container.retail_data import csv_bytes, make_shop

GROUP = "/aws/sagemaker/TrainingJobs"
ENTRYPOINT = Path(__file__).resolve().parents[4] / "container" / "entrypoint.py"


@pytest.fixture(scope="module")
def algorithms() -> dict[str, list[str]]:
    """The image of this project."""
    return {"registry.test/next-purchase": [sys.executable, str(ENTRYPOINT)]}


@pytest.fixture(scope="module")
def limits() -> Limits:
    """SageMaker's own patience."""
    return Limits()


@pytest.mark.lightgbm
def test_the_next_job_goes_on_from_the_checkpoints_of_a_stopped_one(bench: Any) -> None:
    request = bench.training_request(
        "next-purchase",
        InputDataConfig=[bench.channel(bench.put("data/shop.csv", csv_bytes(make_shop(customers=300))))],
        HyperParameters={"num_iterations": "2000"},
        CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"},
    )
    name = request["TrainingJobName"]
    bench.sagemaker.create_training_job(**request)
    bench.wait_for_line(GROUP, name, "INFO Growing trees")
    # For some of them to have grown.
    time.sleep(0.2)
    bench.sagemaker.stop_training_job(TrainingJobName=name)
    stopped = bench.wait_training(name)
    assert (stopped["TrainingJobStatus"], stopped["SecondaryStatus"]) == ("Stopped", "Stopped")
    kept = b"".join(bench.get(f"s3://bucket/checkpoints/{key}") for key in bench.keys("checkpoints/"))
    assert kept.count(b"Tree=") > 0

    again = bench.name("train")
    bench.sagemaker.create_training_job(**request | {"TrainingJobName": again})
    assert bench.wait_training(again)["TrainingJobStatus"] == "Completed"
    gone_on = re.findall(r"Going on from (\d+) trees", "\n".join(bench.log_lines(GROUP, again)))
    assert sum(map(int, gone_on)) == kept.count(b"Tree=")
