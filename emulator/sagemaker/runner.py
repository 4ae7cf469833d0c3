"""Runs jobs, each in a thread and directory of its own, and ends them all."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

from emulator.endpoint import Clients
from emulator.sagemaker.container import JobFolder, Surroundings
from emulator.sagemaker.errors import JobFailedError, JobStoppedError
from emulator.sagemaker.jobs import TrainingJob, TransformJob
from emulator.sagemaker.ports import PortDesk
from emulator.sagemaker.training import run_training
from emulator.sagemaker.transform import run_transform

if TYPE_CHECKING:
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
        self._lock = threading.Lock()
        self._running: dict[str, tuple[TrainingJob | TransformJob, threading.Thread]] = {}
        self._closed = False

    def client(self, service: str, region: str) -> Any:
        """A boto3 client of the emulator itself."""
        return self._clients.get(service, region)

    def start(self, job: TrainingJob | TransformJob, account: str, region: str) -> None:
        """Begin a job; returns at once."""
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
        folder = None
        try:
            folder = JobFolder(self._root / region / job.arn.rpartition(":")[2])
            surroundings = Surroundings(
                settings=self._settings,
                limits=self._limits,
                ports=self._ports,
                s3=self._clients.get("s3", region),
                account=account,
                region=region,
            )
            if isinstance(job, TrainingJob):
                run_training(job, folder, surroundings)
            else:
                run_transform(job, folder, surroundings)
        except JobStoppedError:
            job.end("Stopped")
        except JobFailedError as error:
            job.end("Failed", reason=str(error))
        except Exception as error:
            # Whatever it is: a thread that died without a word would leave the job InProgress for ever.
            if not job.control.abandoned:
                _LOGGER.warning("%s could not be run", job.arn, exc_info=True)
            job.end(
                "Failed", reason=f"InternalServerError: We encountered an internal error. ([emulator] {error!r})"
            )
        finally:
            if folder is not None:
                folder.remove()
            with self._lock:
                self._running.pop(job.arn, None)
