"""What a scenario is: an item, what goes wrong with it, and what must have become of it; and the words for faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.account.plan import INVOKE, TRAINING_RUN, TRANSFORM_RUN, ApiError, Fault, FunctionError, JobOutcome

SUCCEEDED, FAILED, UNFINISHED = "SUCCEEDED", "FAILED", "UNFINISHED"
COMPLETED, STOPPED = "Completed", "Stopped"

THROTTLED = ApiError(code="ThrottlingException", message="Rate exceeded")
QUOTA_FULL = ApiError(
    code="ResourceLimitExceeded",
    message="The account-level service limit 'ml.m5.large for training job usage' is 1 Instances, with current "
    "utilization of 1 Instances and a request delta of 1 Instances.",
)
DENIED = ApiError(code="AccessDeniedException", message="User is not authorized to perform this action")
INVALID = ApiError(code="ValidationException", message="1 validation error detected: no such role")
BROKEN = ApiError(code="InternalFailure", message="The service had an internal error", status=500)
UNAVAILABLE = ApiError(code="ServiceUnavailable", message="The service cannot answer now", status=503)
SLOW_DOWN = ApiError(code="SlowDown", message="Please reduce your request rate.", status=503)
FORBIDDEN = ApiError(code="AccessDenied", message="Access Denied", status=403)
TOO_MANY_REQUESTS = ApiError(code="TooManyRequestsException", message="Rate Exceeded.", status=429)
SERVICE_EXCEPTION = ApiError(code="ServiceException", message="An error occurred", status=500)
TIMED_OUT = FunctionError(error_type="Sandbox.Timedout")
DIED = FunctionError(error_type="Runtime.ExitError")

# A function's own clients try so often; then it fails, and the state is tried again.
CLIENTS_ATTEMPTS, S3_CLIENTS_ATTEMPTS = (1, 2, 3), (1, 2, 3, 4, 5)

# A pattern that holds the item's whole name, so that no other item's job is meant.
_AT = "????????T?????????Z"


@dataclass(frozen=True)
class Scenario:
    """One item of a run.

    Attributes:
        item: its name, at most 23 of a-z, 0-9 and hyphens, so that its jobs carry it as it is.
        faults: what goes wrong. In names and payloads, {item} stands for the name, {index} for the item's place in the
            run, {run} for the execution's name: such a fault is not met again by a rerun.
        entry: what the item asks for beside its name.
        has_data: whether its data was uploaded.
        status: the verdict.
        stage: the state it ended in; None if nothing tells.
        error: the error's name, where it failed.
        words: what the reason holds.
        training: how its only training job ended, its secondary status; None if it has none.
        transform: how its only transform job ended; None if it has none.
        calls: state of the child → how often its task was tried; states not named are not looked at.
        rewrites: whether its record was written twice, both times alike; its latest.json may always be.
        lasts: whether it fails in every rerun as it failed at first.
        keeps_training: whether a rerun needs no training.
        sampled: whether it belongs to the sample.
    """

    item: str
    faults: Sequence[Fault] = ()
    entry: Mapping[str, Any] = field(default_factory=dict)
    has_data: bool = True
    status: str = SUCCEEDED
    stage: str | None = "StartBatchTransformJob"
    error: str | None = None
    words: Sequence[str] = ()
    training: str | None = COMPLETED
    transform: str | None = COMPLETED
    calls: Mapping[str, int] = field(default_factory=dict)
    rewrites: bool = False
    lasts: bool = False
    keeps_training: bool = True
    sampled: bool = True

    def faults_at(self, index: int, run: str) -> Iterable[Fault]:
        """Its faults, as item number `index` of the execution `run`."""
        filled = {"{item}": self.item, "{index}": str(index), "{run}": run}
        for fault in self.faults:
            name, payload = fault.name, fault.payload
            for mark, text in filled.items():
                name, payload = name.replace(mark, text), payload.replace(mark, text)
            yield fault.model_copy(update={"name": name, "payload": payload})

    def request(self) -> dict[str, Any]:
        """Its entry of itemList."""
        return {"item": self.item, **self.entry}


def create_training(error: ApiError, *attempts: int, lost: bool = False) -> Fault:
    """CreateTrainingJob is refused, or its answer is lost; at all attempts if none is told."""
    return Fault(
        action="CreateTrainingJob",
        name=f"training-job-{{item}}-{_AT}",
        payload="-{run}",
        attempts=attempts,
        error=error,
        lost_answer=lost,
    )


def create_transform(error: ApiError, *attempts: int, lost: bool = False) -> Fault:
    """CreateTransformJob is refused, or its answer is lost; the run is told by the folder of its predictions."""
    return Fault(
        action="CreateTransformJob",
        name=f"batch-transform-job-{{item}}-{_AT}",
        payload='-{run}/"',
        attempts=attempts,
        error=error,
        lost_answer=lost,
    )


def sagemaker(action: str, error: ApiError, *attempts: int, lost: bool = False) -> Fault:
    """Another of SageMaker's actions, on what belongs to the item, in every run."""
    return Fault(action=action, name=f"*-{{item}}-{_AT}", attempts=attempts, error=error, lost_answer=lost)


def training_run(outcome: JobOutcome, *, times: int | None = None) -> Fault:
    """How the item's training goes, in the first so many of its runs; in every run if none is told."""
    return Fault(action=TRAINING_RUN, name=f"training-job-{{item}}-{_AT}", times=times, job=outcome)


def transform_run(outcome: JobOutcome) -> Fault:
    """How the item's transform job goes, in every run."""
    return Fault(action=TRANSFORM_RUN, name=f"batch-transform-job-{{item}}-{_AT}", job=outcome)


def invoke_create_model(
    *attempts: int, error: ApiError | None = None, function: FunctionError | None = None, lost: bool = False
) -> Fault:
    """Return the function aws_create_model, called for the item."""
    return Fault(
        action=INVOKE,
        name="*CreateModel*",
        payload="-{run}/records/{index}.json",
        attempts=attempts,
        error=error,
        function_error=function,
        lost_answer=lost,
    )


def invoke_follow_job(
    *attempts: int, error: ApiError | None = None, function: FunctionError | None = None, lost: bool = False
) -> Fault:
    """Return the function follow_job, called for the item."""
    return Fault(
        action=INVOKE,
        name="*FollowJob*",
        payload='"{item}"',
        attempts=attempts,
        error=error,
        function_error=function,
        lost_answer=lost,
    )


def put_record(*attempts: int, error: ApiError = SLOW_DOWN, lost: bool = False) -> Fault:
    """Return a fault of the call that writes the item's record."""
    name = "*-{run}/records/{index}.json"
    return Fault(action="PutObject", name=name, attempts=attempts, error=error, lost_answer=lost)


def objects(action: str, key: str, *attempts: int, error: ApiError = SLOW_DOWN) -> Fault:
    """Return an action on an object of the output bucket."""
    return Fault(action=action, name=f"*/{key}", attempts=attempts, error=error)


def failed(reason: str) -> JobOutcome:
    """Return a job that fails."""
    return JobOutcome(status="Failed", failure_reason=reason)
