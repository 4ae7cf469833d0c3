"""Verifies signatures with botocore's own signers: in a header, in a presigned URL, in S3's older presigned URL."""

from __future__ import annotations

import hashlib
import hmac
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, UNSIGNED_PAYLOAD, HmacV1QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from moto.core.request import environ_key_for_header

if TYPE_CHECKING:
    from collections.abc import Callable

# How far a request's date may be from this machine's clock:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
MOST_SKEW = timedelta(minutes=15)
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
LONGEST_EXPIRY = 604_800
S3 = "s3"
_ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# What the older presigned URL has in its query for headers that were signed.
_OLD_HEADERS = ("content-md5", "content-type")


class Fault(Enum):
    """What is wrong with a request's signature."""

    UNSIGNED = auto()
    MALFORMED = auto()
    UNKNOWN_KEY = auto()
    EXPIRED_TOKEN = auto()
    WRONG_TIME = auto()
    EXPIRED = auto()
    MISMATCH = auto()


class SignatureError(Exception):
    """A request is not signed by the holder of a key.

    Args:
        fault: what is wrong.
        message: the same in words.
        service: signing name of the service that is called; empty if the request does not say.
    """

    def __init__(self, fault: Fault, message: str, service: str = "") -> None:
        super().__init__(message)
        self.fault = fault
        self.service = service


@dataclass(frozen=True)
class SigningKey:
    """What the holder of an access key signs with.

    Attributes:
        secret: the secret access key.
        token: the session token that goes with temporary keys.
        expires: when temporary keys end.
    """

    secret: str
    token: str | None = None
    expires: datetime | None = None


