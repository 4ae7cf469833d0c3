"""The optimised SageMaker integration: createTrainingJob and createTransformJob, waited for with `.sync`.

Touches moto's private parts: `state_task_service_for` and `StateTaskService`, the base of its service tasks; the
jobs that SageMaker's backend keeps, to hear of their end.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from moto.sagemaker.models import sagemaker_backends
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
    StateTaskService,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from emulator.moto_patches import replace
from emulator.stepfunctions.check_tasks import SYNC, is_sagemaker_supported, unknown_resource, unproven_job_fields
from emulator.stepfunctions.connection import client_for
from emulator.stepfunctions.environment import ExecutionEnvironment
from emulator.stepfunctions.errors import TASK_FAILED
from emulator.stepfunctions.evaluation import AttemptOverError
from emulator.stepfunctions.parameters import operation, to_request, unsupported
from emulator.stepfunctions.payloads import compact_json
from emulator.stepfunctions.results import epoch_milliseconds, plain, sdk_metadata
from emulator.stepfunctions.task_failures import refusal_cause, refused_parameters, task_failure

# How often a job is looked at that does not tell of its end, or whose look was refused: this many seconds apart, more
# if that made more calls a second than this in all.
POLL_SECONDS = 0.2
POLLS_PER_SECOND = 60
STOP_ATTEMPTS = 5
STARTED_BY_US = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}
_SERVICE = "sagemaker"
# Codes that are reported under a name of their own; all others are AmazonSageMakerException.
_NAMED = {
    "ConflictException": "ConflictException",
    "ResourceInUse": "ResourceInUseException",
    "ResourceLimitExceeded": "ResourceLimitExceededException",
    "ResourceNotFound": "ResourceNotFoundException",
}


@dataclass(frozen=True)
class Job:
    """How the jobs that one action makes are looked at and stopped."""

    describe: str
    stop: str
    name: str
    status: str
    kept_in: str


JOBS = {
    "createTrainingJob": Job(
        "describe_training_job", "stop_training_job", "TrainingJobName", "TrainingJobStatus", "training_jobs"
    ),
    "createTransformJob": Job(
        "describe_transform_job", "stop_transform_job", "TransformJobName", "TransformJobStatus", "transform_jobs"
    ),
}


class _Pace:
    """Shares the polls a second among the tasks that wait, so that a thousand do not keep a processor busy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    def __enter__(self) -> None:
        with self._lock:
            self._waiting += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._waiting -= 1

    def seconds(self) -> float:
        """Time until the next look."""
        return max(POLL_SECONDS, self._waiting / POLLS_PER_SECOND)


_pace = _Pace()


