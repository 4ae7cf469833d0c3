"""What an account does to calls and jobs, apart from answering and running them: nothing, unless one is played.

The emulator asks an object of `Conditions` wherever an account of AWS has limits, faults or a pace of its own.
`emulator.account` plays such accounts; nothing else of the emulator depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from emulator.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from emulator.endpoint import EmulatorSettings
    from emulator.sagemaker.jobs import Job, TrainingJob, TransformJob
    from emulator.sandbox import Outcome

    Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class JobCourse(Protocol):
    """How one run of a job goes.

    Attributes:
        status: its end: Completed, Failed or Stopped. Only a run that is to be Completed comes to its image.
        failure_reason: with Failed.
        start_seconds: AWS seconds it stays in Starting.
        run_seconds: AWS seconds it runs at least; None asks for nothing.
        without_artifact: Completed without what it should have written.
    """

    @property
    def status(self) -> str: ...
    @property
    def failure_reason(self) -> str: ...
    @property
    def start_seconds(self) -> float: ...
    @property
    def run_seconds(self) -> float | None: ...
    @property
    def without_artifact(self) -> bool: ...


@dataclass(frozen=True)
class UndisturbedCourse:
    """The course of a run to which nothing happens."""

    status: str = "Completed"
    failure_reason: str = ""
    start_seconds: float = 0.0
    run_seconds: float | None = None
    without_artifact: bool = False


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function.

    Attributes:
        function_name: the function.
        event: what it is invoked with.
        request_id: of the invocation.
        timeout: the function's, in seconds.
    """

    function_name: str
    event: bytes
    request_id: str
    timeout: float


class Conditions:
    """An account without limits and faults, in which a second lasts a second.

    Attributes:
        clock: how fast the account's time passes.
        instance_quotas: name of a quota of instances → instances, as Service Quotas lists them.
    """

    clock = Clock()
    instance_quotas: Mapping[str, int] = {}

    def start(self, settings: EmulatorSettings) -> None:
        """Prepare for the emulator of `settings`, which starts."""

    def shut_down(self, seconds: float) -> None:
        """End what runs, within `seconds`."""

    def stand_before(self, application: Application) -> Application:
        """Return what answers requests in the place of `application`."""
        return application

    def release(self) -> None:
        """Let no answer wait any longer."""

    def invoke(self, invocation: Invocation, run: Callable[[], Outcome]) -> Outcome:
        """Return the outcome of an invocation that `run` carries out."""
        del invocation
        return run()

    def take_instances(self, job: Job, region: str) -> None:
        """Take the instances of a new job, until it ends.

        Raises:
            ResourceLimitError: the account has not so many left.
        """

    def run_job(self, job: TrainingJob | TransformJob, account: str, region: str) -> bool:
        """Run a job in the place of its image; whether it does."""
        del job, account, region
        return False

    def course_of(self, job: Job) -> JobCourse:
        """Return how the run of `job` goes; called when it begins, and when RetryStrategy has it begin again."""
        del job
        return UndisturbedCourse()


def got_no_instances(course: JobCourse) -> bool:
    """Whether the run ends before its instances start."""
    return course.failure_reason.startswith("CapacityError")
