"""What each SageMaker action does: refuse, record, start, stop, describe."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from emulator.sagemaker.errors import ResourceInUseError, ValidationError
from emulator.sagemaker.jobs import (
    TRAINING,
    TRANSFORM,
    JobKind,
    TrainingJob,
    TransformJob,
    resource_arn,
    shown_members,
)
from emulator.sagemaker.listing import answer_list
from emulator.sagemaker.rules import (
    check_model_request,
    check_training_request,
    check_transform_model,
    check_transform_request,
    containers,
)
from emulator.sagemaker.s3_files import S3Place, missing_objects_message
from emulator.sagemaker.stored_objects import StoredObjects

if TYPE_CHECKING:
    from emulator.conditions import Conditions
    from emulator.sagemaker.moto_actions import Backend
    from emulator.sagemaker.runner import JobRunner

_Answer = dict[str, Any]
_Request = dict[str, Any]


class SageMakerApi:
    """The actions; each takes moto's backend of the caller's account and Region and a checked request."""

    def __init__(self, runner: JobRunner, conditions: Conditions) -> None:
        self._runner = runner
        self._conditions = conditions
        # A name is looked up and taken in one step.
        self._lock = threading.Lock()

    def create_training_job(self, backend: Backend, request: _Request) -> _Answer:
        """CreateTrainingJob.

        Raises:
            ValidationError: a rule is broken, or a channel has no objects.
            ResourceInUseError: the name is taken.
            ResourceLimitError: the account has not so many instances left.
        """
        check_training_request(request)
        name = request["TrainingJobName"]
        arn = resource_arn(TRAINING.resource, name, backend.region_name, backend.account_id)
        taken = (
            "Training job names must be unique within an AWS account and region, "
            f"and a training job with this name already exists ({arn})"
        )
        self._refuse_taken(backend.training_jobs, name, taken)
        for channel in request.get("InputDataConfig", []):
            self._refuse_missing(channel["DataSource"]["S3DataSource"]["S3Uri"], request["RoleArn"], backend)
        job = TrainingJob(request, arn, self._conditions.clock)
        self._begin(backend, backend.training_jobs, job, taken)
        return {"TrainingJobArn": arn}

    def create_transform_job(self, backend: Backend, request: _Request) -> _Answer:
        """CreateTransformJob.

        Raises:
            ValidationError: a rule is broken, the model does not exist, or there is no input.
            ResourceInUseError: the name is taken.
            ResourceLimitError: the account has not so many instances left.
        """
        check_transform_request(request)
        name = request["TransformJobName"]
        arn = resource_arn(TRANSFORM.resource, name, backend.region_name, backend.account_id)
        taken = (
            "Job name must be unique within an AWS account and region, "
            f"and a job with this name already exists ({arn})"
        )
        self._refuse_taken(backend.transform_jobs, name, taken)
        model = backend.describe_model(request["ModelName"]).response_object
        container = check_transform_model(model)
        role = model.get("ExecutionRoleArn")
        self._refuse_missing(request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"], role, backend)
        job = TransformJob(request, arn, container, role, isolated=model.get("EnableNetworkIsolation", False))
        self._begin(backend, backend.transform_jobs, job, taken)
        return {"TransformJobArn": arn}

    def create_model(self, backend: Backend, request: _Request) -> _Answer:
        """CreateModel.

        Raises:
            ValidationError: a rule is broken, the name is taken, or the artifact does not exist.
        """
        check_model_request(request)
        # A name that is taken is refused before a missing artifact.
        if not backend.has_model(request["ModelName"]):
            for container in containers(request):
                self._refuse_missing_artifact(container.get("ModelDataUrl"), backend)
        with self._lock:
            model = backend.create_model(
                model_name=request["ModelName"],
                execution_role_arn=request.get("ExecutionRoleArn"),
                primary_container=request.get("PrimaryContainer"),
                vpc_config=request.get("VpcConfig"),
                containers=request.get("Containers"),
                tags=request.get("Tags"),
            )
            # moto makes up a role where none was given.
            model.execution_role_arn = request.get("ExecutionRoleArn")
            model.enable_network_isolation = request.get("EnableNetworkIsolation", False)
            model.inference_execution_config = request.get("InferenceExecutionConfig")
        return {"ModelArn": model.arn}

    def describe_training_job(self, backend: Backend, request: _Request) -> _Answer:
        """DescribeTrainingJob; ValidationError when there is none."""
        job = _find(backend.training_jobs, TRAINING, request)
        return shown_members("DescribeTrainingJob", job.describe())

    def describe_transform_job(self, backend: Backend, request: _Request) -> _Answer:
        """DescribeTransformJob; ValidationError when there is none."""
        job = _find(backend.transform_jobs, TRANSFORM, request)
        return shown_members("DescribeTransformJob", job.describe())

    def describe_model(self, backend: Backend, request: _Request) -> _Answer:
        """DescribeModel; ValidationError when there is none."""
        description: _Answer = backend.describe_model(request["ModelName"]).response_object
        # moto keeps what was not given as empty.
        kept = {name: value for name, value in description.items() if value not in ({}, [])}
        return shown_members("DescribeModel", kept)

    def list_training_jobs(self, backend: Backend, request: _Request) -> _Answer:
        """ListTrainingJobs."""
        return answer_list(
            "ListTrainingJobs", request, [job.summary() for job in list(backend.training_jobs.values())]
        )

    def list_transform_jobs(self, backend: Backend, request: _Request) -> _Answer:
        """ListTransformJobs."""
        return answer_list(
            "ListTransformJobs", request, [job.summary() for job in list(backend.transform_jobs.values())]
        )

    def list_models(self, backend: Backend, request: _Request) -> _Answer:
        """ListModels."""
        return answer_list("ListModels", request, [model.response_object for model in list(backend.list_models())])

    def stop_training_job(self, backend: Backend, request: _Request) -> None:
        """StopTrainingJob; ValidationError when there is none or it has ended."""
        _find(backend.training_jobs, TRAINING, request).stop()

    def stop_transform_job(self, backend: Backend, request: _Request) -> None:
        """StopTransformJob; ValidationError when there is none or it has ended."""
        _find(backend.transform_jobs, TRANSFORM, request).stop()

    def delete_model(self, backend: Backend, request: _Request) -> None:
        """DeleteModel; ValidationError when there is none."""
        with self._lock:
            backend.delete_model(request["ModelName"])

    def _begin(self, backend: Backend, jobs: dict[str, Any], job: TrainingJob | TransformJob, taken: str) -> None:
        with self._lock:
            _refuse_taken_name(jobs, job.name, taken)
            # A job that is refused because of the instance quota has not used up its name.
            self._conditions.take_instances(job, backend.region_name)
            jobs[job.name.lower()] = job
        self._runner.start(job, backend.account_id, backend.region_name)

    def _refuse_taken(self, jobs: dict[str, Any], name: str, message: str) -> None:
        with self._lock:
            _refuse_taken_name(jobs, name, message)

    def _refuse_missing(self, uri: str, role: str | None, backend: Backend) -> None:
        if not StoredObjects(backend.account_id).has_objects(S3Place.parse(uri)):
            raise ValidationError(missing_objects_message(uri, role, backend.region_name))

    def _refuse_missing_artifact(self, url: str | None, backend: Backend) -> None:
        if not url:
            return
        if not StoredObjects(backend.account_id).has_object(S3Place.parse(url)):
            raise ValidationError(f"Could not find model data at {url}.")


def _refuse_taken_name(jobs: dict[str, Any], name: str, message: str) -> None:
    if name.lower() in jobs:
        raise ResourceInUseError(message)


def _find(jobs: dict[str, Any], kind: JobKind, request: _Request) -> Any:
    name = request[kind.name_key]
    job = jobs.get(name.lower())
    if job is None:
        # The two services answer differently.
        raise ValidationError(
            "Requested resource not found."
            if kind is TRAINING
            else f"Could not find requested job with name: {name}"
        )
    return job
