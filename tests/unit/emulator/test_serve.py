"""What the user tells the emulator, and what it tells the user."""

from __future__ import annotations

import pytest

from emulator.endpoint import EmulatorSettings
from emulator.serve import exports, parse_images, parse_pairs
from emulator.server import Emulator, EmulatorError

URL = "http://127.0.0.1:4600"
PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def test_the_exports_point_aws_tools_at_the_emulator() -> None:
    lines = exports(URL, "eu-west-1")
    assert f"export AWS_ENDPOINT_URL={URL}" in lines
    assert "export AWS_REGION=eu-west-1" in lines
    assert not any("NO_PROXY" in line for line in lines)
    assert all(line.startswith(("export ", "unset ")) for line in lines)


def test_a_proxy_is_told_to_leave_the_emulator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example")
    monkeypatch.setenv("NO_PROXY", "intranet")
    assert "export NO_PROXY=intranet,127.0.0.1" in exports(URL, "us-east-1")


def test_pairs_keep_what_follows_the_first_sign() -> None:
    assert parse_pairs("--parameter", ["A=b=c", "D="]) == {"A": "b=c", "D": ""}


@pytest.mark.parametrize("words", [["A"], ["=b"], ["A=1", "A=2"]], ids=["no sign", "no name", "twice"])
def test_pairs_that_cannot_be_read_are_refused(words: list[str]) -> None:
    with pytest.raises(EmulatorError, match="--parameter"):
        parse_pairs("--parameter", words)


@pytest.mark.parametrize("word", ["image", "image=", "image='open"])
def test_images_that_cannot_be_read_are_refused(word: str) -> None:
    with pytest.raises(EmulatorError, match="--image"):
        parse_images([word])


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(EmulatorError, match=f"{port} is no TCP port"):
        Emulator(port=port).start()


def test_an_emulator_that_has_not_started_has_no_url() -> None:
    with pytest.raises(EmulatorError, match="has not been started"):
        _ = Emulator().url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - compared, not bound
        ("192.0.2.7", "http://192.0.2.7:80"),
        ("::1", "http://[::1]:80"),
        ("::", "http://[::1]:80"),
    ],
)
def test_the_url_is_one_that_clients_here_can_reach(tmp_path: object, host: str, url: str) -> None:
    assert EmulatorSettings(port=80, work_dir=tmp_path, host=host).url == url  # type: ignore[arg-type]
