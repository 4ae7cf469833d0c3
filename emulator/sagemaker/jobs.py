"""A job as the API shows it: its request, its status, how it ended.

Touches moto's private parts: gen_response_object, by which its Search reads a job.
"""

from __future__ import annotations

import math
import pickle
import threading
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulator.clock import Clock
from emulator.sagemaker.control import JobControl
from emulator.sagemaker.errors import ValidationError
from emulator.service_models import service_model

if TYPE_CHECKING:
    from collections.abc import Callable

ENDED = frozenset({"Completed", "Failed", "Stopped"})
FAILURE_REASON_LENGTH = 1024
# What lists show of any job, beside its name, ARN, status and end.
_SUMMED_UP = frozenset({"CreationTime", "LastModifiedTime", "SecondaryStatus", "FailureReason"})


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
        request: the checked request, never changed; what the job tells of it shares its values. Of a job that has
            ended only the name is left: thousands of them must not fill the memory.
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
        self._on_end: list[Callable[[], None]] = []
        self._packed: bytes | None = None
        self._description: dict[str, Any] = {
            **defaults,
            **{name: value for name, value in request.items() if name != "Tags"},
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
        """Everything known about the job; members of members are shared with it, and not to be changed."""
        with self._lock:
            if self._packed is None:
                return dict(self._description)
            # This process's own data, which never left its memory.
            rest: dict[str, Any] = pickle.loads(zlib.decompress(self._packed))  # noqa: S301
            return self._description | rest

    def summary(self) -> dict[str, Any]:
        """Return the members that every list has of the job."""
        with self._lock:
            return dict(self._description)

    def gen_response_object(self) -> dict[str, Any]:
        """Return what moto's Search shows of the job."""
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

    def on_end(self, react: Callable[[], None]) -> None:
        """Call `react` once the job has ended, at once if it has; it must neither wait nor raise."""
        with self._lock:
            late = self._description[self.kind.status_key] in ENDED
            if not late:
                self._on_end.append(react)
        if late:
            react()

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
        ended = {f"{self.kind.noun}EndTime": _now(), self.kind.status_key: status}
        with self._lock:
            self._description.update(members, **ended, LastModifiedTime=_now())
            waiting, self._on_end = self._on_end, []
        for react in waiting:
            react()
        self._pack()

    def _pack(self) -> None:
        """Keep what lists show, and the rest of the description compressed."""
        shown = _SUMMED_UP | {f"{self.kind.noun}{part}" for part in ("JobName", "JobArn", "JobStatus", "EndTime")}
        with self._lock:
            rest = {name: value for name, value in self._description.items() if name not in shown}
            # Not JSON: pickle keeps the times as they are.
            self._packed = zlib.compress(pickle.dumps(rest), 1)
            self.request = {self.kind.name_key: self.name}
            self._description = {name: value for name, value in self._description.items() if name in shown}

    def _enter_stopping(self) -> None:
        self._description[self.kind.status_key] = "Stopping"
        self._description["LastModifiedTime"] = _now()

    def _set(self, **members: Any) -> None:
        with self._lock:
            self._description.update(members, LastModifiedTime=_now())


class TrainingJob(Job):
    """A training job: its phases show as secondary status and their transitions.

    Args:
        request: checked.
        arn: its ARN.
        clock: by which its seconds are counted.
    """

    def __init__(self, request: dict[str, Any], arn: str, clock: Clock | None = None) -> None:
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
        self._clock = clock or Clock()
        self._retries = int(request.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0))
        self._began: datetime | None = None
        self._spent = 0.0
        if "OutputDataConfig" in request:
            # A description has the key even if it is none (aws_evidence.toml).
            self._description["OutputDataConfig"] = {"KmsKeyId": "", **request["OutputDataConfig"]}
        self._description["SecondaryStatusTransitions"] = []
        self._enter("Starting", "Starting the training job")

    @property
    def seconds_left(self) -> float:
        """AWS seconds that the attempt under way may run: MaxRuntimeInSeconds (a day by default) is for all together."""
        seconds: int = self._description["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        return max(0.0, seconds - self._spent)

    def start(self) -> None:
        """As for any job; what is billed begins with the first attempt."""
        self._began = _now()
        if "TrainingStartTime" not in self.describe():
            super().start()

    def begins_again(self, reason: str) -> bool:
        """Whether the job is tried again after an attempt that failed with `reason`; if so, it is Starting anew.

        SageMaker does so for its own faults alone, as often as RetryStrategy says.
        """
        if not reason.startswith("InternalServerError") or self._retries <= 0 or self.control.stopping:
            return False
        self._retries -= 1
        if self._began is not None:
            self._spent += self._clock.aws_seconds((_now() - self._began).total_seconds())
            self._began = None
        self.enter_phase("Starting", "Retrying the training job after an internal error")
        return True

    def enter_phase(self, status: str, message: str) -> None:
        """Begin a phase (`Downloading`, `Training`, `Uploading`); a stop that was asked for stays in sight."""
        with self._lock:
            if self._description[self.kind.status_key] != "Stopping":
                self._enter(status, message)

    def end(self, status: str, *, reason: str | None = None, **members: Any) -> None:
        """As for any job, with its AWS seconds; `secondary` names a secondary status other than `status`."""
        secondary = members.pop("secondary", status)
        message = {
            "Completed": "Training job completed",
            "Failed": "Training job failed",
            "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
        }.get(secondary, "Training job stopped")
        with self._lock:
            self._enter(secondary, message)
            self._close_transition(_now())
            started = self._description.get("TrainingStartTime")
        if started is not None:
            seconds = max(1, math.ceil(self._clock.aws_seconds((_now() - started).total_seconds())))
            members |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        super().end(status, reason=reason, **members)

    def _enter(self, status: str, message: str) -> None:
        now = _now()
        self._close_transition(now)
        # A new list, as callers that hold the one before must not see it change.
        self._description["SecondaryStatusTransitions"] = [
            *self._description["SecondaryStatusTransitions"],
            {"Status": status, "StartTime": now, "StatusMessage": message},
        ]
        self._description |= {"SecondaryStatus": status, "LastModifiedTime": now}

    def _close_transition(self, now: datetime) -> None:
        """Note when the last transition ended, in a new list."""
        transitions = self._description["SecondaryStatusTransitions"]
        if transitions:
            self._description["SecondaryStatusTransitions"] = [
                *transitions[:-1],
                {**transitions[-1], "EndTime": transitions[-1].get("EndTime", now)},
            ]

    def _enter_stopping(self) -> None:
        super()._enter_stopping()
        self._enter("Stopping", "Stopping the training job")


class TransformJob(Job):
    """A transform job.

    Attributes:
        container: the container definition of its model, as it was when the job was made.
        role: the model's execution role, if any.
        isolated: whether the model has no network.
    """

    def __init__(
        self,
        request: dict[str, Any],
        arn: str,
        container: dict[str, Any],
        role: str | None,
        *,
        isolated: bool = False,
    ) -> None:
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
        self.isolated = isolated


def shown_members(operation: str, description: dict[str, Any]) -> dict[str, Any]:
    """Return what `operation` (`DescribeTransformJob`) answers of a description: the members its model has."""
    shape = service_model("sagemaker").operation_model(operation).output_shape
    if shape is None:
        raise ValueError(f"{operation} answers nothing")
    return {name: description[name] for name in shape.members if name in description}


def _now() -> datetime:
    return datetime.now(UTC)
