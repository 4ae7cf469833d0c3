"""What the user tells the emulator, and what it tells the user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emulator.endpoint import EmulatorSettings
from emulator.keys import make_keys
from emulator.serve import TEMPLATE, exports, parse_images, parse_pairs, stack_parameters
from emulator.server import Emulator, EmulatorError

URL = "http://127.0.0.1:4600"
KEYS = make_keys()
PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def test_the_exports_point_aws_tools_at_the_emulator() -> None:
    lines = exports(URL, "eu-west-1", KEYS)
    assert f"export AWS_ENDPOINT_URL={URL}" in lines
    assert "export AWS_REGION=eu-west-1" in lines
    assert f"export AWS_ACCESS_KEY_ID={KEYS.access_key_id}" in lines
    assert f"export AWS_SECRET_ACCESS_KEY={KEYS.secret_access_key}" in lines
    assert not any("NO_PROXY" in line for line in lines)
    assert all(line.startswith(("export ", "unset ")) for line in lines)


def test_a_proxy_is_told_to_leave_the_emulator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example")
    monkeypatch.setenv("NO_PROXY", "intranet")
    assert "export NO_PROXY=intranet,127.0.0.1" in exports(URL, "us-east-1", KEYS)


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_where_both_spellings_are_heeded_the_lower_case_one_tells_too(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv(proxy, "http://proxy.example")
    monkeypatch.setenv("no_proxy", "intranet")
    lines = exports(URL, "us-east-1", KEYS)
    assert "export NO_PROXY=intranet,127.0.0.1" in lines
    assert "export no_proxy=intranet,127.0.0.1" in lines


def test_the_exempt_host_is_the_one_that_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    lines = exports("http://192.0.2.7:4600", "us-east-1", KEYS)
    assert "export NO_PROXY=192.0.2.7" in lines
    assert not any(line.startswith("export no_proxy") for line in lines)


ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("told", "images", "expected"),
    [
        pytest.param({}, [f"{ECR}/mine:1"], {"ImageUri": f"{ECR}/mine:1"}, id="one image"),
        pytest.param({"A": "b"}, [], {"A": "b"}, id="none"),
        pytest.param({}, [f"{ECR}/mine:1", "other"], {}, id="several"),
        pytest.param({"ImageUri": f"{ECR}/x:2"}, ["other"], {"ImageUri": f"{ECR}/x:2"}, id="told"),
        pytest.param({"ImageUri": ""}, ["other"], {"ImageUri": ""}, id="told to have none"),
    ],
)
def test_a_single_image_is_the_stacks_unless_it_is_told_another(
    told: dict[str, str], images: list[str], expected: dict[str, str]
) -> None:
    assert stack_parameters(told, {uri: ["run"] for uri in images}, TEMPLATE) == expected


@pytest.mark.parametrize("uri", ["mine:1", f"{ECR}/mine", f"{ECR}/MINE:1"], ids=["short", "no tag", "capitals"])
def test_an_image_that_the_stack_would_refuse_is_told_at_the_start(uri: str) -> None:
    form = r"write it as 123456789012\.dkr\.ecr\.REGION\.amazonaws\.com/NAME:TAG"
    with pytest.raises(EmulatorError, match=rf"--image: .*{form}"):
        stack_parameters({}, {uri: ["run"]}, TEMPLATE)
    with pytest.raises(EmulatorError, match=rf"--parameter ImageUri: .*{form}"):
        stack_parameters({"ImageUri": uri}, {}, TEMPLATE)


@pytest.mark.parametrize(
    "template", [None, "Resources: {}\n", "Parameters: {Other: {Type: String}}\n", "{"], ids=str
)
def test_a_template_without_that_parameter_gets_none(tmp_path: Path, template: str | None) -> None:
    path = tmp_path / "template.yaml"
    if template is not None:
        path.write_text(template)
    assert stack_parameters({}, {"any": ["run"]}, path if template else None) == {}


def test_a_taken_port_is_told_before_anything_heavy_is_loaded() -> None:
    code = (
        "import sys\n"
        "from emulator import address, serve\n"
        "def taken(host, port): raise address.EmulatorError('taken')\n"
        "serve.listen = taken\n"
        "try: serve.serve(print)\n"
        "except address.EmulatorError as error: print(error, 'moto' in sys.modules)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout == "taken False\n"


def test_pairs_keep_what_follows_the_first_sign() -> None:
    assert parse_pairs("--parameter", ["A=b=c", "D="]) == {"A": "b=c", "D": ""}


@pytest.mark.parametrize("words", [["A"], ["=b"], ["A=1", "A=2"]], ids=["no sign", "no name", "twice"])
def test_pairs_that_cannot_be_read_are_refused(words: list[str]) -> None:
    with pytest.raises(EmulatorError, match="--parameter"):
        parse_pairs("--parameter", words)


@pytest.mark.parametrize("word", ["image", "image=", "image='open", "an image=python3", "image=no-such-program"])
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
