"""The reason of a failure is the sentence for people in the error that Step Functions caught."""

from __future__ import annotations

import json

import pytest

from pipeline.caught_errors import reason_of, timeout_reason


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (
            json.dumps({"TrainingJobName": "t", "FailureReason": "AlgorithmError: no, none., exit code: 1"}),
            "no, none.",
        ),
        (
            json.dumps({"TrainingJobName": "t", "FailureReason": "AlgorithmError: , exit code: 137"}),
            "the image ended with exit code 137 and wrote no reason; see job t's log in CloudWatch",
        ),
        (
            json.dumps({"TrainingJobName": "t", "FailureReason": "ClientError: Data download failed"}),
            "ClientError: Data download failed",
        ),
        (
            json.dumps(
                {
                    "TransformJobName": "b",
                    "TransformJobStatus": "Failed",
                    "FailureReason": "AlgorithmError: See job logs for more information",
                }
            ),
            (
                "AlgorithmError: See job logs for more information: job b's log in CloudWatch"
                " (/aws/sagemaker/TransformJobs); an image that calls S3 or anything else when it serves"
                " (NoCredentialsError, a connection that fails) needs IsolateModels=false"
            ),
        ),
        (json.dumps({"errorMessage": "no metrics", "errorType": "X"}), "no metrics"),
        (
            json.dumps(
                {"TrainingJobName": "t", "TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
            ),
            "job t ended as Stopped (MaxRuntimeExceeded)",
        ),
        ("Rate exceeded (Service: AmazonSageMaker)", "Rate exceeded (Service: AmazonSageMaker)"),
        ('{"TrainingJobName":"t","Fai', '{"TrainingJobName":"t","Fai'),
        ("[1]", "[1]"),
        ("", "States.Timeout"),
        ("x" * 5000, "x" * 1999 + "…"),
    ],
    ids=[
        "job",
        "wordless image",
        "platform",
        "image that serves",
        "function",
        "stopped job",
        "plain text",
        "cut json",
        "other json",
        "no cause",
        "long",
    ],
)
def test_the_reason_is_the_sentence_a_person_should_read(cause: str, reason: str) -> None:
    assert reason_of("States.Timeout", cause) == reason


@pytest.mark.parametrize(
    ("limit", "waited"), [(3600, "after 3600 s"), (None, "in time")], ids=["known limit", "limit of an old line"]
)
def test_a_timeout_reason_names_the_setting_to_raise(limit: int | None, waited: str) -> None:
    assert timeout_reason("transform", "b0", limit) == (
        f"job b0 had not ended {waited} and was stopped; raise transform.maxRuntimeInSeconds of the item"
    )
