"""Writes refusals as each service does: its code for a throttle, its words, its protocol."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from emulator.account.calls import LAMBDA, S3, SAGEMAKER, STEP_FUNCTIONS, Call
from emulator.account.plan import ApiError
from emulator.endpoint import ACCOUNT_ID
from emulator.wsgi import Answer

_BAD_REQUEST, _FORBIDDEN, _TOO_MANY, _INTERNAL, _UNAVAILABLE = 400, 403, 429, 500, 503
_TRY_AGAIN = "We encountered an internal error. Please try again."
# Status and words that AWS sends with a code.
_USUAL = {
    "AccessDenied": (_FORBIDDEN, "Access Denied"),
    "InternalError": (_INTERNAL, _TRY_AGAIN),
    "InternalFailure": (
        _INTERNAL,
        "The request processing has failed because of an unknown error, exception or failure.",
    ),
    "InternalServerError": (_INTERNAL, _TRY_AGAIN),
    "InternalServerException": (_INTERNAL, _TRY_AGAIN),
    "ServiceException": (_INTERNAL, "An error occurred and the request cannot be processed."),
    "ServiceUnavailable": (_UNAVAILABLE, "Service is unable to handle request."),
    "SlowDown": (_UNAVAILABLE, "Please reduce your request rate."),
    "ThrottlingException": (_BAD_REQUEST, "Rate exceeded"),
    "TooManyRequestsException": (_TOO_MANY, "Rate Exceeded."),
}
_THROTTLES = {
    SAGEMAKER: "ThrottlingException",
    STEP_FUNCTIONS: "ThrottlingException",
    LAMBDA: "TooManyRequestsException",
    S3: "SlowDown",
}
_BROKEN = {
    SAGEMAKER: "InternalFailure",
    STEP_FUNCTIONS: "InternalServerException",
    LAMBDA: "ServiceException",
    S3: "InternalError",
}
_REASONS = {
    _BAD_REQUEST: "BAD REQUEST",
    _FORBIDDEN: "FORBIDDEN",
    _TOO_MANY: "TOO MANY REQUESTS",
    _INTERNAL: "INTERNAL SERVER ERROR",
    _UNAVAILABLE: "SERVICE UNAVAILABLE",
}


def throttle(call: Call) -> ApiError:
    """Return the refusal of a call that comes too soon after others."""
    return ApiError(code=_THROTTLES[call.service])


def broken(call: Call) -> ApiError:
    """Return the response to a caller when the service fails."""
    return ApiError(code=_BROKEN[call.service])


def refusal(call: Call, error: ApiError) -> Answer:
    """Return the answer to `call` that says `error`."""
    status, message = error.status or _status(call, error.code), error.message or _message(call, error.code)
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id)]
    if call.service == S3:
        # An answer to HEAD has no body: clients see its status alone.
        body = "" if call.action.startswith("Head") else _s3_body(call, error.code, message, request_id)
        kind = "application/xml"
    elif call.service == LAMBDA:
        kind_of_fault = "Service" if status >= _INTERNAL else "User"
        body = json.dumps({"Type": kind_of_fault, "message": message, "Message": message})
        headers.append(("x-amzn-ErrorType", error.code))
        kind = "application/json"
    else:
        body = json.dumps({"__type": error.code, "message": message})
        kind = f"application/x-amz-json-1.{0 if call.service == STEP_FUNCTIONS else 1}"
    content = body.encode()
    headers += [("Content-Type", kind), ("Content-Length", str(len(content)))]
    return Answer(f"{status} {_REASONS.get(status, 'REFUSED')}", headers, content)


def _status(call: Call, code: str) -> int:
    if code in _USUAL:
        return _USUAL[code][0]
    return _FORBIDDEN if code == "AccessDeniedException" and call.service == LAMBDA else _BAD_REQUEST


def _message(call: Call, code: str) -> str:
    if code in _USUAL:
        return _USUAL[code][1]
    if code == "AccessDeniedException":
        return (
            f"User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/emulator/emulator is not authorized to perform: "
            f"{call.service}:{call.action}"
        )
    return f"{call.action} was refused."


def _s3_body(call: Call, code: str, message: str, request_id: str) -> str:
    bucket, _, key = call.name.partition("/")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<BucketName>{escape(bucket)}</BucketName><Key>{escape(key)}</Key>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