class SageMakerTask(StateTaskService):  # type: ignore[misc]  # moto is not followed by mypy
    """A Task on `arn:aws:states:::sagemaker:<action>` or `…<action>.sync`; one object serves all executions."""

    # It looks at its frame's deadline while it waits, so it needs no thread that is given up.
    keeps_deadline = True

    @property
    def waits_for_job(self) -> bool:
        """Whether its time is a job's, which passes by the account's clock."""
        return bool(self.resource.condition == SYNC)

    def _get_sfn_resource(self) -> str:
        action: str = self.resource.api_action
        return f"{action}.{self.resource.condition}" if self.resource.condition else action

    def _validate_service_integration_is_supported(self) -> None:
        action, condition = self.resource.api_action, self.resource.condition
        if not is_sagemaker_supported(action, condition):
            raise ValueError(unknown_resource(self.resource.resource_arn))

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            name = error_name(str(ex.response["Error"].get("Code")))
            return task_failure(self, env, name, refusal_cause(ex, "AmazonSageMaker"))
        if isinstance(ex, BotoCoreError):
            return task_failure(self, env, "SageMaker.SdkClientException", str(ex))
        return super()._from_error(env=env, ex=ex)

    def _eval_service_task(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
    ) -> None:
        del state_credentials
        model = operation(_SERVICE, self.resource.api_action)
        problems: list[str] = []
        request = dict(normalised_parameters)
        if model.input_shape is not None:
            request = to_request(request, model.input_shape, problems)
        # What the definition only refers to is seen now.
        problems += [unsupported(name) for name in unproven_job_fields(self.resource.api_action, request)]
        if problems:
            raise refused_parameters(self, env, normalised_parameters, problems)
        if self.resource.condition == SYNC:
            request["Tags"] = [*request.get("Tags", []), STARTED_BY_US]
        client = client_for(resource_runtime_part.region, _SERVICE)
        response = getattr(client, xform_name(model.name))(**request)
        env.stack.append({**sdk_metadata(response), **plain(response, epoch_milliseconds)})

    def _after_eval_execution(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
    ) -> None:
        if self.resource.condition == SYNC:
            env.event_manager.add_event(
                context=env.event_history_context,
                event_type=HistoryEventType.TaskSubmitted,
                event_details=EventDetails(
                    taskSubmittedEventDetails={
                        "resource": self._get_sfn_resource(),
                        "resourceType": self._get_sfn_resource_type(),
                        "output": compact_json(env.stack[-1]),
                        "outputDetails": {"truncated": False},
                    }
                ),
            )
            env.stack[-1] = self._wait_for_job(env, resource_runtime_part.region, normalised_parameters)
        super()._after_eval_execution(env, resource_runtime_part, normalised_parameters, state_credentials)

    def _wait_for_job(self, env: ExecutionEnvironment, region: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the job's description once it is Completed.

        Raises:
            FailureEventException: States.TaskFailed with the description as Cause; the job is Failed or Stopped.
            EvalTimeoutError: the task's time is up; the job goes on, for AWS does not promise to stop it.
            AttemptOverError: the execution is over; unless for the lack of time, the job has been told to stop.
        """
        job = JOBS[self.resource.api_action]
        who = {job.name: parameters[job.name]}
        client = client_for(region, _SERVICE)
        jobs: dict[str, Any] = getattr(_backend(env, region), job.kept_in)
        if (running := jobs.get(str(parameters[job.name]).lower())) is not None:
            _await_end(env, running)
        with _pace:
            while env.is_running():
                described = _look(client, job, who)
                status = described.get(job.status)
                if status == "Completed":
                    return dict(described)
                if status in {"Failed", "Stopped"}:
                    raise FailureEventException(task_failure(self, env, TASK_FAILED, compact_json(described)))
                left = env.seconds_left()
                if left is not None and left <= 0:
                    env.timed_out = True
                    raise EvalTimeoutError
                pause = _pace.seconds()
                env.ended.wait(pause if left is None else min(pause, left))
        # Step Functions promises to cancel a job for a stop and for a failure beside it, not for the lack of time.
        if not env.is_out_of_time():
            stop_job(client, job.stop, who)
        raise AttemptOverError


def _backend(env: ExecutionEnvironment, region: str) -> Any:
    return sagemaker_backends[env.aws_execution_details.account][region]


def _await_end(env: ExecutionEnvironment, job: Any) -> None:
    """Sleep until the job has ended, the task's time is up, or the execution is over."""
    something = threading.Event()
    env.wake(something)
    job.on_end(something.set)
    something.wait(env.seconds_left())


def _look(client: Any, job: Job, who: dict[str, Any]) -> dict[str, Any]:
    """Return the job's description; nothing if the call failed in a way that passes, for Step Functions asks again then."""
    try:
        described: dict[str, Any] = plain(getattr(client, job.describe)(**who), epoch_milliseconds)
    except BotoCoreError:
        return {}
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if "Throttling" in error.response["Error"].get("Code", "") or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return {}
        raise
    return described


def error_name(code: str) -> str:
    """Return the name under which an error code of SageMaker reaches Retry and Catch."""
    return f"SageMaker.{_NAMED.get(code, 'AmazonSageMakerException')}"


def stop_job(client: Any, stop: str, who: dict[str, Any]) -> None:
    """Tell a job to stop, as Step Functions does for a stopped execution: best effort, failure goes unreported."""
    for attempt in range(STOP_ATTEMPTS):
        try:
            getattr(client, stop)(**who)
        except ClientError as error:
            # A job that is over cannot be stopped; anything else may pass.
            if error.response["Error"].get("Code") in {"ValidationException", "ResourceNotFound"}:
                return
            time.sleep(0.2 * (attempt + 1))
        except BotoCoreError:
            return
        else:
            return


_state_task_service_for = state_task_service_factory.state_task_service_for


def service_task(service_name: str) -> Any:
    """Return the task for a service: ours for SageMaker, moto's for the others."""
    return SageMakerTask() if service_name == _SERVICE else _state_task_service_for(service_name)


def install() -> None:
    """Make SageMaker's tasks ours; the factory is also imported by name."""
    for module in (state_task_service_factory, state_task_factory):
        replace(module, "state_task_service_for", service_task, expects=("service_name",))
