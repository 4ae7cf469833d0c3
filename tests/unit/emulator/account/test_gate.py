"""What the gate before the APIs lets through, and what it answers itself."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest

from emulator.account.gate import AccountGate
from emulator.account.plan import Account, ApiError, Fault, FunctionError, JobOutcome, Rate
from emulator.wsgi import Answer, ask

THROTTLE = ApiError(code="ThrottlingException")


class Service:
    """An application that keeps the bodies it was sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b"done"]


def request(service: str, body: bytes = b"{}", *, method: str = "POST", path: str = "/", target: str = "") -> Any:
    scope = f"AWS4-HMAC-SHA256 Credential=key/20261122/us-east-1/{service}/aws4_request, SignedHeaders=host"
    found: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_AUTHORIZATION": scope,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    return {**found, "HTTP_X_AMZ_TARGET": target} if target else found


def create_model(name: str = "m") -> Any:
    return request("sagemaker", json.dumps({"ModelName": name}).encode(), target="SageMaker.CreateModel")


def invoke(event: bytes = b"{}") -> Any:
    return request("lambda", event, path="/2015-03-31/functions/f/invocations")


def put_object() -> Any:
    return request("s3", b"content", method="PUT", path="/bucket/key")


def send(service: Service, *faults: Fault, rates: list[Rate] | None = None) -> AccountGate:
    return AccountGate(service, Account(faults=faults, rates=rates or []))


def test_without_rates_and_faults_everything_passes() -> None:
    service = Service()
    assert ask(send(service), create_model()) == Answer("200 OK", [], b"done")


def test_a_request_to_which_nothing_happens_arrives_whole() -> None:
    service = Service()
    gate = send(service, Fault(action="CreateModel", name="other", error=THROTTLE))
    assert ask(gate, create_model()).body == b"done"
    assert service.bodies == [b'{"ModelName": "m"}']


@pytest.mark.parametrize(
    ("call", "error", "status", "code", "words"),
    [
        pytest.param(create_model, THROTTLE, 400, "ThrottlingException", "Rate exceeded", id="throttle"),
        pytest.param(
            create_model, ApiError(code="InternalFailure"), 500, "InternalFailure", "unknown error", id="broken"
        ),
        pytest.param(
            create_model,
            ApiError(code="AccessDeniedException"),
            400,
            "AccessDeniedException",
            "not authorized to perform: sagemaker:CreateModel",
            id="denied",
        ),
        pytest.param(
            create_model,
            ApiError(code="ValidationException", message="No.", status=422),
            422,
            "ValidationException",
            "No.",
            id="as told",
        ),
        pytest.param(
            invoke,
            ApiError(code="TooManyRequestsException"),
            429,
            "TooManyRequestsException",
            "Rate Exceeded.",
            id="function throttled",
        ),
        pytest.param(
            invoke,
            ApiError(code="AccessDeniedException"),
            403,
            "AccessDeniedException",
            "lambda:Invoke",
            id="function denied",
        ),
        pytest.param(put_object, ApiError(code="SlowDown"), 503, "SlowDown", "reduce your request rate", id="S3"),
    ],
)
def test_a_refusal_is_written_as_its_service_writes_it(
    call: Any, error: ApiError, status: int, code: str, words: str
) -> None:
    service = Service()
    answer = ask(send(service, Fault(action="*", error=error)), call())
    assert service.bodies == []
    assert int(answer.status.split()[0]) == status
    headers = dict(answer.headers)
    assert headers["Content-Length"] == str(len(answer.body))
    if call is put_object:
        assert f"<Code>{code}</Code>".encode() in answer.body
        assert b"<Key>key</Key>" in answer.body
    elif call is invoke:
        assert headers["x-amzn-ErrorType"] == code
    else:
        assert json.loads(answer.body)["__type"] == code
    assert words in answer.body.decode()


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        pytest.param(create_model, 500, b"InternalFailure", id="SageMaker"),
        pytest.param(put_object, 500, b"InternalError", id="S3"),
        pytest.param(invoke, 500, b"", id="Lambda"),
    ],
)
def test_a_lost_answer_is_of_a_call_that_took_effect(call: Any, status: int, code: bytes) -> None:
    service = Service()
    gate = send(service, Fault(action="*", attempts=[1], lost_answer=True))
    lost = ask(gate, call())
    assert int(lost.status.split()[0]) == status
    assert code in lost.body
    assert len(service.bodies) == 1
    assert ask(gate, call()).body == b"done"


def test_a_late_answer_is_late_and_right() -> None:
    service = Service()
    began = time.monotonic()
    assert ask(send(service, Fault(action="CreateModel", delay_seconds=0.1)), create_model()).body == b"done"
    assert time.monotonic() - began >= 0.1


def test_an_emulator_that_ends_waits_for_no_late_answer() -> None:
    gate = send(Service(), Fault(action="CreateModel", delay_seconds=3600))
    gate.close()
    assert ask(gate, create_model()).body == b"done"


def test_one_functions_event_can_be_hit() -> None:
    gate = send(Service(), Fault(action="Invoke", payload="item7", attempts=[1], error=ApiError(code="X")))
    events = [b'{"item": "item1"}', b'{"item": "item7"}', b'{"item": "item7"}']
    assert [ask(gate, invoke(event)).status for event in events] == ["200 OK", "400 BAD REQUEST", "200 OK"]


def test_a_function_is_called_once_more_for_each_event() -> None:
    gate = send(Service(), Fault(action="Invoke", attempts=[1], error=ApiError(code="X")))
    events = [b'{"item": "a"}', b'{"item": "b"}', b'{"item": "a"}']
    assert [ask(gate, invoke(event)).status[:3] for event in events] == ["400", "400", "200"]


@pytest.mark.parametrize(
    ("action", "call", "status"),
    [
        ("CreateModel", create_model, "400 BAD REQUEST"),
        ("Invoke", invoke, "429 TOO MANY REQUESTS"),
        ("PutObject", put_object, "503 SERVICE UNAVAILABLE"),
    ],
)
def test_what_comes_too_fast_is_throttled(action: str, call: Any, status: str) -> None:
    service = Service()
    gate = send(service, rates=[Rate(action=action, per_second=0.001, burst=2)])
    assert [ask(gate, call()).status for _ in range(3)] == ["200 OK", "200 OK", status]
    assert len(service.bodies) == 2


def test_a_throttled_call_is_no_attempt() -> None:
    gate = AccountGate(
        Service(),
        Account(
            time_scale=100,
            rates=[Rate(action="CreateModel", per_second=1)],
            faults=[Fault(action="CreateModel", attempts=[2], error=ApiError(code="X"))],
        ),
    )
    assert ask(gate, create_model()).status == "200 OK"
    assert b"ThrottlingException" in ask(gate, create_model()).body
    time.sleep(0.02)
    assert b'"X"' in ask(gate, create_model()).body


def test_faults_of_functions_and_jobs_are_not_the_gates() -> None:
    gate = send(
        Service(),
        Fault(action="Invoke", function_error=FunctionError(error_type="X"), lost_answer=True),
        Fault(action="TrainingJob", job=JobOutcome()),
    )
    assert ask(gate, invoke()).status == "200 OK"
