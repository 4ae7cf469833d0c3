"""What the emulator answers over the socket to whoever does not hold its keys, and to web pages."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from emulator.endpoint import Clients, isolated_session
from emulator.keys import Keys
from emulator.server import Emulator
from tests.emulated import signed

BUCKET, KEY = "bucket", "a b/中+~x(1).txt"
JSON = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AWSStepFunctions.ListStateMachines"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GET_IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"
CALLS = {
    "s3": "list_buckets",
    "sts": "get_caller_identity",
    "cloudformation": "list_stacks",
    "stepfunctions": "list_state_machines",
    "sagemaker": "list_models",
    "lambda": "list_functions",
}
CORS = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Return an emulator with one object in one bucket, which allows every web page to read it."""
    with Emulator() as running:
        s3 = Clients(running.url).get("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"content")
        s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [CORS]})
        yield running


def client_of(emulator: Emulator, service: str, keys: Keys, **config: Any) -> Any:
    make: Any = isolated_session(keys=keys).client
    return make(service, endpoint_url=emulator.url, config=Config(retries={"total_max_attempts": 1}, **config))


def refusal(call: Callable[[], Any]) -> tuple[str, int]:
    """Code and status of the error that the call raises."""
    with pytest.raises(ClientError) as raised:
        call()
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def send(
    emulator: Emulator, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of the answer to a request that is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", emulator.settings.port, timeout=30)
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def status_of(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
    """Status and body of the answer to whoever has a URL alone."""
    request = urllib.request.Request(url, body, method=method)  # noqa: S310 - the emulator's
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the emulator's
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "InvalidAccessKeyId"),
        ("sts", "InvalidClientTokenId"),
        ("cloudformation", "InvalidClientTokenId"),
        ("stepfunctions", "UnrecognizedClientException"),
        ("sagemaker", "UnrecognizedClientException"),
        ("lambda", "UnrecognizedClientException"),
    ],
)
def test_unknown_key_is_refused(emulator: Emulator, service: str, code: str) -> None:
    client = client_of(emulator, service, Keys("AKIAIOSFODNN7EXAMPLE", emulator.settings.keys.secret_access_key))
    assert refusal(getattr(client, CALLS[service])) == (code, 403)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "SignatureDoesNotMatch"),
        ("sts", "SignatureDoesNotMatch"),
        ("cloudformation", "SignatureDoesNotMatch"),
        ("stepfunctions", "InvalidSignatureException"),
        ("sagemaker", "InvalidSignatureException"),
        ("lambda", "InvalidSignatureException"),
    ],
)
def test_wrong_secret_is_refused(emulator: Emulator, service: str, code: str) -> None:
    client = client_of(emulator, service, Keys(emulator.settings.keys.access_key_id, "wrong"))
    assert refusal(getattr(client, CALLS[service])) == (code, 403)


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "code"),
    [
        pytest.param("GET", "/", {}, b"", "AccessDenied", id="S3"),
        pytest.param("GET", f"/{BUCKET}", {}, b"", "AccessDenied", id="a bucket"),
        pytest.param("POST", "/", JSON, b"{}", "MissingAuthenticationTokenException", id="JSON"),
        pytest.param("POST", "/", FORM, GET_IDENTITY, "MissingAuthenticationToken", id="form"),
        pytest.param(
            "POST", "/", FORM, b"Action=AssumeRoleWithWebIdentity", "MissingAuthenticationToken", id="identity"
        ),
        pytest.param("POST", "/moto-api/reset", {}, b"", "AccessDenied", id="moto's own API"),
    ],
)
def test_unsigned_request_is_refused_and_hears_which_keys_are_taken(
    emulator: Emulator, method: str, target: str, headers: dict[str, str], body: bytes, code: str
) -> None:
    status, text, _ = send(emulator, method, target, headers, body)
    assert status == 403
    assert code in text
    assert "AWS_ACCESS_KEY_ID" in text
    assert Clients(emulator.url).get("s3").list_buckets()["Buckets"]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("AWS key:signature", "AWS4-HMAC-SHA256"),
        ("AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3", "aws4_request"),
        (
            "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=date, Signature=s",
            "host",
        ),
        ("AWS4-HMAC-SHA256", "Credential"),
        ("Bearer token", "AWS4-HMAC-SHA256"),
    ],
)
def test_malformed_signature_is_a_bad_request(emulator: Emulator, authorization: str, code: str) -> None:
    status, text, _ = send(emulator, "GET", "/", {"Authorization": authorization})
    assert status == 400
    assert code in text


