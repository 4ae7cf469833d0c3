"""Every failure this application can name; the class name is what the state machine sees as the error.

PipelineError
├── UserError                    the request, the data or the settings are wrong: never retried
│   ├── InvalidRequestError          an event or a run request breaks its contract
│   ├── ImageNotSetError             the stack was deployed without ImageUri
│   ├── ExistingResourceError        a bucket or role that the stack was given cannot be used
│   ├── DataNotFoundError            an S3 object or prefix that a job should read is not there
│   ├── DataNotReadableError         this stack's role may not read it, or it holds something else
│   ├── DataEmptyError               the object is there and has no bytes
│   ├── DataAmbiguousError           SageMaker would read more objects than the one that is meant
│   ├── DataTooLargeError            it is more than one request, or one run, may hold
│   ├── ModelNotFoundError           the item's last model has been removed since
│   ├── RunNotFoundError             a run to look at has no items.json
│   ├── NothingToRerunError          every item of the run to rerun has succeeded
│   └── ServiceRefusedError          AWS refused a call for good (validation, access, not found)
├── StateError                   what happened before forbids this step: never retried
│   ├── TrainingNotCompletedError    the training job did not end as Completed
│   ├── ModelWorseThanBaselineError  the training's own metrics say that a naive guess is better
│   ├── NameTakenError               another job or model has this name and differs
│   ├── JobNotFoundError             there is no job of this name to be followed
│   ├── JobFailedError               the job that was followed did not end as Completed
│   ├── JobOverdueError              the job that is followed takes longer than it may
│   ├── DataChangedError             a job has read other data than the run had found for it
│   ├── RunConflictError             another execution has written this run's files
│   └── RunNotEndedError             a run that must have ended is still under way
├── SettingsError                the function's own environment is wrong: never retried
├── JobNotEndedError             the job that is followed is still under way: the definition asks again, for days if it must
└── PlatformError                AWS failed us for now: retried by the definition
    ├── ServiceThrottledError        a rate or a quota is used up
    └── ServiceUnavailableError      a 5xx answer, a broken connection or a time-out
"""

from __future__ import annotations


class PipelineError(Exception):
    """Base of every error that a handler raises on purpose."""


class UserError(PipelineError):
    """The caller can mend it; trying again as it is cannot."""


class InvalidRequestError(UserError):
    """A request breaks its contract.

    Attributes:
        problems: one sentence for each thing that is wrong, each naming where.
    """

    # Step Functions cuts a Cause at 32,768 characters; the JSON around the message needs some of them.
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
    """The bucket or role that the stack was deployed with is not there, or not as SageMaker needs it."""


class DataNotFoundError(UserError):
    """An object that a job should read does not exist."""


class DataNotReadableError(UserError):
    """The stack's role may not read an object, or what it holds is not what belongs there."""


class DataEmptyError(UserError):
    """An object that a job should read has no bytes."""


class DataAmbiguousError(UserError):
    """More objects than the one meant would be read: SageMaker takes a URI as a prefix, and of a folder everything."""


class DataTooLargeError(UserError):
    """An object has more bytes than can be sent or read at once."""


class ModelNotFoundError(UserError):
    """The item's last accepted model is no longer in SageMaker; runs remove the models that they make."""


class RunNotFoundError(UserError):
    """There is no run of this id, or nothing of it that could be read."""


class NothingToRerunError(UserError):
    """No item of the run is left to be run again."""


class ServiceRefusedError(UserError):
    """AWS refused a call: trying again cannot change it."""


class StateError(PipelineError):
    """An earlier step's outcome forbids this one."""


class TrainingNotCompletedError(StateError):
    """The training job ended in another status than Completed."""


class ModelWorseThanBaselineError(StateError):
    """The model errs more than MaximumErrorRatio allows beside the baseline."""


class NameTakenError(StateError):
    """A job or model of this name exists and is not the one asked for."""


class JobNotFoundError(StateError):
    """There is no job of this name: SageMaker has not started it."""


class JobFailedError(StateError):
    """A job that was followed after its start's answer was lost ended as Failed or Stopped."""


class JobOverdueError(StateError):
    """A job that is followed has not ended in the time that it may take."""


class DataChangedError(StateError):
    """What a job was to read has changed since PrepareRun found it, so the result may be of other data."""


class RunConflictError(StateError):
    """Another execution wrote this run's files."""


class RunNotEndedError(StateError):
    """The run, or another rerun of it, is still under way."""


class SettingsError(PipelineError):
    """The function's environment lacks or misstates a setting."""


class JobNotEndedError(PipelineError):
    """A job that is followed has not ended; no failure, but the definition's reason to ask again."""


class PlatformError(PipelineError):
    """AWS did not do its part this time."""


class ServiceThrottledError(PlatformError):
    """AWS asks to come back later."""


class ServiceUnavailableError(PlatformError):
    """AWS did not answer, or answered with a fault of its own."""
