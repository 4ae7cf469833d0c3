"""Runs one batch transform job: model in, the container's `serve`, input files through it, `.out` files out."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from emulator.sagemaker.container import find_image, start_container
from emulator.sagemaker.errors import JobFailedError
from emulator.sagemaker.logs import JobLog, open_log_stream
from emulator.sagemaker.ports import FIXED_PORT
from emulator.sagemaker.requests import SEE_LOGS, InputFile, RequestSender, RequestSettings
from emulator.sagemaker.s3_files import (
    S3Place,
    download,
    list_files,
    local_path,
    missing_objects_message,
    unpack_gzip,
    unpack_model,
    upload,
)
from emulator.sagemaker.serving import ServingClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.conditions import JobCourse
    from emulator.sagemaker.container import JobFolder, Surroundings
    from emulator.sagemaker.jobs import TransformJob
    from emulator.sagemaker.ports import FixedPort
    from emulator.sagemaker.processes import ContainerProcess

_BATCH_STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25


def run_transform(job: TransformJob, folder: JobFolder, surroundings: Surroundings, course: JobCourse) -> None:
    """Run the job to its end and give it its last status.

    Args:
        job: to be run.
        folder: its own.
        surroundings: shared by all jobs.
        course: how long it takes at least, and whether it leaves its output.

    Raises:
        JobFailedError: it failed; the caller gives it that status.
        JobStoppedError: it was stopped; nothing is stored.
    """
    instance = f"{job.name}/i-{secrets.token_hex(8)}{secrets.token_hex(1)[0]}"
    place = (surroundings.account, surroundings.region, job.kind.log_group)
    log = JobLog(open_log_stream(*place, instance), surroundings.limits)
    data_log = DataLog(JobLog(open_log_stream(*place, f"{instance}/data-log"), surroundings.limits))
    try:
        _TransformRun(job, folder, surroundings, log, data_log).run(course)
    finally:
        log.close()
        data_log.close()


class DataLog:
    """The log in which AWS says what became of the requests."""

    def __init__(self, log: JobLog) -> None:
        self._log = log

    def say(self, text: str) -> None:
        """One line, with time and AWS's mark."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}"
        self._log.write(f"{stamp}:[sagemaker logs]: {text}\n".encode(errors="replace"))

    def close(self) -> None:
        """Nothing follows."""
        self._log.close()