@pytest.mark.parametrize("minutes", [-16, 16])
@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "RequestTimeTooSkewed"),
        ("sts", "SignatureDoesNotMatch"),
        ("stepfunctions", "InvalidSignatureException"),
    ],
)
def test_request_that_is_signed_at_another_time_is_refused(
    emulator: Emulator, service: str, code: str, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift(monkeypatch, timedelta(minutes=minutes))
    headers = JSON if service == "stepfunctions" else FORM if service == "sts" else {}
    status, text, _ = send(emulator, "POST", "/", signed(emulator, service, "POST", headers=headers))
    assert (status, code in text) == (403, True)


@pytest.mark.parametrize("minutes", [-14, 14])
def test_clock_that_is_a_little_wrong_is_taken(
    emulator: Emulator, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift(monkeypatch, timedelta(minutes=minutes))
    assert send(emulator, "GET", "/", signed(emulator, "s3"))[0] == 200


def shift(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let botocore sign as if it were another time."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.now(UTC) + by)


def test_body_that_was_changed_is_refused(emulator: Emulator) -> None:
    headers = signed(emulator, "states", "POST", headers=JSON, body=b'{"maxResults": 1}')
    assert send(emulator, "POST", "/", headers, b'{"maxResults": 1}')[0] == 200
    status, text, _ = send(emulator, "POST", "/", headers, b'{"maxResults": 2}')
    assert (status, "InvalidSignatureException" in text) == (403, True)


def test_path_query_and_signed_header_that_were_changed_are_refused(emulator: Emulator) -> None:
    headers = signed(emulator, "s3", target=f"/{BUCKET}?prefix=a", headers={"x-amz-meta-a": "1"})
    assert send(emulator, "GET", f"/{BUCKET}?prefix=a", headers)[0] == 200
    assert send(emulator, "GET", f"/{BUCKET}?prefix=b", headers)[0] == 403
    assert send(emulator, "GET", f"/{BUCKET}x?prefix=a", headers)[0] == 403
    assert send(emulator, "DELETE", f"/{BUCKET}?prefix=a", headers)[0] == 403
    assert send(emulator, "GET", f"/{BUCKET}?prefix=a", headers | {"x-amz-meta-a": "2"})[0] == 403


def test_path_of_s3_is_one_however_much_of_it_is_encoded(emulator: Emulator) -> None:
    headers = signed(emulator, "s3", target=f"/{BUCKET}/a%20b/%E4%B8%AD%2B~x%281%29.txt")
    assert send(emulator, "GET", f"/{BUCKET}/a%20b/%e4%b8%ad%2B~x(1).txt", headers)[:2] == (200, "content")


@pytest.mark.parametrize("checksum", ["when_supported", "when_required"])
def test_streamed_body_is_taken_with_the_hash_that_it_declares(emulator: Emulator, checksum: str) -> None:
    s3 = client_of(emulator, "s3", emulator.settings.keys, request_checksum_calculation=checksum)
    s3.put_object(Bucket=BUCKET, Key="streamed", Body=b"x" * 100_000, Metadata={"two_words": "a  b"})
    answer = s3.get_object(Bucket=BUCKET, Key="streamed")
    assert (len(answer["Body"].read()), answer["Metadata"]) == (100_000, {"two_words": "a  b"})


# boto3's default is the older form.
of_both_versions = pytest.mark.parametrize("version", ["s3", "s3v4"])


def sign_url(emulator: Emulator, version: str, operation: str = "get_object", **more: Any) -> str:
    """Return a URL for one object."""
    client = client_of(emulator, "s3", emulator.settings.keys, signature_version=version)
    parameters = {"Bucket": BUCKET, "Key": KEY, **more.pop("parameters", {})}
    url: str = client.generate_presigned_url(operation, Params=parameters, **more)
    return url


@of_both_versions
def test_presigned_url_holds_for_whoever_has_it(emulator: Emulator, version: str) -> None:
    assert status_of(sign_url(emulator, version)) == (200, "content")
    as_text = sign_url(emulator, version, parameters={"ResponseContentType": "text/odd"})
    assert status_of(as_text) == (200, "content")


@of_both_versions
def test_presigned_urls_of_a_bucket_and_of_all_buckets_hold(emulator: Emulator, version: str) -> None:
    client = client_of(emulator, "s3", emulator.settings.keys, signature_version=version)
    listing = client.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET})
    assert "<KeyCount>" in status_of(listing)[1]
    assert status_of(client.generate_presigned_url("list_buckets"))[0] == 200


@of_both_versions
def test_presigned_url_of_an_upload_holds(emulator: Emulator, version: str) -> None:
    url = sign_url(emulator, version, "put_object", parameters={"Key": "uploaded", "ContentType": "text/odd"})
    request = urllib.request.Request(url, b"new", {"Content-Type": "text/odd"}, method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the emulator's
        assert answer.status == 200
    stored = Clients(emulator.url).get("s3").get_object(Bucket=BUCKET, Key="uploaded")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"new", "text/odd")


@of_both_versions
def test_presigned_url_that_was_changed_is_refused(emulator: Emulator, version: str) -> None:
    url = sign_url(emulator, version)
    for changed in (url.replace("x%281", "x%282"), url.replace(f"/{BUCKET}/", "/other/"), f"{url}0"):
        assert changed != url
        assert status_of(changed)[0] == 403
    status, text = status_of(url, "DELETE")
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)


