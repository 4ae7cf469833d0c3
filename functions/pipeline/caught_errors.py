"""Reads an error that Step Functions caught: the reason in a sentence for people, and the job that failed."""

from __future__ import annotations

import json
import re
from typing import Any

from pipeline.documents import Job, TrainingJob, training_job_of, transform_job_of

MAX_REASON_LENGTH = 2000
# SageMaker's whole reason when a serving container cannot answer, whatever the cause.
SEE_LOGS = "See job logs for more information"
# What SageMaker puts around the text that the image wrote to /opt/ml/output/failure.
ALGORITHM_ERROR = re.compile(r"AlgorithmError: (?P<text>.*?)(, exit code: (?P<code>\d+))?", re.DOTALL)


def reason_of(error: str, cause: str) -> str:
    """Return the reason why a task failed, as a sentence.

    Args:
        error: the caught Error, a name.
        cause: the caught Cause: the description of a failed job as JSON, the error of a Lambda function as JSON (the
            message of follow_job's error is such a description), plain text, or any of these cut off.
    """
    text = cause
    content = _parse_cause(cause)
    if content is not None:
        status = content.get("TrainingJobStatus") or content.get("TransformJobStatus")
        name = content.get("TrainingJobName") or content.get("TransformJobName")
        reason = content.get("FailureReason") or ""
        text = (
            _failure_reason(reason, str(name), serving="TransformJobStatus" in content)
            or content.get("errorMessage")
            or (
                f"job {name} ended as {status} ({content.get('SecondaryStatus') or 'no reason given'})"
                if status
                else ""
            )
            or cause
        )
    text = text.strip() or error or "no reason was given"
    return text if len(text) <= MAX_REASON_LENGTH else f"{text[: MAX_REASON_LENGTH - 1]}…"


def job_of(cause: str) -> TrainingJob | Job | None:
    """Return the job that a Cause describes; None if it describes none, or is cut off.

    Args:
        cause: the caught Cause.
    """
    content = _parse_cause(cause) or {}
    try:
        if "TrainingJobStatus" in content:
            return training_job_of(content)
        return transform_job_of(content) if "TransformJobStatus" in content else None
    except (KeyError, ValueError):
        return None


def _parse_cause(cause: str) -> dict[str, Any] | None:
    """Return the JSON object in the Cause, if there is one; if its errorMessage is a JSON object, return that one."""
    content = _parse_object(cause)
    return (content and _parse_object(content.get("errorMessage"))) or content


def _parse_object(text: Any) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def timeout_reason(kind: str, job_name: str, limit: int | None) -> str:
    """Return the reason of an item that failed because its job did not end in time.

    Args:
        kind: `training` or `transform`: the key of the job's settings in an entry of itemList.
        job_name: the job.
        limit: seconds that the state machine waited, if they are known.
    """
    waited = "in time" if limit is None else f"after {limit} s"
    return f"job {job_name} had not ended {waited} and was stopped; raise {kind}.maxRuntimeInSeconds of the item"


def _failure_reason(reason: str, job_name: str, *, serving: bool) -> str:
    """Return SageMaker's FailureReason without its frame; if it says nothing, say where to look for the reason."""
    if serving and SEE_LOGS in reason:
        return (
            f"{reason}: job {job_name}'s log in CloudWatch (/aws/sagemaker/TransformJobs); an image that calls S3 or"
            " anything else when it serves (NoCredentialsError, a connection that fails) needs IsolateModels=false"
        )
    match = ALGORITHM_ERROR.fullmatch(reason)
    if match is None:
        return reason
    if match["text"]:
        return match["text"]
    return f"the image ended with exit code {match['code']} and wrote no reason; see job {job_name}'s log in CloudWatch"
