"""Calls the emulator's own APIs without a socket: the same requests and answers as over HTTP, for a tenth of the cost.

A task's call meets what every call meets (the account's rates and faults, validation, the API's own errors); only
boto3's hooks, signatures and connections are left out, which decide nothing here.
"""

from __future__ import annotations

import functools
import io
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from botocore import xform_name
from botocore.awsrequest import HeadersDict
from botocore.parsers import ResponseParserFactory
from botocore.serialize import create_serializer
from botocore.utils import parse_timestamp

from emulator import wsgi
from emulator.endpoint import Clients
from emulator.keys import keys_of
from emulator.service_models import service_model

if TYPE_CHECKING:
    from botocore.model import OperationModel

# What the tasks of a map's children call for every item. Everything else goes through boto3's own client.
DIRECT = {
    "lambda": frozenset({"Invoke"}),
    "s3": frozenset({"PutObject"}),
    "sagemaker": frozenset(
        {
            "CreateTrainingJob",
            "CreateTransformJob",
            "DeleteModel",
            "DescribeModel",
            "DescribeTrainingJob",
            "DescribeTransformJob",
            "StopTrainingJob",
            "StopTransformJob",
        }
    ),
}


class DirectClient:
    """Stands for a boto3 client; of the operations in DIRECT it makes the calls itself.

    Args:
        client: boto3's, for the emulator at `url`.
        url: where the emulator answers.
    """

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        # Not the client's own model: boto3 changes paths in that.
        model = service_model(client.meta.service_model.service_name)
        self._region = client.meta.region_name
        self._service = model.signing_name
        address = urlsplit(url)
        self._url, self._host = url, address.netloc
        self._access_key_id = keys_of(url).access_key_id
        self._server = (address.hostname or "", address.port or 0)
        for name in DIRECT[model.service_name]:
            setattr(self, xform_name(name), functools.partial(self._call, _Operation(model.operation_model(name))))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def _call(self, operation: _Operation, **parameters: Any) -> dict[str, Any]:
        application = wsgi.application_at(self._url)
        if application is None:
            answered: dict[str, Any] = getattr(self._client, xform_name(operation.model.name))(**parameters)
            return answered
        method, target, headers, body = operation.request(parameters)
        scope = f"{datetime.now(UTC):%Y%m%d}/{self._region}/{self._service}/aws4_request"
        headers |= {
            "Host": self._host,
            "Content-Length": str(len(body)),
            # The caller, the Region and the service; the signature is not checked here.
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self._access_key_id}/{scope}, Signature=none",
        }
        environ = wsgi.make_environ(
            method, target, headers.items(), io.BytesIO(body), server=self._server, client=("127.0.0.1", 0)
        )
        status, answer = operation.answer(wsgi.ask(application, environ))
        if status >= 300:
            raise self._client.exceptions.from_code(answer.get("Error", {}).get("Code"))(
                answer, operation.model.name
            )
        return answer


class _Operation:
    """How one operation's request is written and its answer read."""

    def __init__(self, model: OperationModel) -> None:
        self.model = model
        protocol = model.service_model.resolved_protocol
        self._serializer = create_serializer(protocol, include_validation=False)
        factory = ResponseParserFactory()
        factory.set_parser_defaults(timestamp_parser=_moment)
        self._parser = factory.create_parser(protocol)

    def request(self, parameters: dict[str, Any]) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, path with query, headers and body."""
        made = self._serializer.serialize_to_request(parameters, self.model)
        query = urlencode(made.get("query_string") or {}, doseq=True)
        body = made.get("body") or b""
        if isinstance(body, str):
            body = body.encode()
        headers = {name: str(value) for name, value in made["headers"].items()}
        return made["method"], made["url_path"] + (f"?{query}" if query else ""), headers, body

    def answer(self, answer: wsgi.Answer) -> tuple[int, dict[str, Any]]:
        """Status and what boto3 would give."""
        status = int(answer.status.split(None, 1)[0])
        headers = HeadersDict([*answer.headers, ("Date", wsgi.http_date(int(time.time())))])
        body: Any = answer.body
        if status < 300 and self.model.has_streaming_output:
            body = io.BytesIO(body)
        told = {
            "headers": headers,
            "status_code": status,
            "body": body,
            "context": {"operation_name": self.model.name},
        }
        # Of an operation that answers nothing, the parser wants no shape; its stubs say otherwise.
        shape: Any = self.model.output_shape
        parsed: dict[str, Any] = self._parser.parse(told, shape)
        return status, parsed


def _moment(value: Any) -> datetime:
    if isinstance(value, float | int):
        return datetime.fromtimestamp(value, UTC)
    moment: datetime = parse_timestamp(value)
    return moment


class DirectClients:
    """Clients of one emulator, one per service and Region; those of the services in DIRECT need no socket.

    Args:
        url: where the emulator answers.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients = Clients(url)
        self._direct: dict[tuple[str, str], DirectClient] = {}

    def get(self, service: str, region: str) -> Any:
        """Return the client for `service` (boto3's name) in `region`."""
        if service not in DIRECT:
            return self._clients.get(service, region)
        key = (service, region)
        if key not in self._direct:
            # Two threads may make one at the same time; both results are equal.
            self._direct[key] = DirectClient(self._clients.get(service, region), self._url)
        return self._direct[key]
