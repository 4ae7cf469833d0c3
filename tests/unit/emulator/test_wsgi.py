"""Requests become what WSGI and moto want, and answers come back whole."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.moto_server.werkzeug_app import BackendRequest

from emulator import wsgi
from emulator.wsgi import Answer, ask, make_environ


def environ(target: str, *headers: tuple[str, str]) -> dict[str, Any]:
    return make_environ("PUT", target, headers, io.BytesIO(b""), server=("127.0.0.1", 80), client=("127.0.0.1", 1))


def test_path_is_decoded_and_kept_as_it_came() -> None:
    made = environ("/b/%E4%B8%AD%2Fx?a=%20")

    assert made["PATH_INFO"].encode("latin-1").decode() == "/b/中/x"
    assert (made["RAW_URI"], made["QUERY_STRING"]) == ("/b/%E4%B8%AD%2Fx?a=%20", "a=%20")


def test_equal_headers_are_joined() -> None:
    assert environ("/", ("X-A", "1"), ("x-a", "2"))["HTTP_X_A"] == "1,2"


def test_metadata_keeps_its_underscores() -> None:
    made = environ("/", ("x-amz-meta-my_key", "v"), ("Content-Length", "0"))

    assert made[PRESERVED_HEADER_NAMES_ENVIRON_KEY] == {"HTTP_X_AMZ_META_MY_KEY": "x-amz-meta-my_key"}
    assert dict(BackendRequest(made).headers)["x-amz-meta-my_key"] == "v"


@pytest.mark.parametrize("order", [1, -1], ids=["before", "after"])
def test_header_with_underscores_cannot_stand_for_one_with_dashes(order: int) -> None:
    headers = [("Authorization_", "x"), ("x-amz-meta-a_b", "spoofed"), ("x-amz-meta-a-b", "true")][::order]

    assert environ("/", *headers)["HTTP_X_AMZ_META_A_B"] == "true"


def application(_: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("201 Created", [("X", "1")])
    yield b"a"
    yield b"b"


def test_answer_is_whole() -> None:
    assert ask(application, environ("/")) == Answer("201 Created", [("X", "1")], b"ab")


def test_application_is_found_only_while_it_is_published() -> None:
    wsgi.publish("http://127.0.0.1:1", application)
    found = wsgi.application_at("http://127.0.0.1:1")
    wsgi.withdraw("http://127.0.0.1:1")

    assert (found, wsgi.application_at("http://127.0.0.1:1")) == (application, None)
