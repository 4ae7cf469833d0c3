"""A job as the API shows it: what was asked for, how far it is, how it ended.

Touches moto's private parts: gen_response_object, by which its Search reads a job.
"""

from __future__ import annotations

import copy
import math
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from emulator.sagemaker.control import JobControl
from emulator.sagemaker.errors import ValidationError
from emulator.service_models import service_model

ENDED = frozenset({"Completed", "Failed", "Stopped"})
FAILURE_REASON_LENGTH = 1024


@dataclass(frozen=True)
class JobKind:
    """The names one kind of job has in the API.

    Attributes:
        noun: `Training` or `Transform`, the first word of its members.
        resource: how its ARN names it.
        words: how AWS's messages name it.
        log_group: where its containers log.
    """

    noun: str
    resource: str
    words: str
    log_group: str

    @property
    def name_key(self) -> str:
        """Member that holds the job's name."""
        return f"{self.noun}JobName"

    @property
    def status_key(self) -> str:
        """Member that holds the job's status."""
        return f"{self.noun}JobStatus"


TRAINING = JobKind("Training", "training-job", "training job", "/aws/sagemaker/TrainingJobs")
TRANSFORM = JobKind("Transform", "transform-job", "transform job", "/aws/sagemaker/TransformJobs")


def resource_arn(resource: str, name: str, region: str, account: str) -> str:
    """ARN of a job or model; AWS lower-cases the name in it."""
    return f"arn:aws:sagemaker:{region}:{account}:{resource}/{name.lower()}"


class Job:
    """One job. Every change is made under its lock, so a reader never sees half of one.

    Attributes:
        kind: training or transform.
        request: the checked request, never changed.
        arn: its ARN.
        tags: Key/Value pairs, which ListTags shows and Describe does not.
        control: how its thread hears of a stop.
    """

    def __init__(self, kind: JobKind, request: dict[str, Any], arn: str, defaults: dict[str, Any]) -> None:
        now = _now()
        self.kind = kind
        self.request = request
        self.arn = arn
        self.tags: list[dict[str, str]] = list(request.get("Tags", []))
        self.control = JobControl()
        self._lock = threading.Lock()
        self._description: dict[str, Any] = {
            **copy.deepcopy(defaults),
            **{name: copy.deepcopy(value) for name, value in request.items() if name != "Tags"},
            f"{kind.noun}JobArn": arn,
            kind.status_key: "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        }

    @property
    def name(self) -> str:
        """The job's name as it was given."""
        name: str = self.request[self.kind.name_key]
        return name

    @property
    def status(self) -> str:
        """InProgress, Stopping, Completed, Failed or Stopped."""
        with self._lock:
            status: str = self._description[self.kind.status_key]
            return status

    def describe(self) -> dict[str, Any]:
        """A copy of everything known about the job."""
        with self._lock:
            return copy.deepcopy(self._description)

    def gen_response_object(self) -> dict[str, Any]:
        """What moto's Search shows of the job."""
        return {**self.describe(), "Tags": self.tags}

    def stop(self) -> None:
        """Put the job into Stopping and tell its thread; once more changes nothing.

        Raises:
            ValidationError: the job has ended.
        """
        with self._lock:
            status = self._description[self.kind.status_key]
            if status in ENDED:
                raise ValidationError(
                    f"The request was rejected because the {self.kind.words} is in status {status}."
                )
            if status != "Stopping":
                self._enter_stopping()
        self.control.stop()

    def start(self) -> None:
        """Note that the job's instances start now: what is billed begins here."""
        self._set(**{f"{self.kind.noun}StartTime": _now()})

    def end(self, status: str, *, reason: str | None = None, **members: Any) -> None:
        """Give the job its last status, with the time and whatever else belongs to it, in one step.

        Args:
            status: Completed, Failed or Stopped.
            reason: FailureReason, cut at 1,024 characters.
            members: further members of the description.
        """
        if reason is not None:
            members["FailureReason"] = reason[:FAILURE_REASON_LENGTH]
        self._set(**members, **{f"{self.kind.noun}EndTime": _now(), self.kind.status_key: status})

    def _enter_stopping(self) -> None:
        self._description[self.kind.status_key] = "Stopping"
        self._description["LastModifiedTime"] = _now()

    def _set(self, **members: Any) -> None:
        with self._lock:
            self._description.update(members, LastModifiedTime=_now())


class TrainingJob(Job):
    """A training job: its phases show as secondary status and their transitions."""

    def __init__(self, request: dict[str, Any], arn: str) -> None:
        super().__init__(
            TRAINING,
            request,
            arn,
            {
                "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
                "EnableNetworkIsolation": False,
                "EnableInterContainerTrafficEncryption": False,
                "EnableManagedSpotTraining": False,
            },
        )
        self._description["SecondaryStatusTransitions"] = []
        self._enter("Starting", "Starting the training job")

    @property
    def max_runtime(self) -> int:
        """StoppingCondition's MaxRuntimeInSeconds, one day unless the request says otherwise."""
        seconds: int = self._description["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        return seconds

    def enter_phase(self, status: str, message: str) -> None:
        """Begin a phase (`Downloading`, `Training`, `Uploading`); a stop that was asked for stays in sight."""
        with self._lock:
            if self._description[self.kind.status_key] != "Stopping":
                self._enter(status, message)

    def end(self, status: str, *, reason: str | None = None, **members: Any) -> None:
        """As for any job, with the last transition; `secondary` names a secondary status other than `status`."""
        secondary = members.pop("secondary", status)
        message = {
            "Completed": "Training job completed",
            "Failed": "Training job failed",
            "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
        }.get(secondary, "Training job stopped")
        with self._lock:
            self._enter(secondary, message)
            self._description["SecondaryStatusTransitions"][-1]["EndTime"] = _now()
            started = self._description.get("TrainingStartTime")
        if started is not None:
            seconds = max(1, math.ceil((_now() - started).total_seconds()))
            members |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        super().end(status, reason=reason, **members)

    def _enter(self, status: str, message: str) -> None:
        now = _now()
        transitions = self._description["SecondaryStatusTransitions"]
        if transitions:
            transitions[-1].setdefault("EndTime", now)
        transitions.append({"Status": status, "StartTime": now, "StatusMessage": message})
        self._description |= {"SecondaryStatus": status, "LastModifiedTime": now}

    def _enter_stopping(self) -> None:
        super()._enter_stopping()
        self._enter("Stopping", "Stopping the training job")


class TransformJob(Job):
    """A transform job.

    Attributes:
        container: the container definition of its model, as it was when the job was made.
        role: the model's execution role, if any.
    """

    def __init__(self, request: dict[str, Any], arn: str, container: dict[str, Any], role: str | None) -> None:
        super().__init__(
            TRANSFORM,
            # What AWS fills in where the request says nothing.
            {
                **request,
                "TransformInput": {"CompressionType": "None", "SplitType": "None", **request["TransformInput"]},
                "TransformOutput": {"AssembleWith": "None", **request["TransformOutput"]},
            },
            arn,
            {"DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}},
        )
        self.container = container
        self.role = role


def shown_members(operation: str, description: dict[str, Any]) -> dict[str, Any]:
    """What `operation` (`DescribeTransformJob`) answers of a description: the members its model has."""
    shape = service_model("sagemaker").operation_model(operation).output_shape
    if shape is None:
        raise ValueError(f"{operation} answers nothing")
    return {name: description[name] for name in shape.members if name in description}


def _now() -> datetime:
    return datetime.now(UTC)
