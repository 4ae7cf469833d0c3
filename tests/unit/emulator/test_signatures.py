"""Signatures that botocore makes hold, those that somebody has changed do not, and each has its time."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from emulator.signatures import Fault, SignatureError, SignatureVerifier, SigningKey
from emulator.wsgi import make_environ

KEY, SECRET, HOST = "AKIAIOSFODNN7EXAMPLE", "a-secret", "127.0.0.1:4600"
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"


def verifier(found: SigningKey | None = None, later: timedelta = timedelta(0)) -> SignatureVerifier:
    """Of an account with one key, at another time if that is given."""
    keys = {KEY: found or SigningKey(SECRET)}
    return SignatureVerifier(keys.get, lambda: datetime.now(UTC) + later)


def environ_of(request: AWSRequest, body: bytes = b"") -> dict[str, Any]:
    url = urlsplit(str(request.url))
    target = url.path + (f"?{url.query}" if url.query else "")
    headers = {"Host": HOST} | dict(request.headers.items())
    return make_environ(
        str(request.method), target, headers.items(), io.BytesIO(body), server=("127.0.0.1", 4600), client=("", 0)
    )


def signed(path: str = "/", token: str | None = None) -> AWSRequest:
    """Return a request with a body, signed in its header."""
    request = AWSRequest("POST", f"http://{HOST}{path}", {"Host": HOST}, data=BODY)
    SigV4Auth(Credentials(KEY, SECRET, token), "sts", "us-east-1").add_auth(request)
    return request


def fault_of(check: Callable[[], None]) -> Fault:
    with pytest.raises(SignatureError) as raised:
        check()
    return raised.value.fault


def test_body_is_compared_and_left_to_be_read() -> None:
    environ = environ_of(signed(), BODY)
    verifier().verify(environ)
    assert environ["wsgi.input"].read() == BODY
    assert fault_of(lambda: verifier().verify(environ_of(signed(), b"other"))) is Fault.MISMATCH


@pytest.mark.parametrize(
    "path",
    ["/functions/arn%3Aaws%3Alambda/invocations", "/a//b/../c", "/?b=2&a=1&a=0&c", "/a%20b/%E4%B8%AD?x=%2F%20"],
)
def test_path_and_query_are_taken_as_botocore_signs_them(path: str) -> None:
    verifier().verify(environ_of(signed(path), BODY))


def test_presigned_url_of_any_service_holds_for_as_long_as_it_says() -> None:
    request = AWSRequest("GET", f"http://{HOST}/?Action=GetCallerIdentity&Version=2011-06-15")
    SigV4QueryAuth(Credentials(KEY, SECRET), "sts", "us-east-1", expires=60).add_auth(request)
    environ = environ_of(request)
    verifier(later=timedelta(seconds=50)).verify(environ)
    assert fault_of(lambda: verifier(later=timedelta(seconds=70)).verify(environ)) is Fault.EXPIRED
    assert fault_of(lambda: verifier(later=timedelta(minutes=-16)).verify(environ)) is Fault.WRONG_TIME
    environ["QUERY_STRING"] = environ["QUERY_STRING"].replace("GetCallerIdentity", "GetSessionToken")
    assert fault_of(lambda: verifier().verify(environ)) is Fault.MISMATCH


def test_temporary_key_holds_with_its_token_until_it_expires() -> None:
    now = datetime.now(UTC)
    environ = environ_of(signed(token="a-token"), BODY)
    verifier(SigningKey(SECRET, "a-token", now + timedelta(minutes=1))).verify(environ)
    expired = SigningKey(SECRET, "a-token", now - timedelta(minutes=1))
    assert fault_of(lambda: verifier(expired).verify(environ)) is Fault.EXPIRED_TOKEN
    assert fault_of(lambda: verifier(SigningKey(SECRET, "other")).verify(environ)) is Fault.UNKNOWN_KEY
    assert fault_of(lambda: verifier().verify(environ)) is Fault.UNKNOWN_KEY


@pytest.mark.parametrize(
    "declared", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]
)
def test_hash_that_is_declared_is_taken_and_the_body_left_to_be_read(declared: str) -> None:
    request = AWSRequest("PUT", f"http://{HOST}/bucket/key", {"Host": HOST, "X-Amz-Content-SHA256": declared})
    SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1").add_auth(request)
    environ = environ_of(request, b"content")
    body = environ["wsgi.input"]
    verifier().verify(environ)
    assert environ["wsgi.input"] is body
    assert body.tell() == 0
    environ["HTTP_X_AMZ_CONTENT_SHA256"] = "another"
    assert fault_of(lambda: verifier().verify(environ)) is Fault.MISMATCH
