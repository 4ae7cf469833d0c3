"""Every failure this container reports by name, and the exit code each kind ends with.

NextPurchaseError               2  an internal error
├── UserError                   1  the data or the settings must be changed before another try
│   ├── DataError                  the item's transactions cannot be used
│   │   └── CannotFitError         they are not enough for this model; another candidate may be possible
│   ├── SettingError               a hyperparameter or environment variable cannot be used
│   ├── ArtifactError              the model folder does not hold a model this version can load
│   └── FullDiskError              the machine's disk is too small for the job
├── PlatformError               3  the same job may succeed when it is started again
└── RequestError                   an HTTP request that is answered with its own status
    ├── EmptyBodyError        204
    ├── BadLineError          400
    ├── NotAcceptableError    406
    └── ContentTypeError      415

StoppedError                  143  SIGTERM stopped the job, which is no failure
"""

from __future__ import annotations

import signal
from http import HTTPStatus
from typing import ClassVar


class NextPurchaseError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code: ClassVar[int] = 2


class UserError(NextPurchaseError):
    """The user's data or settings must change before another try can succeed."""

    exit_code: ClassVar[int] = 1


class DataError(UserError):
    """The item's transactions cannot be read, or are not enough to learn from."""


class CannotFitError(DataError):
    """The data is not enough for this model; another candidate may be possible."""


class SettingError(UserError):
    """A hyperparameter or an environment variable has an unusable value or an unknown name."""


class ArtifactError(UserError):
    """The model folder does not hold a model that this version can load."""


class FullDiskError(UserError):
    """The disk is full; the same job would fill it again."""


class PlatformError(NextPurchaseError):
    """A service did not answer as it should; the same job may succeed later."""

    exit_code: ClassVar[int] = 3


class RequestError(NextPurchaseError):
    """A request that the server refuses with `status` and a message."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class EmptyBodyError(RequestError):
    """The request has no line, so the answer is empty."""

    status: ClassVar[HTTPStatus] = HTTPStatus.NO_CONTENT


class BadLineError(RequestError):
    """A line of the request cannot be scored; the message names line and column."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class NotAcceptableError(RequestError):
    """The client accepts none of the answer's formats."""

    status: ClassVar[HTTPStatus] = HTTPStatus.NOT_ACCEPTABLE


class ContentTypeError(RequestError):
    """The request's format is not supported."""

    status: ClassVar[HTTPStatus] = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class StoppedError(BaseException):
    """SIGTERM stopped the job. Not an Exception, so that no handler of failures catches it."""

    # Shells and Docker report a process that a signal ended with 128 + the signal's number.
    exit_code: ClassVar[int] = 128 + signal.SIGTERM
