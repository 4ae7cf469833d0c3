"""Lets in over the socket only what a holder of the keys has sent to an address of this emulator, and no web page.

Touches moto's private parts: the roles that its STS has assumed, and the access keys of its IAM's users.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import uuid
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from emulator.signatures import S3, Fault, SignatureError, SignatureVerifier, SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.endpoint import EmulatorSettings

# The last is this machine's name in Docker Desktop's containers.
_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})
# AWS's clients put them before the host: Step Functions' StartSyncExecution, CloudWatch Logs' StartLiveTail.
_HOST_PREFIXES = ("sync-", "stream-")
_HINT = "This emulator takes the keys that it printed when it started: export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_HINTED = frozenset({Fault.UNSIGNED, Fault.UNKNOWN_KEY, Fault.MISMATCH})
# The codes of S3, of the services that speak in forms, and of those that speak JSON.
_CODES = {
    Fault.UNSIGNED: ("AccessDenied", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    Fault.MALFORMED: ("AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException"),
    Fault.UNKNOWN_KEY: ("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"),
    Fault.EXPIRED_TOKEN: ("ExpiredToken", "ExpiredToken", "ExpiredTokenException"),
    Fault.WRONG_TIME: ("RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"),
    Fault.EXPIRED: ("AccessDenied", "SignatureDoesNotMatch", "InvalidSignatureException"),
    Fault.MISMATCH: ("SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException"),
}
_ELSEWHERE = ("AccessDenied", "AccessDenied", "AccessDeniedException")


class Admission:
    """WSGI middleware between the socket and the account.

    A browser sends Origin with what a page asks of another site, and the page's own host with what it asks of a name
    that it has pointed at this machine; both are refused. So is whoever knows the port and not the keys.

    Args:
        application: what answers the requests that are let in.
        settings: the emulator's.
    """

    def __init__(self, application: Any, settings: EmulatorSettings) -> None:
        self._application = application
        self._settings = settings
        self._hosts = _HOSTS | {settings.host.lower()}
        self._verifier = SignatureVerifier(self._find_key)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if "HTTP_ORIGIN" in environ or environ["REQUEST_METHOD"] == "OPTIONS":
            message = (
                "The header Origin and the method OPTIONS are a web page's: this emulator serves programs alone."
            )
            return _refuse(environ, start_response, _ELSEWHERE, message)
        host = environ.get("HTTP_HOST", "")
        if not self._serves(host, environ["SERVER_NAME"]):
            message = (
                f"{host!r} is no address of this emulator: use {self._settings.url}, or start it with --host NAME."
            )
            return _refuse(environ, start_response, _ELSEWHERE, message)
        try:
            self._verifier.verify(environ)
        except SignatureError as error:
            message = f"{error} {_HINT}" if error.fault in _HINTED else str(error)
            bad_form = error.fault is Fault.MALFORMED
            return _refuse(environ, start_response, _CODES[error.fault], message, error.service, bad_form=bad_form)
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer

    def _serves(self, host: str, connected: str) -> bool:
        """Whether a Host header names this emulator.

        Its port is not compared: a port that is forwarded to this one has another number.

        Args:
            host: the header.
            connected: address of this machine that the client has connected to.
        """
        name = _host_name(host)
        return name in self._hosts or name.endswith(".localhost") or name == _plain_address(connected)

    def _find_key(self, access_key_id: str) -> SigningKey | None:
        """Return the emulator's own key, that of a role that STS has assumed, or an IAM user's."""
        if access_key_id == self._settings.keys.access_key_id:
            return SigningKey(self._settings.keys.secret_access_key)
        for backend in _backends(sts_backends):
            for role in list(backend.assumed_roles):
                if role.access_key_id == access_key_id:
                    return SigningKey(
                        role.secret_access_key, role.session_token, role.expiration.replace(tzinfo=UTC)
                    )
        for backend in _backends(iam_backends):
            for user in list(backend.users.values()):
                for key in list(user.access_keys):
                    if key.access_key_id == access_key_id and key.status == "Active":
                        return SigningKey(key.secret_access_key)
        return None


def _backends(of_accounts: Any) -> list[Any]:
    """Those that there are: asking for one by name would make it."""
    return [backend for account in list(of_accounts.values()) for backend in list(account.values())]


@functools.lru_cache(maxsize=64)
def _host_name(host: str) -> str:
    """Return the name or address in a Host header, without what AWS's clients put before it; empty if it is none."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
    return next((name.removeprefix(prefix) for prefix in _HOST_PREFIXES if name.startswith(prefix)), name)


@functools.lru_cache(maxsize=64)
def _plain_address(address: str) -> str:
    """Return an IPv4 address as such where a socket of IPv6 shows it."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return str(getattr(found, "ipv4_mapped", None) or found)


def _refuse(
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    codes: tuple[str, str, str],
    message: str,
    service: str = "",
    *,
    bad_form: bool = False,
) -> list[bytes]:
    """Answer with an error as the service that is called would write it."""
    request_id = str(uuid.uuid4())
    of_s3, of_forms, of_json = codes
    content_type = environ.get("CONTENT_TYPE", "")
    headers = [("x-amzn-RequestId", request_id)]
    if "HTTP_X_AMZ_TARGET" in environ or "json" in content_type or service == "lambda":
        kind = content_type if "json" in content_type else "application/json"
        body = json.dumps({"__type": of_json, "message": message})
        headers.append(("x-amzn-ErrorType", of_json))
    elif service not in {"", S3} or "x-www-form-urlencoded" in content_type:
        kind = "text/xml"
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{of_forms}</Code><Message>{escape(message)}</Message>"
            f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    else:
        kind = "application/xml"
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{of_s3}</Code><Message>{escape(message)}</Message>'
            f"<RequestId>{request_id}</RequestId></Error>"
        )
    content = body.encode()
    headers += [("Content-Type", kind), ("Content-Length", str(len(content)))]
    start_response("400 BAD REQUEST" if bad_form else "403 FORBIDDEN", headers)
    return [content]
