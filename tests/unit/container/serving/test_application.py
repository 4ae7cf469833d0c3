"""The application beside its answers: paths, statuses, forms, and what is imported when."""

from __future__ import annotations

import subprocess
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from next_purchase.serving.application import MAX_CONCURRENT_REQUESTS, MAX_PAYLOAD_MB
from tests.unit.container.asking import CSV, JSON_LINES, read_objects, write_objects

if TYPE_CHECKING:
    from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({"Content-Type": CSV}, b"", HTTPStatus.NO_CONTENT, id="empty"),
        pytest.param({"Content-Type": CSV}, b"\n \r\n", HTTPStatus.NO_CONTENT, id="blank"),
        pytest.param({"Content-Type": CSV}, b"\xef\xbb\xbf", HTTPStatus.NO_CONTENT, id="byte-order-mark"),
        pytest.param({"Content-Type": JSON_LINES}, b"\n", HTTPStatus.NO_CONTENT, id="blank-json-lines"),
        pytest.param({"Content-Type": "image/png"}, b"a", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, id="wrong-type"),
        pytest.param({"Content-Type": "application/json"}, b"{}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, id="json"),
        pytest.param({}, b"a", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, id="no-type"),
        pytest.param(
            {"Content-Type": CSV, "Accept": "application/json"}, b"a", HTTPStatus.NOT_ACCEPTABLE, id="wrong-accept"
        ),
        pytest.param({"Content-Type": CSV, "Accept": "*/*;q=0"}, b"a", HTTPStatus.NOT_ACCEPTABLE, id="no-accept"),
        pytest.param({"Content-Type": CSV}, b"\xff\xfe", HTTPStatus.BAD_REQUEST, id="not-utf-8"),
    ],
)
def test_each_wrong_request_has_its_own_status(
    client: FlaskClient, headers: dict[str, str], body: bytes, status: HTTPStatus
) -> None:
    assert client.post("/invocations", data=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("accept", "given", "answered"),
    [
        (None, CSV, CSV),
        ("text/csv", CSV, CSV),
        ("*/*", CSV, CSV),
        ("*/*", JSON_LINES, JSON_LINES),
        ("*/*", "application/x-jsonlines", "application/x-jsonlines"),
        ("text/*;q=0.5", CSV, CSV),
        ("text/csv; charset=utf-8", CSV, CSV),
        ("application/json, text/csv;q=0.1", CSV, CSV),
        ("application/jsonlines, text/csv;q=0.9", CSV, JSON_LINES),
        ("application/*", CSV, JSON_LINES),
        ("application/x-jsonlines", CSV, "application/x-jsonlines"),
    ],
)
def test_the_answer_has_the_form_that_accept_prefers(
    client: FlaskClient, sample: str, accept: str | None, given: str, answered: str
) -> None:
    body = sample if given == CSV else write_objects(read_objects(sample))
    headers = {"Content-Type": f"{given}; charset=utf-8"} | ({} if accept is None else {"Accept": accept})
    answer = client.post("/invocations", data=body, headers=headers)
    assert (answer.status_code, answer.mimetype) == (HTTPStatus.OK, answered)


def test_health_has_no_body(client: FlaskClient) -> None:
    answer = client.get("/ping")
    assert (answer.status_code, answer.data) == (HTTPStatus.OK, b"")


def test_batch_transform_is_told_how_many_requests_the_server_takes(client: FlaskClient) -> None:
    assert client.get("/execution-parameters").json == {
        "MaxConcurrentTransforms": 3,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


def test_no_more_is_under_way_than_batch_transform_allows() -> None:
    assert 100 - MAX_PAYLOAD_MB < MAX_CONCURRENT_REQUESTS * MAX_PAYLOAD_MB <= 100


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", HTTPStatus.NOT_FOUND),
        ("POST", "/invocations/", HTTPStatus.NOT_FOUND),
        ("GET", "/invocations", HTTPStatus.METHOD_NOT_ALLOWED),
        ("POST", "/ping", HTTPStatus.METHOD_NOT_ALLOWED),
        ("POST", "/execution-parameters", HTTPStatus.METHOD_NOT_ALLOWED),
    ],
)
def test_other_paths_and_methods_are_refused(
    client: FlaskClient, method: str, path: str, status: HTTPStatus
) -> None:
    assert client.open(path, method=method).status_code == status


def test_the_server_imports_nothing_of_training_and_no_polars_before_the_fork() -> None:
    code = (
        "import sys, next_purchase.serving.server;"
        "print(*sorted(set(sys.modules) & {'next_purchase.learning.training', 'next_purchase.reading.transactions',"
        "'next_purchase.features', 'next_purchase.learning.choice', 'next_purchase.fitting', 'polars', 'boto3', 'scipy'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'container'); {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.strip() == ""


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/pong", 404), ("POST", "/ping", 405)])
def test_another_path_or_method_is_explained_in_plain_text(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.content_type) == (status, "text/plain; charset=utf-8")
    assert answer.text.count("\n") == 1
    assert "<" not in answer.text
    assert status == HTTPStatus.NOT_FOUND or "GET" in answer.headers["Allow"]


def test_a_request_that_ends_too_early_is_not_answered(client: FlaskClient, sample: str) -> None:
    """The client went away after a line's end; gunicorn hands on what had come."""
    length = str(len(sample.encode()) + 1)
    cut = {"CONTENT_LENGTH": length, "wsgi.input_terminated": True}
    answer = client.post("/invocations", data=sample, content_type=CSV, environ_overrides=cut)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.text.startswith("The request ended after")
