"""Every failure this container reports by name, and the exit code each kind ends with.

NextPurchaseError               2  our own fault
├── UserError                   1  the data or the settings must be changed before another try
│   ├── DataError                  the item's transactions cannot be used
│   │   └── CannotFitError         they are too little for this model; another candidate may do
│   ├── SettingError               a hyperparameter or environment variable cannot be used
│   ├── ArtifactError              the model folder does not hold a model this version can load
│   └── FullDiskError              the machine's disk is too small for the job
├── PlatformError               3  the same job may succeed when it is started again
└── RequestError                   an HTTP request that is answered with its own status
    ├── EmptyBodyError        204
    ├── BadLineError          400
    ├── NotAcceptableError    406
    └── ContentTypeError      415

StoppedError                  143  the job was told to stop, which is no failure
"""

from __future__ import annotations

import signal
from http import HTTPStatus
from typing import ClassVar


class NextPurchaseError(Exception):
    """Base of all failures that this package raises on purpose."""

    exit_code: ClassVar[int] = 2


class UserError(NextPurchaseError):
    """Something the user gave must change before another try can succeed."""

    exit_code: ClassVar[int] = 1


class DataError(UserError):
    """The item's transactions cannot be read or hold nothing to learn from."""


class CannotFitError(DataError):
    """What is known is too little for this model; another one may do."""


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
    """A request to the server that is answered with `status` and a sentence."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class EmptyBodyError(RequestError):
    """The request has no line at all, so there is nothing to answer."""

    status: ClassVar[HTTPStatus] = HTTPStatus.NO_CONTENT


class BadLineError(RequestError):
    """A line of the request cannot be scored; the message names line and column."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class NotAcceptableError(RequestError):
    """The client accepts no form in which the answer can be written."""

    status: ClassVar[HTTPStatus] = HTTPStatus.NOT_ACCEPTABLE


class ContentTypeError(RequestError):
    """The request's body is not in a form that can be read."""

    status: ClassVar[HTTPStatus] = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class StoppedError(BaseException):
    """The job was told to stop by SIGTERM. Not an Exception, so that nothing takes it for a failure."""

    # 128 + the signal's number is how shells and Docker report a process ended by one.
    exit_code: ClassVar[int] = 128 + signal.SIGTERM