class SignatureVerifier:
    """Verifies requests.

    Args:
        find_key: signing key of an access key id; None if there is none.
        now: the time.
    """

    def __init__(
        self,
        find_key: Callable[[str], SigningKey | None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._find_key = find_key
        self._now = now

    def verify(self, environ: dict[str, Any]) -> None:
        """Return if the WSGI request is signed by the holder of a key.

        A body is read, and put back, only where the request does not declare the hash that was signed.

        Raises:
            SignatureError: it is not.
        """
        query = _query_pairs(environ["QUERY_STRING"])
        parameters = dict(query)
        if authorization := environ.get("HTTP_AUTHORIZATION"):
            self._verify(environ, query, _from_header(authorization, environ))
        elif "X-Amz-Signature" in parameters:
            unsigned = [pair for pair in query if pair[0] != "X-Amz-Signature"]
            self._verify(environ, unsigned, _from_query(parameters))
        elif "AWSAccessKeyId" in parameters and "Signature" in parameters:
            self._verify_old(environ, parameters)
        else:
            raise SignatureError(Fault.UNSIGNED, "The request is not signed.")

    def _verify(self, environ: dict[str, Any], query: list[tuple[str, str]], claim: _Claim) -> None:
        key = self._signing_key(claim.access_key_id, claim.token, claim.service)
        self._check_time(claim)
        headers = {name: _header(environ, name) for name in claim.signed_headers}
        path = environ["RAW_URI"].partition("?")[0]
        if claim.service == S3:
            # In the one form that AWS signs, whatever the client has left unencoded.
            path = quote(unquote_to_bytes(path), safe="/~")
        pairs: Any = query
        request = AWSRequest(environ["REQUEST_METHOD"], f"http://localhost{path}", headers, params=pairs)
        request.context["timestamp"] = claim.timestamp
        kind = _S3Signer if claim.service == S3 else _Signer
        signer = kind(claim, key.secret, _payload_hash(environ, claim))
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        _compare(signature, claim.signature, claim.service)

    def _verify_old(self, environ: dict[str, Any], parameters: dict[str, str]) -> None:
        access_key_id, token = parameters["AWSAccessKeyId"], parameters.get("x-amz-security-token")
        key = self._signing_key(access_key_id, token, S3)
        expires = parameters.get("Expires", "")
        if not expires.isdecimal():
            raise SignatureError(Fault.MALFORMED, "Expires is no number of seconds since 1970.", S3)
        if int(expires) < self._now().timestamp():
            raise SignatureError(Fault.EXPIRED, "Request has expired.", S3)
        headers: Any = HTTPHeaders()
        sent = {
            name[5:].lower().replace("_", "-"): environ[name] for name in environ if name.startswith("HTTP_X_AMZ_")
        }
        sent |= {name: value for name in _OLD_HEADERS if (value := _header(environ, name))}
        signed = {name: value for name, value in parameters.items() if name.startswith("x-amz-")}
        signed |= {name: parameters[name] for name in _OLD_HEADERS if name in parameters}
        for name, value in (signed | sent).items():
            headers[name] = value
        host, inside, _ = environ.get("HTTP_HOST", "").partition(".localhost")
        path = environ["RAW_URI"].partition("?")[0]
        # With its bucket, wherever that is named; a bucket's own path ends in a slash.
        path = f"/{host}{path}" if inside else path if path == "/" or path.count("/") > 1 else f"{path}/"
        signer = _OldSigner(Credentials(access_key_id, key.secret, token), expires)
        url = urlsplit(f"?{environ['QUERY_STRING']}")
        signature = signer.get_signature(environ["REQUEST_METHOD"], url, headers, auth_path=path)
        _compare(signature, parameters["Signature"], S3)

    def _signing_key(self, access_key_id: str, token: str | None, service: str) -> SigningKey:
        key = self._find_key(access_key_id)
        if key is None or key.token != token:
            message = (
                "The AWS Access Key Id you provided does not exist in our records."
                if service == S3
                else "The security token included in the request is invalid."
            )
            raise SignatureError(Fault.UNKNOWN_KEY, message, service)
        if key.expires is not None and key.expires < self._now():
            raise SignatureError(
                Fault.EXPIRED_TOKEN, "The security token included in the request is expired", service
            )
        return key

    def _check_time(self, claim: _Claim) -> None:
        try:
            signed_at = datetime.strptime(claim.timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
        except ValueError:
            raise SignatureError(
                Fault.MALFORMED, "X-Amz-Date is no date as 20060102T150405Z.", claim.service
            ) from None
        if claim.timestamp[:8] != claim.date:
            raise SignatureError(Fault.MALFORMED, "Credential's date is not that of X-Amz-Date.", claim.service)
        now = self._now()
        until = signed_at + (MOST_SKEW if claim.seconds is None else timedelta(seconds=claim.seconds))
        if signed_at - MOST_SKEW <= now <= until:
            return
        if claim.seconds is not None and now > until:
            raise SignatureError(Fault.EXPIRED, "Request has expired.", claim.service)
        raise SignatureError(
            Fault.WRONG_TIME,
            f"The request was signed at {claim.timestamp}, and it is {now:%Y%m%dT%H%M%SZ}: more than 15 minutes apart.",
            claim.service,
        )


@dataclass(frozen=True)
class _Claim:
    """What a request says of its signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: list[str]
    signature: str
    timestamp: str
    token: str | None
    # How long a presigned URL holds.
    seconds: int | None = None


def _from_header(authorization: str, environ: dict[str, Any]) -> _Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != _ALGORITHM:
        raise SignatureError(Fault.MALFORMED, f"Sign with {_ALGORITHM}; {algorithm} is not supported.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    return _claim(
        parts.get("Credential", ""),
        parts.get("SignedHeaders", ""),
        signature=parts.get("Signature", ""),
        timestamp=environ.get("HTTP_X_AMZ_DATE", ""),
        token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN"),
    )


def _from_query(parameters: dict[str, str]) -> _Claim:
    seconds = parameters.get("X-Amz-Expires", "")
    if parameters.get("X-Amz-Algorithm") != _ALGORITHM:
        raise SignatureError(Fault.MALFORMED, f"X-Amz-Algorithm must be {_ALGORITHM}.")
    if not seconds.isdecimal() or not 0 < int(seconds) <= LONGEST_EXPIRY:
        raise SignatureError(Fault.MALFORMED, f"X-Amz-Expires must be 1 to {LONGEST_EXPIRY} seconds.")
    return _claim(
        parameters.get("X-Amz-Credential", ""),
        parameters.get("X-Amz-SignedHeaders", ""),
        signature=parameters["X-Amz-Signature"],
        timestamp=parameters.get("X-Amz-Date", ""),
        token=parameters.get("X-Amz-Security-Token"),
        seconds=int(seconds),
    )


def _claim(credential: str, signed_headers: str, **others: Any) -> _Claim:
    scope = _SCOPE.fullmatch(credential)
    if scope is None:
        raise SignatureError(Fault.MALFORMED, "Credential must be KEY/DATE/REGION/SERVICE/aws4_request.")
    names = signed_headers.split(";")
    if "host" not in names:
        raise SignatureError(Fault.MALFORMED, "'host' must be a signed header.", scope["service"])
    return _Claim(scope["key"], scope["date"], scope["region"], scope["service"], names, **others)


class _Signer(SigV4Auth):
    """botocore's signer, for the headers and the payload's hash that the sender has chosen."""

    def __init__(self, claim: _Claim, secret: str, payload_hash: str) -> None:
        super().__init__(Credentials(claim.access_key_id, secret), claim.service, claim.region)
        self._payload_hash = payload_hash

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        signed: HTTPHeaders = request.headers
        return signed

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - the base class's signature
        return self._payload_hash


class _S3Signer(_Signer):
    def _normalize_url_path(self, path: str) -> str:
        return path


class _OldSigner(HmacV1QueryAuth):
    """botocore's signer of S3's older presigned URLs, for the moment at which such a URL ends."""

    def __init__(self, credentials: Credentials, ends: str) -> None:
        super().__init__(credentials)
        self._ends = ends

    def _get_date(self) -> str:
        return self._ends


def _compare(expected: str, signature: str, service: str) -> None:
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise SignatureError(
            Fault.MISMATCH,
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
            service,
        )


def _payload_hash(environ: dict[str, Any], claim: _Claim) -> str:
    declared: str | None = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if claim.seconds is not None and claim.service == S3:
        return UNSIGNED_PAYLOAD
    if declared is not None:
        return declared
    # Read at its end, as far as there is one: a chunked body has no length.
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    return hashlib.sha256(body).hexdigest()


def _query_pairs(query: str) -> list[tuple[str, str]]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]


def _header(environ: dict[str, Any], name: str) -> str:
    value: str = environ.get(environ_key_for_header(name), "")
    # WSGI hands on bytes as if they were Latin-1.
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")