class _TransformRun:
    def __init__(
        self,
        job: TransformJob,
        folder: JobFolder,
        surroundings: Surroundings,
        log: JobLog,
        data_log: DataLog,
    ) -> None:
        self._job = job
        self._request = job.request
        self._folder = folder
        self._surroundings = surroundings
        self._control = job.control
        self._log = log
        self._data_log = data_log

    def run(self, course: JobCourse) -> None:
        began = time.monotonic()
        self._control.raise_if_stopping()
        self._image = find_image(self._job.container["Image"], self._surroundings)
        self._job.start()
        self._fetch_model()
        self._outputs = self._folder.root / "outputs"
        with ExitStack() as stack:
            client = self._serve(stack)
            sender = RequestSender(self._request_settings(client), client, self._control, self._data_log.say)
            finished, failure = sender.send(self._inputs())
        longer = self._surroundings.clock.real_seconds(course.run_seconds or 0.0) - (time.monotonic() - began)
        self._control.wait_for(lambda: self._control.stopping, longer)
        # A stopped job stores nothing; a failed one what was whole before.
        self._control.raise_if_stopping()
        output = S3Place.parse(self._request["TransformOutput"]["S3OutputPath"])
        for source in () if course.without_artifact else finished:
            upload(
                self._surroundings.s3,
                source.output,
                output.under(source.output.relative_to(self._outputs).as_posix()),
            )
        if failure is not None:
            raise failure
        # The container's last words belong before the end.
        self._log.close()
        self._job.end("Completed")

    def _fetch_model(self) -> None:
        model = self._folder.make("model")
        if url := self._job.container.get("ModelDataUrl"):
            archive = self._folder.root / "model.tar.gz"
            download(self._surroundings.s3, S3Place.parse(url), archive)
            unpack_model(archive, model)
            archive.unlink()

    def _serve(self, stack: ExitStack) -> ServingClient:
        """Start the container and wait until it answers; the stack ends it."""
        self._control.raise_if_stopping()
        desk = self._surroundings.ports
        port = stack.enter_context(desk.private_port())
        ports = [port]
        fixed: FixedPort | None = None
        if self._image.named_by_user and not desk.heeds(self._image.command):
            fixed = stack.enter_context(desk.fixed_port(self._control))
            if fixed.is_free():
                ports.append(FIXED_PORT)
            else:
                self._log.note(f"port {FIXED_PORT} is taken by another program: only port {port} is tried")
        process = start_container(
            self._image,
            "serve",
            self._folder,
            environment={
                **self._job.container.get("Environment", {}),
                **self._request.get("Environment", {}),
                **self._batch_environment(),
                "SAGEMAKER_BIND_TO_PORT": str(port),
                "SAGEMAKER_SAFE_PORT_RANGE": f"{port}-{port}",
            },
            surroundings=self._surroundings,
            control=self._control,
            log=self._log,
            isolated=self._job.isolated,
        )
        stack.callback(process.end, 0.0)
        # Requests under way fail at once when the server is gone.
        self._control.on_stop(process.kill)
        found = self._wait_until_healthy(process, ports)
        if fixed is not None and len(ports) > 1:
            desk.learn(self._image.command, heeds=found == port)
        if fixed is not None and found == port:
            fixed.release()
        client = ServingClient(found, self._folder.temporary)
        stack.callback(client.close)
        return client

    def _wait_until_healthy(self, process: ContainerProcess, ports: list[int]) -> int:
        limits = self._surroundings.limits
        deadline = time.monotonic() + limits.health_check
        pause = _FIRST_PAUSE
        while time.monotonic() < deadline:
            for port in ports:
                if ServingClient(port, self._folder.temporary).ping(limits.ping):
                    return port
            # Woken at once by the container's end or a stop.
            process.wait(pause, until_stop=True)
            self._control.raise_if_stopping()
            if process.ended:
                self._data_log.say(f"The container exited with code {process.exit_code} before it answered /ping")
                raise JobFailedError(f"AlgorithmError: {SEE_LOGS}")
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        self._data_log.say(
            f"The container did not pass the ping health check within {limits.health_check:g} seconds: GET /ping "
            "must answer 200"
        )
        raise JobFailedError(f"AlgorithmError: {SEE_LOGS}")

    def _batch_environment(self) -> dict[str, str]:
        """SageMaker's variables; those of the request only when it says something, as on AWS."""
        found = {"SAGEMAKER_BATCH": "true"}
        if payload := self._request.get("MaxPayloadInMB"):
            found["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(payload)
        if strategy := self._request.get("BatchStrategy"):
            found["SAGEMAKER_BATCH_STRATEGY"] = _BATCH_STRATEGIES[strategy]
        if concurrency := self._request.get("MaxConcurrentTransforms"):
            found["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(concurrency)
        return found

    def _request_settings(self, client: ServingClient) -> RequestSettings:
        settings = RequestSettings.choose(self._job.request, client.execution_parameters())
        self._data_log.say(
            f"MaxConcurrentTransforms={settings.concurrency}, MaxPayloadInMB={settings.max_payload_in_mb}, "
            f"BatchStrategy={_BATCH_STRATEGIES[settings.strategy]}"
        )
        return settings

    def _inputs(self) -> Iterator[InputFile]:
        """Return the input files, each fetched when its turn comes."""
        source = self._request["TransformInput"]
        uri = source["DataSource"]["S3DataSource"]["S3Uri"]
        root: Path = self._folder.root / "inputs"
        found = False
        for entry in list_files(self._surroundings.s3, S3Place.parse(uri)):
            found = True
            self._control.raise_if_stopping()
            file = local_path(root, entry.relative)
            download(self._surroundings.s3, entry.place, file)
            if source["CompressionType"] == "Gzip":
                file = unpack_gzip(file)
            output = local_path(self._outputs, f"{entry.relative}.out")
            yield InputFile(file, output, f"{entry.place.bucket}/{entry.place.key}")
        if not found:
            missing = missing_objects_message(uri, self._job.role, self._surroundings.region)
            raise JobFailedError(f"ClientError: Data download failed:{missing}")
