"""Runs one training job: data in, the container's `train`, model out."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from emulator.sagemaker.container import find_image, start_container
from emulator.sagemaker.errors import JobFailedError, JobStoppedError
from emulator.sagemaker.jobs import FAILURE_REASON_LENGTH
from emulator.sagemaker.logs import JobLog, open_log_stream
from emulator.sagemaker.metrics import MetricScanner
from emulator.sagemaker.rules import checkpoint_folder
from emulator.sagemaker.s3_files import (
    S3Place,
    download,
    list_files,
    local_path,
    missing_objects_message,
    pack_folder,
    unpack_gzip,
    upload,
    upload_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.conditions import JobCourse
    from emulator.sagemaker.container import JobFolder, Surroundings
    from emulator.sagemaker.jobs import TrainingJob
    from emulator.sagemaker.processes import ContainerProcess

HOST = "algo-1"


def run_training(job: TrainingJob, folder: JobFolder, surroundings: Surroundings, course: JobCourse) -> None:
    """Run the job to its end and give it its last status.

    Args:
        job: to be run.
        folder: its own.
        surroundings: shared by all jobs.
        course: how long it takes at least, and whether it leaves a model.

    Raises:
        JobFailedError: it failed; the caller gives it that status.
        JobStoppedError: it was stopped before its container ran.
    """
    stream = f"{job.name}/{HOST}-{int(time.time())}"
    put = open_log_stream(surroundings.account, surroundings.region, job.kind.log_group, stream)
    scanner = MetricScanner(job.request["AlgorithmSpecification"].get("MetricDefinitions", []))
    log = JobLog(put, surroundings.limits, scanner.watch)
    run = _TrainingRun(job, folder, surroundings, log)
    try:
        run.prepare()
        ended = run.train(surroundings.clock.real_seconds(course.run_seconds or 0.0))
        run.finish(ended, scanner, keep_model=not course.without_artifact)
    finally:
        log.close()


class _TrainingRun:
    def __init__(self, job: TrainingJob, folder: JobFolder, surroundings: Surroundings, log: JobLog) -> None:
        self._job = job
        self._request = job.request
        self._folder = folder
        self._surroundings = surroundings
        self._s3 = surroundings.s3
        self._control = job.control
        self._log = log
        self._output = S3Place.parse(job.request["OutputDataConfig"]["S3OutputPath"]).under(job.name, "output")

    def prepare(self) -> None:
        """Find the image, fetch the data, write the configuration."""
        self._job.enter_phase("Starting", "Preparing the instances for training")
        self._image = find_image(self._request["AlgorithmSpecification"]["TrainingImage"], self._surroundings)
        self._model = self._folder.make("model")
        self._output_data = self._folder.make("output/data")
        self._control.raise_if_stopping()
        self._job.start()
        self._job.enter_phase("Downloading", "Downloading input data")
        for channel in self._request.get("InputDataConfig", []):
            self._fetch_channel(channel)
        self._checkpoints = self._fetch_checkpoints()
        self._write_configuration()
        self._note_differences()
        self._control.raise_if_stopping()

    def train(self, at_least: float) -> tuple[str, str, ContainerProcess]:
        """Run `train`, for no less than `at_least` seconds; answers status, secondary status and the ended process."""
        began = time.monotonic()
        self._job.enter_phase("Training", "Training image download completed. Training in progress.")
        process = start_container(
            self._image,
            "train",
            self._folder,
            environment={
                **self._request.get("Environment", {}),
                # Of SageMaker's jobs only training has it: https://github.com/aws/sagemaker-containers/pull/112
                "AWS_REGION": self._surroundings.region,
                "TRAINING_JOB_NAME": self._job.name,
                "TRAINING_JOB_ARN": self._job.arn,
            },
            surroundings=self._surroundings,
            control=self._control,
            log=self._log,
            isolated=self._request.get("EnableNetworkIsolation", False),
        )
        longest = self._surroundings.clock.real_seconds(self._job.seconds_left)
        in_time = process.wait(longest, until_stop=True)
        passed = time.monotonic() - began
        if in_time and passed < at_least:
            self._control.wait_for(lambda: self._control.stopping, min(at_least, longest) - passed)
            in_time = not self._control.stopping and at_least <= longest
        stopped = self._control.stopping and not in_time
        # Once the process has ended, only its log remains to be read.
        grace = self._surroundings.clock.real_seconds(self._surroundings.limits.stop_grace)
        process.end(0.0 if self._control.abandoned else grace)
        if self._control.abandoned:
            raise JobStoppedError
        if in_time:
            return "Completed", "Completed", process
        return "Stopped", "Stopped" if stopped else "MaxRuntimeExceeded", process

    def finish(
        self, ended: tuple[str, str, ContainerProcess], scanner: MetricScanner, *, keep_model: bool
    ) -> None:
        """Store what the container left, and end the job.

        Raises:
            JobFailedError: the container failed, or S3 refused what it left.
        """
        status, secondary, process = ended
        self._job.enter_phase("Uploading", "Uploading generated training model")
        self._store_checkpoints()
        self._store_packed(self._output_data, "output.tar.gz")
        if status == "Completed" and process.exit_code != 0:
            raise JobFailedError(self._failure_reason(process.exit_code))
        # As on AWS, the description has the address even if there was nothing to store.
        if keep_model:
            self._store_packed(self._model, "model.tar.gz")
        self._log.close()
        found: dict[str, Any] = {"FinalMetricDataList": scanner.final} if scanner.final else {}
        self._job.end(
            status,
            secondary=secondary,
            ModelArtifacts={"S3ModelArtifacts": str(self._output.under("model.tar.gz"))},
            **found,
        )

    def _fetch_channel(self, channel: dict[str, Any]) -> None:
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        root = self._folder.make(f"input/data/{channel['ChannelName']}")
        found = False
        for file in list_files(self._s3, S3Place.parse(uri)):
            self._control.raise_if_stopping()
            found = True
            target = local_path(root, file.relative)
            download(self._s3, file.place, target)
            if channel.get("CompressionType") == "Gzip":
                unpack_gzip(target)
        if not found:
            missing = missing_objects_message(uri, self._request["RoleArn"], self._surroundings.region)
            raise JobFailedError(f"ClientError: Data download failed:{missing}")

    def _fetch_checkpoints(self) -> Path | None:
        config = self._request.get("CheckpointConfig")
        if config is None:
            return None
        root = self._folder.make(checkpoint_folder(config).as_posix())
        for file in list_files(self._s3, S3Place.parse(config["S3Uri"]).under("")):
            download(self._s3, file.place, local_path(root, file.relative))
        return root

    def _store_checkpoints(self) -> None:
        if self._checkpoints is not None:
            upload_folder(self._s3, self._checkpoints, S3Place.parse(self._request["CheckpointConfig"]["S3Uri"]))

    def _store_packed(self, folder: Path, name: str) -> None:
        archive = self._folder.root / name
        if pack_folder(folder, archive):
            upload(self._s3, archive, self._output.under(name))

    def _write_configuration(self) -> None:
        config = self._folder.make("input/config")
        algorithm = self._request["AlgorithmSpecification"]
        resources = self._request["ResourceConfig"]
        instance = resources.get("InstanceType") or resources["InstancePreferences"][0]["InstanceType"]
        channels = {
            channel["ChannelName"]: {
                "TrainingInputMode": channel.get("InputMode", algorithm["TrainingInputMode"]),
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            }
            for channel in self._request.get("InputDataConfig", [])
        }
        group = {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": [HOST]}
        for name, content in (
            ("hyperparameters", self._request.get("HyperParameters", {})),
            ("inputdataconfig", channels),
            (
                "resourceconfig",
                {
                    "current_host": HOST,
                    "current_instance_type": instance,
                    "current_group_name": "homogeneousCluster",
                    "hosts": [HOST],
                    "instance_groups": [group],
                    "network_interface_name": "lo",
                },
            ),
        ):
            (config / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")

    def _note_differences(self) -> None:
        count = self._request["ResourceConfig"].get("InstanceCount", 1)
        if count > 1:
            self._log.note(f"InstanceCount is {count}, but this machine is the only one: {HOST} gets all data")

    def _failure_reason(self, exit_code: int | None) -> str:
        failure = self._folder.ml / "output" / "failure"
        try:
            with failure.open(encoding="utf-8", errors="replace") as file:
                text = file.read(FAILURE_REASON_LENGTH)
        except OSError:
            text = ""
        # FailureReason has the exit code even if the container's own text would fill all of it.
        end = f", exit code: {exit_code}"
        return f"AlgorithmError: {text.strip()}"[: FAILURE_REASON_LENGTH - len(end)] + end
