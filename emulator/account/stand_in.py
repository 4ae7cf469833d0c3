"""Jobs that run no image: they wait as long as the plan says, then write what an image would have written."""

from __future__ import annotations

import functools
import gzip
import io
import tarfile
import threading
from typing import TYPE_CHECKING, Any

from emulator.account.schedule import Schedule
from emulator.conditions import got_no_instances
from emulator.sagemaker.errors import JobFailedError
from emulator.sagemaker.jobs import TrainingJob
from emulator.sagemaker.s3_files import S3Place, missing_objects_message
from emulator.sagemaker.stored_objects import StoredObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.account.outcomes import Outcomes
    from emulator.account.plan import StandInJobs
    from emulator.clock import Clock
    from emulator.sagemaker.jobs import TransformJob


class StandIns:
    """All stand-ins of one emulator. One thread takes each of their steps, so ten thousand may wait at once.

    Args:
        durations: how long they run.
        clock: the account's.
        outcomes: how each run of a job goes.
    """

    def __init__(self, durations: StandInJobs, clock: Clock, outcomes: Outcomes) -> None:
        self.durations = durations
        self.outcomes = outcomes
        self._clock = clock
        self._schedule = Schedule("sagemaker-stand-ins")
        self._lock = threading.Lock()
        self._running: dict[str, TrainingJob | TransformJob] = {}

    def start(self, job: TrainingJob | TransformJob, account: str, region: str) -> None:
        """Begin a job; returns at once."""
        with self._lock:
            self._running[job.arn] = job
        job.on_end(lambda: self._forget(job.arn))
        run = _TrainingRun if isinstance(job, TrainingJob) else _TransformRun
        run(self, job, StoredObjects(account), region).begin()

    def after(self, aws_seconds: float, step: Callable[[], None]) -> None:
        """Take a step in so many AWS seconds."""
        self._schedule.after(self._clock.real_seconds(aws_seconds), step)

    def shut_down(self, seconds: float) -> None:
        """End them all as Stopped, `seconds` at most for the step under way."""
        self._schedule.close(seconds)
        with self._lock:
            running = list(self._running.values())
        for job in running:
            job.end("Stopped")

    def _forget(self, arn: str) -> None:
        with self._lock:
            self._running.pop(arn, None)


class _TransformRun:
    """A transform job's way; every step is taken by the schedule's thread, so none needs a lock."""

    def __init__(
        self, stand_ins: StandIns, job: TrainingJob | TransformJob, objects: StoredObjects, region: str
    ) -> None:
        self._stand_ins = stand_ins
        self._job = job
        self._objects = objects
        self._region = region
        self._ended = False

    def begin(self) -> None:
        """Enter the first phase."""
        self._attempt()
        self._job.control.on_stop(functools.partial(self._after, 0.0, self._stop))

    def _attempt(self) -> None:
        self._outcome = self._stand_ins.outcomes.of_run(self._job)
        self._after(self._outcome.start_seconds, self._start)

    def _after(self, aws_seconds: float, step: Callable[[], None]) -> None:
        self._stand_ins.after(aws_seconds, functools.partial(self._take, step))

    def _take(self, step: Callable[[], None]) -> None:
        if self._ended:
            return
        try:
            step()
        except JobFailedError as error:
            self._end("Failed", reason=str(error))
        except Exception as error:
            # Any error, which the schedule logs: otherwise the job would be InProgress for ever.
            self._end("Failed", reason=f"InternalServerError: We encountered an internal error. ({error!r})")
            raise

    def _start(self) -> None:
        if got_no_instances(self._outcome):
            raise JobFailedError(self._outcome.failure_reason)
        self._job.start()
        self._after(self._seconds(), self._finish)

    def _seconds(self) -> float:
        seconds = self._outcome.run_seconds
        return self._usual_seconds() if seconds is None else seconds

    def _usual_seconds(self) -> float:
        return self._stand_ins.durations.transform_seconds

    def _finish(self) -> None:
        if self._outcome.status == "Failed":
            raise JobFailedError(self._outcome.failure_reason)
        if self._outcome.status == "Stopped":
            self._job.stop()
            return
        if not self._outcome.without_artifact:
            self._write()
        self._end("Completed")

    def _stop(self) -> None:
        self._end("Stopped")

    def _end(self, status: str, *, reason: str | None = None, **members: Any) -> None:
        self._ended = True
        self._job.end(status, reason=reason, **members)

    def _write(self) -> None:
        """One small `.out` for each input file."""
        uri = self._job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        output = S3Place.parse(self._job.request["TransformOutput"]["S3OutputPath"])
        found = False
        for file in self._objects.files(S3Place.parse(uri)):
            found = True
            self._put(output.under(f"{file.relative}.out"), f"{self._job.name}\n".encode())
        if not found:
            role = getattr(self._job, "role", None)
            missing = missing_objects_message(uri, role, self._region)
            raise JobFailedError(f"ClientError: Data download failed:{missing}")

    def _put(self, place: S3Place, content: bytes) -> None:
        if not self._objects.put(place, content):
            raise JobFailedError(f"ClientError: Artifact upload failed:NoSuchBucket: {place}")


class _TrainingRun(_TransformRun):
    """A training job's way, with its phases and its limit."""

    _job: TrainingJob

    def _start(self) -> None:
        if not got_no_instances(self._outcome):
            self._job.enter_phase("Training", "Training image download completed. Training in progress.")
        super()._start()
        longest = self._job.seconds_left
        if longest < self._seconds():
            self._after(longest, self._run_out_of_time)

    def _usual_seconds(self) -> float:
        return self._stand_ins.durations.training_seconds

    def _run_out_of_time(self) -> None:
        self._end_with_artifact("Stopped", secondary="MaxRuntimeExceeded")

    def _stop(self) -> None:
        self._end_with_artifact("Stopped")

    def _end(self, status: str, *, reason: str | None = None, **members: Any) -> None:
        if status == "Completed":
            self._end_with_artifact(status)
            return
        if status == "Failed" and self._job.begins_again(reason or ""):
            self._attempt()
            return
        super()._end(status, reason=reason, **members)

    def _end_with_artifact(self, status: str, **members: Any) -> None:
        # As on AWS, the description has the address even if there was nothing to store.
        super()._end(status, ModelArtifacts={"S3ModelArtifacts": str(self._artifact())}, **members)

    def _artifact(self, name: str = "model.tar.gz") -> S3Place:
        output = S3Place.parse(self._job.request["OutputDataConfig"]["S3OutputPath"])
        return output.under(self._job.name, "output", name)

    def _write(self) -> None:
        """Write a small model, and the sample: to the place in the job's environment, or into an isolated job's output."""
        self._job.enter_phase("Uploading", "Uploading generated training model")
        self._put(self._artifact(), _archive("model.json", b"{}\n"))
        sample = f"stand-in\n{self._job.name}\n".encode()
        environment = self._job.request.get("Environment", {})
        if self._job.request.get("EnableNetworkIsolation"):
            self._put(self._artifact("output.tar.gz"), _archive("sample_prediction.csv", sample))
        elif environment.get("upload_sample_to_s3") == "true":
            folder = S3Place(environment["sample_s3_bucket"], environment["sample_s3_prefix"])
            self._put(folder.under("sample_prediction.csv"), sample)


@functools.lru_cache(maxsize=8)
def _archive(name: str, content: bytes) -> bytes:
    """Return an archive of one file that can be unpacked."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
