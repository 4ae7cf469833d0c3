"""Every error that this application raises; Step Functions and callers see the class name as the error's name.

PipelineError
├── UserError                    the request, the data or the settings are wrong: never retried
│   ├── InvalidRequestError          an event or a run request breaks its contract
│   ├── ImageNotSetError             the stack was deployed without ImageUri
│   ├── ExistingResourceError        a bucket or role that the stack was given cannot be used
│   ├── DataNotFoundError            an S3 object or prefix that a job should read is not there
│   ├── DataNotReadableError         this stack's role may not read an object, or the object has another content
│   ├── DataEmptyError               an object has no bytes
│   ├── DataAmbiguousError           SageMaker would read more objects than the intended one
│   ├── DataTooLargeError            an object is larger than one request, or one run, may hold
│   ├── ModelNotFoundError           the item's last accepted model is no longer in SageMaker
│   ├── RunNotFoundError             the named run has no items.json
│   ├── NothingToRerunError          every item of the run to rerun has succeeded
│   └── ServiceRefusedError          AWS refused a call, and would again (validation, access, not found)
├── StateError                   an earlier step's outcome forbids this step: never retried
│   ├── TrainingNotCompletedError    the training job did not end as Completed
│   ├── ModelWorseThanBaselineError  by the training's metrics, a naive guess is better
│   ├── NameTakenError               another job or model has this name and differs
│   ├── JobNotFoundError             there is no job of this name to follow
│   ├── JobFailedError               the followed job did not end as Completed
│   ├── JobOverdueError              the followed job runs longer than it may
│   ├── DataChangedError             a job has read other data than PrepareRun found for it
│   ├── RunConflictError             another execution has written this run's files
│   └── RunNotEndedError             a run that must have ended is still running
├── SettingsError                the function's environment is wrong: never retried
├── JobNotEndedError             the followed job still runs: retried by the state machine, for days if necessary
└── PlatformError                a passing failure of AWS: retried by the state machine
    ├── ServiceThrottledError        a rate limit or a quota is used up
    └── ServiceUnavailableError      a 5xx response, a broken connection or a time-out
"""

from __future__ import annotations


class PipelineError(Exception):
    """Base of all errors that this application raises."""


class UserError(PipelineError):
    """The request, the data or the settings are wrong; a retry without a change cannot succeed."""


class InvalidRequestError(UserError):
    """A request breaks its contract.

    Attributes:
        problems: one sentence for each problem, with its place.
    """

    # Step Functions cuts a Cause at 32,768 characters, and the JSON around the message needs some of them.
    MAX_MESSAGE_LENGTH = 24_000

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines: list[str] = []
        length = 0
        for number, problem in enumerate(problems):
            length += len(problem) + 2
            if length > self.MAX_MESSAGE_LENGTH:
                lines.append(f"… and {len(problems) - number} more problems")
                break
            lines.append(problem)
        super().__init__("\n".join(lines))


class ImageNotSetError(UserError):
    """There is no image to train with."""


class ExistingResourceError(UserError):
    """The bucket or role that the stack was given does not exist, or is not as SageMaker needs it."""


class DataNotFoundError(UserError):
    """An object that must be read does not exist."""


class DataNotReadableError(UserError):
    """The stack's role may not read an object, or the object does not hold the expected content."""


class DataEmptyError(UserError):
    """An object that a job should read has no bytes."""


class DataAmbiguousError(UserError):
    """SageMaker would read more objects than the intended one, because it takes every URI as a prefix."""


class DataTooLargeError(UserError):
    """An object is larger than one request, or one read, may be."""


class ModelNotFoundError(UserError):
    """The item's last accepted model is no longer in SageMaker; runs delete the models that they create."""


class RunNotFoundError(UserError):
    """There is no run with this id, or its files cannot be read."""


class NothingToRerunError(UserError):
    """Every item of the run has succeeded."""


class ServiceRefusedError(UserError):
    """AWS refused a call; a retry cannot succeed."""


class StateError(PipelineError):
    """An earlier step's outcome forbids this step."""


class TrainingNotCompletedError(StateError):
    """The training job did not end as Completed."""


class ModelWorseThanBaselineError(StateError):
    """The model's error, divided by the baseline's, is above MaximumErrorRatio."""


class NameTakenError(StateError):
    """A job or model of this name exists and is not the requested one."""


class JobNotFoundError(StateError):
    """There is no job of this name: SageMaker has not started it."""


class JobFailedError(StateError):
    """A followed job ended as Failed or Stopped."""


class JobOverdueError(StateError):
    """A followed job has not ended in the time that it may take."""


class DataChangedError(StateError):
    """A job's input has changed since PrepareRun found it, so the result may be of other data."""


class RunConflictError(StateError):
    """Another execution wrote this run's files."""


class RunNotEndedError(StateError):
    """The run, or another rerun of it, is still running."""


class SettingsError(PipelineError):
    """An environment variable of the function is missing or wrong."""


class JobNotEndedError(PipelineError):
    """A followed job has not ended; the state machine retries on this error until the job ends."""


class PlatformError(PipelineError):
    """A passing failure of AWS."""


class ServiceThrottledError(PlatformError):
    """A rate limit or a quota of AWS is used up for now."""


class ServiceUnavailableError(PlatformError):
    """AWS did not respond, or responded with a server error."""
