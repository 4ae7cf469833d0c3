"""Reads what Step Functions caught: the sentence that a person should read, and the job that failed."""

from __future__ import annotations

import json
import re
from typing import Any

from pipeline.documents import Job, TrainingJob, training_job_of, transform_job_of

MAX_REASON_LENGTH = 2000
# All that SageMaker says of a container that could not answer, whatever it lacked.
SEE_LOGS = "See job logs for more information"
# SageMaker's frame around what the image wrote to /opt/ml/output/failure.
ALGORITHM_ERROR = re.compile(r"AlgorithmError: (?P<told>.*?)(, exit code: (?P<code>\d+))?", re.DOTALL)


def reason_of(error: str, cause: str) -> str:
    """Why a task failed, in words.

    Args:
        error: the caught Error, a name.
        cause: the caught Cause: a failed job's description as JSON, a Lambda function's error as JSON (of follow_job's,
            the message is such a description), plain text, or any of these cut off.
    """
    text = cause
    told = _described(cause)
    if told is not None:
        status = told.get("TrainingJobStatus") or told.get("TransformJobStatus")
        name = told.get("TrainingJobName") or told.get("TransformJobName")
        text = (
            _failure_reason(told.get("FailureReason") or "", str(name), serving="TransformJobStatus" in told)
            or told.get("errorMessage")
            or (
                f"job {name} ended as {status} ({told.get('SecondaryStatus') or 'no reason given'})"
                if status
                else ""
            )
            or cause
        )
    text = text.strip() or error or "no reason was given"
    return text if len(text) <= MAX_REASON_LENGTH else f"{text[: MAX_REASON_LENGTH - 1]}…"


def job_of(cause: str) -> TrainingJob | Job | None:
    """The job that a Cause describes; None if it describes none, or is cut off.

    Args:
        cause: the caught Cause.
    """
    described = _described(cause) or {}
    try:
        if "TrainingJobStatus" in described:
            return training_job_of(described)
        return transform_job_of(described) if "TransformJobStatus" in described else None
    except (KeyError, ValueError):
        return None


def _described(cause: str) -> dict[str, Any] | None:
    """The object that the Cause is as JSON, if it is one; of a function's error, the object that its message is."""
    found = _object(cause)
    return (found and _object(found.get("errorMessage"))) or found


def _object(text: Any) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def timeout_reason(kind: str, job_name: str, limit: int | None) -> str:
    """Why an item failed whose job had not ended in time.

    Args:
        kind: `training` or `transform`, as an entry of itemList spells its choices.
        job_name: the job.
        limit: seconds that the state machine waited, if they are known.
    """
    waited = "in time" if limit is None else f"after {limit} s"
    return f"job {job_name} had not ended {waited} and was stopped; raise {kind}.maxRuntimeInSeconds of the item"


def _failure_reason(reason: str, job_name: str, *, serving: bool) -> str:
    """SageMaker's FailureReason without its frame; where it says nothing, where to look, and for what."""
    if serving and SEE_LOGS in reason:
        return (
            f"{reason}: job {job_name}'s log in CloudWatch (/aws/sagemaker/TransformJobs); an image that calls S3 or"
            " anything else when it serves (NoCredentialsError, a connection that fails) needs IsolateModels=false"
        )
    found = ALGORITHM_ERROR.fullmatch(reason)
    if found is None:
        return reason
    if found["told"]:
        return found["told"]
    return f"the image ended with exit code {found['code']} and wrote no reason; see job {job_name}'s log in CloudWatch"