@of_both_versions
def test_presigned_url_that_has_expired_is_refused(
    emulator: Emulator, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version == "s3":
        url = sign_url(emulator, version, ExpiresIn=-1)
    else:
        shift(monkeypatch, timedelta(hours=-2))
        keys = emulator.settings.keys
        request = AWSRequest("GET", f"{emulator.url}/{BUCKET}")
        credentials = Credentials(keys.access_key_id, keys.secret_access_key)
        S3SigV4QueryAuth(credentials, "s3", "us-east-1").add_auth(request)
        url = str(request.url)
    status, text = status_of(url)
    assert (status, "Request has expired" in text) == (403, True)


@of_both_versions
def test_presigned_url_of_another_emulators_keys_is_refused(emulator: Emulator, version: str) -> None:
    keys = Keys(emulator.settings.keys.access_key_id, "wrong")
    client = client_of(emulator, "s3", keys, signature_version=version)
    url = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY})
    assert status_of(url)[0] == 403


def test_presigned_url_that_holds_for_longer_than_a_week_is_refused(emulator: Emulator) -> None:
    client = client_of(emulator, "s3", emulator.settings.keys, signature_version="s3v4")
    url = client.generate_presigned_url("list_buckets", ExpiresIn=604_801)
    assert status_of(url)[0] == 400


def test_keys_of_an_assumed_role_are_taken_with_their_token(emulator: Emulator) -> None:
    sts = Clients(emulator.url).get("sts")
    role = "arn:aws:iam::123456789012:role/reader"
    made = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]

    def identity(token: str | None) -> str:
        make: Any = isolated_session().client
        temporary = make(
            "sts",
            endpoint_url=emulator.url,
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=token,
        )
        arn: str = temporary.get_caller_identity()["Arn"]
        return arn

    assert identity(made["SessionToken"]) == "arn:aws:sts::123456789012:assumed-role/reader/me"
    assert refusal(lambda: identity("another")) == ("InvalidClientTokenId", 403)
    assert refusal(lambda: identity(None)) == ("InvalidClientTokenId", 403)


def test_keys_of_a_user_are_taken_until_they_are_inactive(emulator: Emulator) -> None:
    iam = Clients(emulator.url).get("iam")
    iam.create_user(UserName="reader")
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    client = client_of(emulator, "sts", Keys(made["AccessKeyId"], made["SecretAccessKey"]))
    assert client.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/reader"
    iam.update_access_key(UserName="reader", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    assert refusal(client.get_caller_identity) == ("InvalidClientTokenId", 403)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", "sync-evil.example", "", "["]
)
def test_host_that_is_not_the_emulators_is_refused(emulator: Emulator, host: str) -> None:
    name = f"{host}:{emulator.settings.port}"
    status, text, headers = send(emulator, "GET", "/", {"Host": name})
    assert status == 403
    assert f"use {emulator.url}" in text
    assert not [header for header in headers if header.startswith("access-control")]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "LOCALHOST", "localhost.", "[::1]", "host.docker.internal", "sync-127.0.0.1", "sync-localhost"],
)
def test_names_under_which_clients_reach_it_are_served(emulator: Emulator, host: str) -> None:
    name = f"{host}:{emulator.settings.port}"
    headers = signed(emulator, "states", "POST", headers=JSON | {"Host": name}, body=b"{}")
    assert send(emulator, "POST", "/", headers, b"{}")[0] == 200


def test_bucket_in_the_hosts_name_is_served(emulator: Emulator) -> None:
    name = f"{BUCKET}.localhost:{emulator.settings.port}"
    status, text, _ = send(emulator, "GET", "/", signed(emulator, "s3", headers={"Host": name}))
    assert (status, f"<Name>{BUCKET}</Name>" in text) == (200, True)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_request_of_a_web_page_is_refused_though_it_is_signed(
    emulator: Emulator, origin: str, method: str
) -> None:
    target = f"/{BUCKET}"
    headers = signed(emulator, "s3", method, target) | {"Origin": origin}
    status, text, answered = send(emulator, method, target, headers)
    assert (status, "Origin" in text) == (403, True)
    assert not [header for header in answered if header.startswith("access-control")]


@pytest.mark.parametrize(
    "target", ["/", f"/{BUCKET}", f"/{BUCKET}/none", "/2015-03-31/functions/", "/favicon.ico"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT"])
@pytest.mark.parametrize("service", ["s3", "lambda", "sts"])
def test_no_answer_lets_a_web_page_read_it(emulator: Emulator, service: str, method: str, target: str) -> None:
    preflight = {"Access-Control-Request-Method": "PUT"}
    for headers in (signed(emulator, service, method, target, headers=preflight), preflight):
        _, _, answered = send(emulator, method, target, headers)
        assert not [header for header in answered if header.startswith("access-control")]
