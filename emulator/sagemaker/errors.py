"""What goes wrong with a SageMaker request or job.

    ServiceException (moto: answered to the caller, HTTP 400)
      ValidationError       the request breaks a rule, or names what does not exist
      ResourceInUseError    the job's name is taken
      ResourceLimitError    the account's quota of instances is used up
    Exception
      SerializationError    the request's JSON has the wrong types; answered too, but AWS models no such error
      JobFailedError        ends a job as Failed; its text becomes FailureReason
      JobStoppedError       ends a job as Stopped
        JobOutOfTimeError   because its time is up

Touches moto's private parts: ServiceException's class attribute `code`.
"""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ValidationError(ServiceException):  # type: ignore[misc]  # moto is not followed by mypy
    """The request breaks a rule, or names what does not exist."""

    code = "ValidationException"


class ResourceInUseError(ServiceException):  # type: ignore[misc]  # moto is not followed by mypy
    """The name of a new job is taken."""

    code = "ResourceInUse"


class ResourceLimitError(ServiceException):  # type: ignore[misc]  # moto is not followed by mypy
    """The account's quota of instances is used up."""

    code = "ResourceLimitExceeded"


class SerializationError(Exception):
    """The request's JSON cannot be read as the API's types."""


class JobFailedError(Exception):
    """The job ends as Failed; the text is its FailureReason."""


class JobStoppedError(Exception):
    """The job ends as Stopped, because someone asked for it or the emulator ends."""


class JobOutOfTimeError(JobStoppedError):
    """The job ends as Stopped, because its time is up before its container has run."""
