"""Writes refusals in the protocol of a service: of what the emulator does not play, and of requests that moto breaks on.

Touches moto's private parts: its copies of botocore's service models, the router that finds the operation of a REST
request, and the serializers of all protocols with the codes that they take for common to all services.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from botocore.validate import ParamValidator
from moto.core import errors
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel, ServiceModel
from moto.core.request import determine_request_protocol
from moto.core.responses import boto3_service_name
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model, service_name_from_moto_package_name
from werkzeug.exceptions import HTTPException

from emulator.service_models import service_model

if TYPE_CHECKING:
    from moto.core.request import Request

    MotoAnswer = tuple[int, dict[str, Any], Any]

# Code and status by protocol. S3 answers what a resource does not have with MethodNotAllowed; its HEAD requests have
# no body, and their clients see the status alone.
_UNKNOWN_OPERATION = {
    "json": ("UnknownOperationException", 400),
    "rest-json": ("UnknownOperationException", 404),
    "query": ("InvalidAction", 400),
    "ec2": ("InvalidAction", 400),
    "rest-xml": ("MethodNotAllowed", 405),
}
# Of other refusals, where it is not 400.
_STATUSES = {"NoSuchKey": 404, "NoSuchUpload": 404}
# How moto's dispatcher ends the sentence that names an action which it does not have.
_NOT_THERE = "action has not been implemented"


class RefusedError(ServiceException):  # type: ignore[misc]  # moto is not followed by mypy
    """A request that AWS refuses; moto looks for the codes of its own classes in the service that they belong to."""


class MalformedXmlError(RefusedError):
    """The request's body has to be XML and is not."""

    code = "MalformedXML"

    def __init__(self) -> None:
        super().__init__(
            "The XML you provided was not well-formed or did not validate against our published schema"
        )


def not_played(self: Any) -> Any:
    """Stand in the place of an action of moto that is not played here.

    Raises:
        NotImplementedError: always; the caller is answered by `refuse_unplayed`.
    """
    raise NotImplementedError


def refuse_unplayed(service: str | None, request: Request, reason: str = "") -> MotoAnswer:
    """Return the answer to a request for what is not played here, in the protocol of its service.

    Args:
        service: moto's name of it, None where moto has no such service.
        request: what was asked.
        reason: what in it is not played, if it is not the operation itself.
    """
    model = _model(service)
    protocol = _protocol(model, request)
    full_name = model.metadata.get("serviceFullName", "") if model else _signing_name(request)
    sentence = f"This emulator does not play {_operation(model, protocol, request)}"
    sentence += f" of {full_name}" if full_name else ""
    if reason and not reason.endswith(_NOT_THERE):
        sentence += f" as it was asked for: {reason}"
    code, status = _UNKNOWN_OPERATION[protocol]
    return _write(model, protocol, code, status, f"{sentence.rstrip('.')}.")


def refuse(service: str | None, request: Request, error: RefusedError) -> MotoAnswer:
    """Return the answer to a request that is refused, in the protocol of its service."""
    model = _model(service)
    return _write(model, _protocol(model, request), error.code, _STATUSES.get(error.code, 400), error.message)


def broken_request(service: str | None, request: Request) -> RefusedError | None:
    """Return why AWS would refuse a request whose body is JSON by the service's own model; None if it would not.

    It is asked after moto has broken on a request, which it does when a member is missing or has a wrong type.
    """
    target = str(request.headers.get("x-amz-target", ""))
    if service is None or not target:
        return None
    try:
        body = json.loads(request.get_data() or b"{}")
        shape = service_model(_service_name(service)).operation_model(target.rpartition(".")[2]).input_shape
    except ValueError as error:
        return RefusedError("SerializationException", f"The request is no JSON: {error}")
    except (UnknownServiceError, OperationNotFoundError):
        return None
    report = ParamValidator().validate(body, shape).generate_report() if shape else ""
    # A member that the model does not have is no reason to refuse.
    problems = [line for line in report.splitlines() if not line.startswith("Unknown parameter")]
    if not problems:
        return None
    is_unreadable = any(line.startswith("Invalid type") for line in problems)
    return RefusedError("SerializationException" if is_unreadable else "ValidationException", "; ".join(problems))


def _write(model: ServiceModel | None, protocol: str, code: str, status: int, message: str) -> MotoAnswer:
    # A service that moto does not have has a model of nothing but its protocol.
    known = model or ServiceModel({"metadata": {"protocol": protocol}, "operations": {}, "shapes": {}}, "unknown")
    serializer = get_serializer_class(known.service_name, protocol)(operation_model=OperationModel({}, known))
    written = serializer.serialize(RefusedError(code, message))
    return status, dict(written["headers"]), written["body"]


def _model(service: str | None) -> ServiceModel | None:
    if service is None:
        return None
    try:
        return get_service_model(_service_name(service))
    except UnknownServiceError:
        return None


def _service_name(service: str) -> str:
    """Return boto3's name of a service by moto's."""
    name: str = boto3_service_name.get(service) or service_name_from_moto_package_name(service)
    return name


def _protocol(model: ServiceModel | None, request: Request) -> str:
    if model is None:
        if "x-amz-target" in request.headers:
            return "json"
        return "query" if "Action" in request.values else "rest-json"
    try:
        protocol: str = determine_request_protocol(model, request.content_type)
    except NotImplementedError:
        protocol = str(model.protocol)
    return protocol


def _operation(model: ServiceModel | None, protocol: str, request: Request) -> str:
    if protocol == "json" and (target := request.headers.get("x-amz-target")):
        return str(target).rpartition(".")[2]
    if action := request.values.get("Action"):
        return str(action)
    if model is not None and protocol.startswith("rest-"):
        try:
            operation, _ = get_service_router(model.service_name).match(request)
        except HTTPException:
            pass
        else:
            return str(operation.name)
    return f"{request.method} {request.path}"


def _signing_name(request: Request) -> str:
    """Return the service that a request's signature is for."""
    scope = str(request.headers.get("Authorization", "")).partition("Credential=")[2].split(",")[0].split("/")
    return scope[3] if len(scope) == 5 else ""


def allow_codes() -> None:
    """Let moto write codes that no service's model has, without a warning for each."""
    for code in {code for code, _ in _UNKNOWN_OPERATION.values()} | {"SerializationException"}:
        if code not in errors.COMMON_ERROR_CODES:
            errors.COMMON_ERROR_CODES.append(code)
