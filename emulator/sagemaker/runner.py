"""Runs jobs, each in a thread and directory of its own, and ends them all."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import TYPE_CHECKING

from emulator.conditions import got_no_instances
from emulator.endpoint import Clients
from emulator.sagemaker.container import JobFolder, Surroundings
from emulator.sagemaker.errors import JobFailedError, JobOutOfTimeError, JobStoppedError
from emulator.sagemaker.jobs import TrainingJob, TransformJob
from emulator.sagemaker.ports import PortDesk
from emulator.sagemaker.training import run_training
from emulator.sagemaker.transform import run_transform

if TYPE_CHECKING:
    from emulator.conditions import JobCourse
    from emulator.endpoint import EmulatorSettings
    from emulator.sagemaker.limits import Limits

_LOGGER = logging.getLogger(__name__)


class JobRunner:
    """All jobs of one emulator that have not ended. There is no queue: every job runs at once, as on AWS."""

    def __init__(self, settings: EmulatorSettings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._clients = Clients(settings.url)
        self._ports = PortDesk()
        self._root = settings.work_dir / "sagemaker"
        self._conditions = settings.conditions
        self._lock = threading.Lock()
        self._running: dict[str, tuple[TrainingJob | TransformJob, threading.Thread]] = {}
        self._closed = False

    def start(self, job: TrainingJob | TransformJob, account: str, region: str) -> None:
        """Begin a job; returns at once."""
        if self._conditions.run_job(job, account, region):
            return
        thread = threading.Thread(
            target=self._run,
            args=(job, account, region),
            name=f"sagemaker-{job.kind.resource}",
            daemon=True,
        )
        with self._lock:
            if self._closed:
                return
            self._running[job.arn] = (job, thread)
            thread.start()

    def shut_down(self) -> None:
        """Kill every process, wait for the threads, remove the directories."""
        self._conditions.shut_down(self._limits.shutdown)
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for job, _ in running:
            job.control.stop(abandon=True)
        deadline = time.monotonic() + self._limits.shutdown
        for _, thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))
        shutil.rmtree(self._root, ignore_errors=True)

    def _run(self, job: TrainingJob | TransformJob, account: str, region: str) -> None:
        try:
            while True:
                folder = JobFolder(self._root / region / job.arn.rpartition(":")[2])
                try:
                    self._run_once(job, folder, account, region)
                    break
                except JobFailedError as error:
                    if not isinstance(job, TrainingJob) or not job.begins_again(str(error)):
                        raise
                finally:
                    folder.remove()
        except JobOutOfTimeError:
            job.end("Stopped", secondary="MaxRuntimeExceeded")
        except JobStoppedError:
            job.end("Stopped")
        except JobFailedError as error:
            job.end("Failed", reason=str(error))
        except Exception as error:
            # Any error: a thread that dies silently would leave the job InProgress for ever.
            if not job.control.abandoned:
                _LOGGER.warning("%s could not be run", job.arn, exc_info=True)
            job.end(
                "Failed", reason=f"InternalServerError: We encountered an internal error. ([emulator] {error!r})"
            )
        finally:
            with self._lock:
                self._running.pop(job.arn, None)

    def _run_once(self, job: TrainingJob | TransformJob, folder: JobFolder, account: str, region: str) -> None:
        course = self._conditions.course_of(job)
        surroundings = Surroundings(
            settings=self._settings,
            limits=self._limits,
            ports=self._ports,
            s3=self._clients.get("s3", region),
            account=account,
            region=region,
            clock=self._conditions.clock,
        )
        self._undergo(job, course)
        if isinstance(job, TrainingJob):
            run_training(job, folder, surroundings, course)
        else:
            run_transform(job, folder, surroundings, course)

    def _undergo(self, job: TrainingJob | TransformJob, course: JobCourse) -> None:
        """Wait for a start that is slow; end a run that is not to come to its image.

        Raises:
            JobFailedError: it fails.
            JobStoppedError: it is stopped, or its time is up.
        """
        self._wait(job, course.start_seconds)
        if course.status == "Completed":
            return
        if not got_no_instances(course):
            job.start()
            seconds = course.run_seconds or 0.0
            longest = job.seconds_left if isinstance(job, TrainingJob) else seconds
            self._wait(job, min(seconds, longest))
            if longest < seconds:
                raise JobOutOfTimeError
        if course.status == "Failed":
            raise JobFailedError(course.failure_reason)
        job.stop()
        job.control.raise_if_stopping()

    def _wait(self, job: TrainingJob | TransformJob, aws_seconds: float) -> None:
        job.control.wait_for(lambda: job.control.stopping, self._conditions.clock.real_seconds(aws_seconds))
        job.control.raise_if_stopping()
