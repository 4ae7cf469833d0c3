"""Checkpoints: what a stopped job kept in S3 is what the next one goes on from."""

from __future__ import annotations

from typing import Any

GROUP = "/aws/sagemaker/TrainingJobs"


def test_the_next_job_goes_on_from_the_checkpoints_of_a_stopped_one(bench: Any) -> None:
    request = bench.training_request(
        "counts-on", HyperParameters={"steps": "1000"}, CheckpointConfig={"S3Uri": "s3://bucket/counted"}
    )
    name = request["TrainingJobName"]
    bench.sagemaker.create_training_job(**request)
    bench.wait_for_line(GROUP, name, "step 3")
    bench.sagemaker.stop_training_job(TrainingJobName=name)
    stopped = bench.wait_training(name)
    assert (stopped["TrainingJobStatus"], stopped["SecondaryStatus"]) == ("Stopped", "Stopped")
    kept = int(bench.get("s3://bucket/counted/steps.txt"))
    assert 3 <= kept < 1000

    again = request | {"TrainingJobName": bench.name("train"), "HyperParameters": {"steps": str(kept + 2)}}
    bench.sagemaker.create_training_job(**again)
    assert bench.wait_training(again["TrainingJobName"])["TrainingJobStatus"] == "Completed"
    # A machine that allows no private mount has a line of the emulator's before those of the container.
    lines = [
        line for line in bench.log_lines(GROUP, again["TrainingJobName"]) if not line.startswith("[emulator]")
    ]
    assert lines == [f"began at {kept}", f"step {kept + 1}", f"step {kept + 2}"]
